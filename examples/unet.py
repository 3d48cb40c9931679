"""The network of unet.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers, ops
from tulle.graph.decide import Condition
from tulle.graph.dim import Dim, Symbol


def size(name: str) -> Dim:
    """Any size from 4 to 1024 that can be halved twice."""
    symbol = Symbol(name, 4, 1024)
    dim = Dim.from_symbol(symbol)
    symbol.conditions = (Condition(dim % 4, "==", Dim.of(0)),)
    return dim


def double(x: Any, filters: int, name: str) -> Any:
    """Two convolutions as one layer."""
    inside = Input(x.type.shape[1:], name="x")
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(inside)
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
    return Model(inside, y, name=name)(x)


def build(channels: int = 8) -> Model:
    height, width = size("H"), size("W")
    noisy = Input((height, width, 1), name="noisy")
    fine = double(noisy, channels, "down1")
    middle = double(layers.MaxPooling2D(2)(fine), 2 * channels, "down2")
    x = double(layers.MaxPooling2D(2)(middle), 4 * channels, "bottom")
    x = ops.concatenate([layers.UpSampling2D(2)(x), middle], -1)
    x = double(x, 2 * channels, "up2")
    x = ops.concatenate([layers.UpSampling2D(2)(x), fine], -1)
    x = double(x, channels, "up1")
    return Model(noisy, layers.Conv2D(1, 1, name="ink")(x), name="UNet")


def arrays() -> dict[str, np.ndarray]:
    """Digits under noise, and where their ink is."""
    image = digits()[0].reshape(-1, 8, 8, 1)
    noise = np.random.default_rng(0).normal(0, 0.3, image.shape)
    noisy = (image + noise).astype("float32")
    return {"noisy": noisy, "mask": (image > 0.5).astype("float32")}
