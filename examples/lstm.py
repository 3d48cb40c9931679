"""The network of lstm.net in Python: the same names, the same graph."""

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers


def build() -> Model:
    rows = Input(("T", 8), name="rows")
    x = layers.LSTM(48, name="memory")(rows)
    x = layers.Dropout(0.1)(x)
    return Model(rows, layers.Dense(10, name="logits")(x), name="Reader")


def arrays() -> dict[str, np.ndarray]:
    image, label = digits()
    return {"rows": image.reshape(-1, 8, 8), "label": label}
