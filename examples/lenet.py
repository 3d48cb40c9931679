"""The network of lenet.net in Python: the same names, the same graph."""

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers, ops


def build() -> Model:
    image = Input((64,), name="image")
    x = ops.reshape(image, (-1, 8, 8, 1))
    x = layers.Conv2D(6, 3, padding="same", activation="tanh", name="c1")(x)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="tanh", name="c3")(x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = layers.Dense(84, activation="tanh", name="f5")(layers.Flatten()(x))
    return Model(image, layers.Dense(10, name="logits")(x), name="LeNet")


def arrays() -> dict[str, np.ndarray]:
    image, label = digits()
    return {"image": image, "label": label}
