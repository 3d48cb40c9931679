"""Rows of the layers of core, activation, merging, pooling and the like."""

from layer_row import LayerRow, row

ROWS = [
    row("Dense", "B 3", units=4),
    row("Dense", "B T 3", units=2, activation="tanh", use_bias=False),
    row("Activation", "B 3", activation="tanh"),
    LayerRow("Add", {}, ("B 3", "B 3"), listed=True),
    LayerRow("Embedding", {"input_dim": 5, "output_dim": 3}, ("B T",), high=5),
    LayerRow("Dropout", {"rate": 0.5}, ("B 3",), random=True),
]
