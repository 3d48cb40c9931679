"""The networks of physics.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np

import tulle
from tulle import Input, Model, layers, ops

D, W = 0.5, 3.0


def build() -> Model:
    t = Input((), name="t")
    x = ops.expand_dims(t, -1)
    x = layers.Dense(32, activation="tanh")(x)
    x = layers.Dense(32, activation="tanh")(x)
    swing = Model(t, layers.Dense(1)(x)[:, 0], name="Swing")

    def height(t: Any) -> Any:
        return ops.sum(swing(t))

    def speed(t: Any) -> Any:
        return ops.sum(tulle.grad(height)(t))

    t = Input((), name="t")
    first, second = tulle.grad(height)(t), tulle.grad(speed)(t)
    begin = 0.0 * t
    outputs = {
        "residual": second + 2.0 * D * first + W**2 * swing(t),
        "height": swing(begin),
        "speed": tulle.grad(height)(begin),
    }
    return Model(t, outputs, name="Physics")


def arrays() -> dict[str, np.ndarray]:
    """Moments between 0 and 3, where the equation is to hold."""
    return {"t": np.random.default_rng(0).uniform(0.0, 3.0, 512).astype("float32")}


def solution(t: np.ndarray) -> np.ndarray:
    """What the network has to find."""
    fast = np.sqrt(W**2 - D**2)
    return np.exp(-D * t) * (np.cos(fast * t) + D / fast * np.sin(fast * t))
