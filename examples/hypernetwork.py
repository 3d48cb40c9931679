"""The network of hypernetwork.net in Python: the same names, the same graph."""

import numpy as np

from tulle import Input, Model, layers, ops

WIDTH = 16


def build() -> Model:
    wave, at = Input((2,), name="wave"), Input(("N", 1), name="at")
    idea = layers.Dense(64, activation="tanh")(wave)
    idea = layers.Dense(64, activation="tanh")(idea)
    w1 = layers.Reshape((1, WIDTH))(layers.Dense(WIDTH)(idea))
    b1 = layers.Reshape((1, WIDTH))(layers.Dense(WIDTH)(idea))
    w2 = layers.Reshape((WIDTH, 1))(layers.Dense(WIDTH)(idea))
    return Model([wave, at], ops.tanh(at @ w1 + b1) @ w2, name="Hyper")


def arrays() -> dict[str, np.ndarray]:
    """Waves of random frequency and phase at random points."""
    random = np.random.default_rng(0)
    frequency = random.uniform(1.0, 3.0, (800, 1, 1))
    phase = random.uniform(0.0, 3.0, (800, 1, 1))
    at = random.uniform(-1.0, 1.0, (800, 12, 1))
    height = np.sin(frequency * at + phase)
    wave = np.concatenate([frequency, phase], axis=1)[:, :, 0]
    named = {"wave": wave, "at": at, "height": height}
    return {name: array.astype("float32") for name, array in named.items()}
