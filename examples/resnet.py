"""The network of resnet.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers, ops


def residual(x: Any, name: str) -> Any:
    """What two convolutions find, added to what came in, as one layer."""
    inside = Input(x.type.shape[1:], name="x")
    channels = int(x.shape[-1])
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inside)
    y = ops.relu(layers.BatchNormalization()(y))
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    return Model(inside, ops.relu(inside + y), name=name)(x)


def build(depth: int = 2, width: int = 8) -> Model:
    image = Input((64,), name="image")
    x = ops.reshape(image, (-1, 8, 8, 1))
    x = layers.Conv2D(width, 3, padding="same", name="stem")(x)
    for turn in range(depth):
        x = residual(x, f"fine[{turn}]")
    x = layers.Conv2D(2 * width, 3, strides=2, padding="same", name="halve")(x)
    for turn in range(depth):
        x = residual(x, f"coarse[{turn}]")
    x = layers.GlobalAveragePooling2D()(x)
    return Model(image, layers.Dense(10, name="logits")(x), name="ResNet")


def arrays() -> dict[str, np.ndarray]:
    image, label = digits()
    return {"image": image, "label": label}
