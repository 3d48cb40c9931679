"""The network of vae.net in Python: the same names, the same graph."""

import numpy as np
from digits_data import digits

from tulle import Input, Model, layers, ops


def build(codes: int = 4) -> Model:
    image = Input((64,), name="image")
    seen = layers.Dense(64, activation="relu", name="encoder")(image)
    center = layers.Dense(codes, name="center")(seen)
    log_var = layers.Dense(codes, name="log_var")(seen)
    noise = layers.GaussianNoise(1.0)(ops.zeros_like(center))
    code = center + ops.exp(0.5 * log_var) * noise
    x = layers.Dense(64, activation="relu", name="decoder")(code)
    recon = layers.Dense(64, name="pixels")(x)
    outputs = {"recon": recon, "center": center, "log_var": log_var}
    return Model(image, outputs, name="Vae")


def arrays() -> dict[str, np.ndarray]:
    return {"image": digits()[0]}
