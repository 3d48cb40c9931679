"""Rows of the layers that prepare data."""

from layer_row import LayerRow, row

LAST = {"data_format": "channels_last"}

ROWS = [
    row("Rescaling", "B 3", scale=2.0),
    row("Rescaling", "B T 3", scale=0.5, offset=[1.0, 2.0, 3.0]),
    LayerRow("Rescaling", {"scale": 0.1}, ("B T",), high=9, gradients=False),
    row("Normalization", "B 3"),
    row("Normalization", "B T 3", invert=True),
    row("Normalization", "B 4 3", axis=[1, 2]),
    row("Normalization", "B T 3", mean=[0.5, 1.0, 2.0], variance=[1.0, 4.0, 0.25]),
    row("Normalization", "B T 3", axis=None, mean=0.5, variance=4.0),
    row("Normalization", "B 4 3", axis=[1, 2], mean=0.5, variance=4.0, invert=True),
    *(
        LayerRow(
            "CategoryEncoding",
            {"num_tokens": 5, "output_mode": mode},
            sizes,
            high=5,
            gradients=False,
        )
        for mode in ("multi_hot", "count", "one_hot")
        for sizes in (("B 4",), ("B",), ("B 1",))
    ),
    *(
        LayerRow(
            "Discretization",
            {"bin_boundaries": [-0.5, 0.0, 0.7], "output_mode": mode},
            sizes,
            gradients=False,
        )
        for mode in ("int", "multi_hot", "count", "one_hot")
        for sizes in (("B 4",), ("B T 1",))
    ),
    *(
        LayerRow(name, config, ("B H W 3",), random=True, call={"training": False})
        for name, config in (
            ("RandomFlip", LAST),
            ("RandomBrightness", {"factor": 0.2}),
            ("RandomContrast", {"factor": 0.2}),
            ("RandomGrayscale", LAST),
            ("RandomInvert", LAST),
            ("RandomPosterization", {"factor": 4, **LAST}),
            ("RandomSaturation", {"factor": 0.5, **LAST}),
            ("Solarization", {"addition_factor": 0.2, "threshold_factor": 0.3}),
        )
    ),
    row("AutoContrast", "B 4 5 3"),
]
