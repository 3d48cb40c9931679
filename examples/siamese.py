"""The network of siamese.net in Python: the same names, the same graph."""

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers, ops


def build() -> Model:
    left, right = Input((64,), name="left"), Input((64,), name="right")
    encoder = layers.Dense(32, activation="tanh", name="encoder")
    apart = encoder(left) - encoder(right)
    distance = ops.sqrt(ops.sum(apart**2, axis=-1) + 1e-6)
    return Model([left, right], distance, name="Siamese")


def arrays() -> dict[str, np.ndarray]:
    """Pairs of digits, half of them equal."""
    image, label = digits()
    random = np.random.default_rng(0)
    left = random.integers(len(label), size=3000)
    right = random.integers(len(label), size=3000)
    for place in range(0, len(left), 2):
        right[place] = random.choice(np.flatnonzero(label == label[left[place]]))
    same = (label[left] == label[right]).astype("float32")
    return {"left": image[left], "right": image[right], "same": same}
