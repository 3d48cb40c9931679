"""Rows of the layers that widen, narrow, repeat or resize axes of space."""

from layer_row import LayerRow, row

FIRST = "channels_first"


def cropping(name: str, shape: str, least: dict, **config: object) -> LayerRow:
    return LayerRow(name, config, (shape,), least=least)


ROWS = [
    row("ZeroPadding1D", "B T 2"),
    row("ZeroPadding1D", "B 2 T", padding=[0, 2], data_format=FIRST),
    row("ZeroPadding2D", "B H W 2"),
    row("ZeroPadding2D", "B H W 2", padding=[1, 2]),
    row("ZeroPadding2D", "B 2 H W", padding=[[1, 0], [2, 3]], data_format=FIRST),
    LayerRow("ZeroPadding2D", {"padding": 2}, ("B H W 1",), high=7, gradients=False),
    row("ZeroPadding3D", "B D H W 2"),
    row("ZeroPadding3D", "B 2 D H W", padding=[1, 0, [2, 1]], data_format=FIRST),
    cropping("Cropping1D", "B T 2", {"T": 3}),
    cropping("Cropping1D", "B T 2", {"T": 2}, cropping=[0, 1]),
    cropping("Cropping2D", "B H W 2", {}),
    cropping("Cropping2D", "B H W 2", {"H": 3, "W": 2}, cropping=[[1, 1], [0, 1]]),
    cropping("Cropping2D", "B 2 H W", {"H": 3, "W": 5}, cropping=[1, 2],
             data_format=FIRST),
    cropping("Cropping3D", "B D H W 1", {"D": 3, "H": 3, "W": 3}),
    cropping("Cropping3D", "B 2 D H W", {"D": 2, "W": 4}, cropping=[[1, 0], 0, [1, 2]],
             data_format=FIRST),
    row("UpSampling1D", "B T 2"),
    row("UpSampling1D", "B T 2", size=3),
    row("UpSampling2D", "B H W 2"),
    row("UpSampling2D", "B 2 H W", size=[3, 1], data_format=FIRST),
    row("UpSampling2D", "B H W 2", size=[3, 2], interpolation="bilinear"),
    row("UpSampling2D", "B 2 H W", size=2, interpolation="bicubic", data_format=FIRST),
    row("UpSampling2D", "B H W 1", interpolation="lanczos3"),
    row("UpSampling2D", "B H W 1", size=3, interpolation="lanczos5"),
    row("UpSampling3D", "B D H W 2"),
    row("UpSampling3D", "B 2 D H W", size=[1, 3, 2], data_format=FIRST),
    row("Resizing", "B H W 2", height=4, width=3),
    row("Resizing", "B 2 H W", height=2, width=9, interpolation="nearest",
        data_format=FIRST),
    row("Resizing", "B H W 2", height=3, width=8, interpolation="bicubic"),
    row("Resizing", "H W 2", height=4, width=4, interpolation="lanczos3",
        antialias=True, data_format="channels_last"),
    row("Resizing", "B H W 1", height=2, width=3, interpolation="lanczos5"),
    row("Resizing", "B H W 2", height=2, width=2, antialias=True),
    row("Resizing", "B H W 2", height=2, width=5, crop_to_aspect_ratio=True),
    row("Resizing", "B 2 H W", height=5, width=2, pad_to_aspect_ratio=True,
        fill_value=0.5, data_format=FIRST),
    row("Resizing", "B H W 2", height=3, width=8, pad_to_aspect_ratio=True),
    LayerRow("Resizing", {"height": 3, "width": 9, "interpolation": "bicubic"},
             ("B H W 2",), high=9, gradients=False),
    row("CenterCrop", "B H W 2", height=2, width=3),
    row("CenterCrop", "B 2 H W", height=3, width=4, data_format=FIRST),
    row("CenterCrop", "H W 2", height=4, width=2, data_format="channels_last"),
    row("CenterCrop", "B H W 2", height=9, width=4),
]  # fmt: skip
