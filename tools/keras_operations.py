"""Writes `training/keras_files/operations.txt`: how Keras's files name operations.

Run it where the `bench` extra is installed: `python tools/keras_operations.py`.
"""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

from keras.src.ops.operation import Operation

from tulle.graph.initializers import snake_case
from tulle.graph.registry import ALIASES, OPS

MODULES = ("core", "image", "linalg", "math", "nn", "numpy")
# Where a class has another name than its function.
FUNCTIONS = {
    "AllClose": "allclose",
    "BatchNorm": "batch_normalization",
    "CDist": "cdist",
    "IsIn": "isin",
    "LayerNorm": "layer_normalization",
    "RMSNorm": "rms_normalization",
    "SearchSorted": "searchsorted",
}
NO_NODES = {"Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"}
PLACE = Path(__file__).parents[1] / "training" / "keras_files" / "operations.txt"


def parameters(function) -> str:
    """The names of a function's arguments, `*` before one that takes many."""
    found = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        many = parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "name":
            found.append("*" * many + parameter.name)
    return ",".join(found) or "-"


def rows() -> list[str]:
    """One line a class: module, class, Tulle's op, settings, operands."""
    found = []
    for name in MODULES:
        module = importlib.import_module(f"keras.src.ops.{name}")
        for kind in vars(module).values():
            known = isinstance(kind, type) and issubclass(kind, Operation)
            if not known or kind.__module__ != module.__name__:
                continue
            op = FUNCTIONS.get(kind.__name__, snake_case(kind.__name__))
            op = ALIASES.get(op, op)
            if op in OPS and kind.__name__ not in NO_NODES:
                settings, operands = parameters(kind.__init__), parameters(kind.call)
                found.append(f"{name} {kind.__name__} {op} {settings} {operands}")
    return sorted(found)


if __name__ == "__main__":
    PLACE.write_text("\n".join(rows()) + "\n")
    print(PLACE)
