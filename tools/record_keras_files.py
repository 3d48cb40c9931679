"""Lets Keras save the models of `tests/keras_models.py`, for the tests of this library.

`python tools/record_keras_files.py [MODEL …]`, where the `bench` extra is installed,
writes for each model the file of Keras, what Keras predicts with it, and what it
predicts after one more epoch: `tests/data/keras/`. Keras runs on JAX, but for
`lookups`, which needs `KERAS_BACKEND=tensorflow`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import keras_models

PLACE = Path(keras_models.__file__).parent / "data" / "keras"
WEIGHTS = ("branches", "own")  # of which the weights alone are saved too


def predictions(model: Any, given: Any, start: str) -> dict[str, np.ndarray]:
    """What a model predicts, by the names of its outputs."""
    found = model.predict(given, verbose=0)
    outputs = found if isinstance(found, dict) else {"": found}
    return {f"{start}{name}": array for name, array in outputs.items()}


def record(name: str) -> None:
    """The files of one model."""
    keras.utils.set_random_seed(1)
    model, given, targets = keras_models.MODELS[name](keras)
    if name in WEIGHTS:
        model.save_weights(PLACE / f"{name}.weights.h5")
    if name != "own":
        model.save(PLACE / f"{name}.keras")
    found = predictions(model, given, "predicted ")
    if targets is not None:
        history = model.fit(given, targets, verbose=0, shuffle=False).history
        found["loss"] = np.array(history["loss"])
        found |= predictions(model, given, "trained ")
    np.savez_compressed(PLACE / f"{name}.npz", **found)


if __name__ == "__main__":
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or keras_models.MODELS.keys() - {"lookups"}:
        record(name)
        print(name)
