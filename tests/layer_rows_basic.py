"""Rows of the layers of core, activation, merging, regularization and reshaping."""

from layer_row import LayerRow, row

from tulle.graph.registry import OPS

PAIR = ("B T 3", "B T 3")
L1 = {"class": "L1", "config": {"l1": 0.1}}
L2 = {"class": "L2", "config": {"l2": 0.1}}
NON_NEGATIVE = {"class": "NonNeg", "config": {}}

CORE = [
    row("Dense", "B 3", units=4),
    row("Dense", "B T 3", units=2, activation="tanh", use_bias=False),
    row("Dense", "B H W 3", units=2, activation="softmax"),
    row("Dense", "B 3", units=2, kernel_regularizer=L2, bias_regularizer=L1),
    row("Dense", "B 3", units=2, activity_regularizer=L2),
    row("Dense", "B 3", units=2, kernel_constraint=NON_NEGATIVE),
    row("Dense", "B 3", units=4, lora_rank=2, lora_alpha=3.0),
    LayerRow("Embedding", {"input_dim": 5, "output_dim": 3}, ("B T",), high=5),
    LayerRow(
        "Embedding",
        {"input_dim": 5, "output_dim": 3, "mask_zero": True, "lora_rank": 2},
        ("B T",),
        high=5,
    ),
    LayerRow(
        "Embedding",
        {"input_dim": 5, "output_dim": 3, "embeddings_regularizer": L2},
        ("B",),
        high=5,
    ),
    LayerRow(
        "ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}, ("B T",), high=5
    ),
    LayerRow(
        "ReversibleEmbedding",
        {"input_dim": 5, "output_dim": 3, "logit_soft_cap": 2.0},
        ("B T 3",),
        call={"reverse": True},
    ),
    LayerRow(
        "ReversibleEmbedding",
        {"input_dim": 5, "output_dim": 3, "tie_weights": False, "mask_zero": True},
        ("B T 3",),
        call={"reverse": True},
    ),
    row("Identity", "B T 3"),
    LayerRow("Identity", {}, ("B T 3",), masks=(0,)),
    LayerRow(
        "Lambda",
        {"function": OPS["square"]},
        ("B 3",),
        peer=False,
        why="its function is one of Tulle's",
    ),
    row("Masking", "B T 3"),
    row("Masking", "B T 3", mask_value=0.5),
]

ACTIVATIONS = [
    row("Activation", "B 3", activation="tanh"),
    row("Activation", "B T 3", activation="gelu"),
    row("Activation", "B 3", activation="linear"),
    row("ReLU", "B 3"),
    row("ReLU", "B 3", max_value=0.5, negative_slope=0.1, threshold=0.2),
    row("ReLU", "B 3", threshold=0.2),
    row("LeakyReLU", "B 3"),
    row("LeakyReLU", "B T 3", negative_slope=0.05),
    row("ELU", "B 3"),
    row("ELU", "B T 3", alpha=0.5),
    row("PReLU", "B 4 3", alpha_initializer="ones"),
    row("PReLU", "B H W 3", alpha_initializer="glorot_uniform", shared_axes=[1, 2]),
    row("PReLU", "B T", shared_axes=1, alpha_regularizer=L2),
    row("Softmax", "B 3"),
    row("Softmax", "B T 3", axis=1),
    row("Softmax", "B H W 3", axis=[1, 2]),
]

MERGING = [
    *(LayerRow(name, {}, PAIR, listed=True) for name in ("Add", "Multiply")),
    *(LayerRow(name, {}, PAIR, listed=True) for name in ("Average", "Subtract")),
    *(LayerRow(name, {}, PAIR, listed=True) for name in ("Maximum", "Minimum")),
    *(
        LayerRow(name, {}, ("B T 3", "B 1 3", "B 3"), listed=True)
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
    ),
    *(
        LayerRow(name, {}, (*PAIR, PAIR[0]), listed=True, masks=masks)
        for name in ("Add", "Multiply", "Maximum", "Minimum")
        for masks in ((0, 1, 2), (0,), (1, 2))
    ),
    LayerRow("Concatenate", {}, ("B T 3", "B T 2"), listed=True),
    LayerRow("Concatenate", {"axis": 1}, ("B T 3", "B S 3"), listed=True),
    LayerRow("Concatenate", {"axis": 1}, ("B T 3", "B S 3"), listed=True, masks=(1,)),
    LayerRow("Dot", {"axes": 1}, ("B 4", "B 4"), listed=True),
    LayerRow("Dot", {"axes": [2, 1]}, ("B T 4", "B 4 S"), listed=True),
    LayerRow("Dot", {"axes": -1, "normalize": True}, ("B T 4", "B S 4"), listed=True),
    LayerRow("Dot", {"axes": [1, 2]}, ("B 4", "B T 4"), listed=True),
    LayerRow("Dot", {"axes": [2, 3]}, ("B T 4 3", "B S 2 4"), listed=True),
]

REGULARIZATION = [
    LayerRow("Dropout", {"rate": 0.5}, ("B 3",), random=True),
    LayerRow(
        "Dropout", {"rate": 0.2, "noise_shape": [None, 1, 3]}, ("B T 3",), random=True
    ),
    LayerRow("AlphaDropout", {"rate": 0.5}, ("B 3",), random=True),
    LayerRow(
        "AlphaDropout", {"rate": 0.2, "noise_shape": [None, 1]}, ("B 3",), random=True
    ),
    LayerRow("GaussianDropout", {"rate": 0.5}, ("B 3",), random=True),
    LayerRow("GaussianNoise", {"stddev": 0.5}, ("B 3",), random=True),
    LayerRow("SpatialDropout1D", {"rate": 0.5}, ("B T 3",), random=True),
    LayerRow("SpatialDropout2D", {"rate": 0.5}, ("B H W 3",), random=True),
    LayerRow("SpatialDropout3D", {"rate": 0.5}, ("B D H W 3",), random=True),
    row("ActivityRegularization", "B 3", l1=0.1, l2=0.2),
]

RESHAPING = [
    row("Flatten", "B 4 3"),
    row("Flatten", "B T 3", data_format="channels_first"),
    row("Flatten", "B"),
    row("Permute", "B T 3", dims=[2, 1]),
    row("Permute", "B H W 3", dims=[3, 1, 2]),
    row("RepeatVector", "B 3", n=4),
    row("Reshape", "B 4 3", target_shape=[6, 2]),
    row("Reshape", "B T 6", target_shape=[-1, 2]),
]

ROWS = [*CORE, *ACTIVATIONS, *MERGING, *REGULARIZATION, *RESHAPING]
