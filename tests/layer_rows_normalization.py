"""Rows of the layers that normalize."""

from layer_row import LayerRow, row

L2 = {"class": "L2", "config": {"l2": 0.1}}
DENSE = {"class": "Dense", "config": {"units": 4}}

ROWS = [
    row("BatchNormalization", "B 3"),
    row("BatchNormalization", "B 3 H W", axis=1, momentum=0.7),
    row("BatchNormalization", "B H 3 W", axis=-2, scale=False, epsilon=0.1),
    row("BatchNormalization", "B T 3", center=False, gamma_regularizer=L2),
    LayerRow("BatchNormalization", {"momentum": 0.5}, ("B T 3",), masks=(0,)),
    # The corrections r and d take no part in gradients: differences would disagree.
    LayerRow(
        "BatchNormalization", {"renorm": True}, ("B T 3",), masks=(0,), gradients=False
    ),
    row("BatchNormalization", "B 3", moving_variance_initializer="zeros"),
    LayerRow(
        "BatchNormalization",
        {"renorm": True, "momentum": 0.5, "scale": False},
        ("B T 3",),
        gradients=False,
    ),
    LayerRow(
        "BatchNormalization",
        {
            "axis": 1,
            "renorm": True,
            "renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.1},
            "renorm_momentum": 0.6,
            "center": False,
        },
        ("B 3 T",),
        gradients=False,
    ),
    row("BatchNormalization", "B 3", trainable=False),
    row("LayerNormalization", "B T 3"),
    row("LayerNormalization", "B 3 4", axis=[1, 2], epsilon=1e-5),
    row("LayerNormalization", "B 3 T 4", axis=[3, 1], scale=False),
    row("LayerNormalization", "B 3 T", axis=1, center=False, gamma_regularizer=L2),
    row("LayerNormalization", "B 3", rms_scaling=True),
    row("LayerNormalization", "B 3 T", axis=-2, rms_scaling=True, scale=False),
    row("GroupNormalization", "B H W 4", groups=2),
    row("GroupNormalization", "B 6 H W", groups=3, axis=1, center=False),
    row("GroupNormalization", "B H 6 W", groups=2, axis=-2, epsilon=0.1),
    row("GroupNormalization", "B T 4", groups=-1, scale=False),
    row("GroupNormalization", "B 4", groups=1, beta_regularizer=L2),
    row("RMSNormalization", "B T 3"),
    row("RMSNormalization", "B 3 4", axis=[1, 2], epsilon=0.1),
    LayerRow(
        "RMSNormalization",
        {"axis": 1},
        ("B 3 T",),
        peer=False,
        why="Keras multiplies the last axis by the weight of an inner one",
    ),
    row("UnitNormalization", "B T 3"),
    row("UnitNormalization", "B 3 T", axis=[1, 2]),
    # The singular vectors are taken as fixed: differences would disagree.
    LayerRow(
        "SpectralNormalization",
        {"layer": DENSE, "power_iterations": 2},
        ("B 5",),
        gradients=False,
    ),
    LayerRow("SpectralNormalization", {"layer": DENSE}, ("B T 5",), gradients=False),
]
