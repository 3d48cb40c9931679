"""Optimizers, by Keras's names, arguments and numbers."""

from __future__ import annotations

from .optimizer import Optimizer
from .optimizer_names import CLASSES, deserialize, get, serialize
from .optimizers_descent import SGD, Adadelta, Adagrad, Ftrl, Lion, RMSprop
from .optimizers_matrices import Adafactor, Muon
from .optimizers_moments import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from .optimizers_wrapping import LossScaleOptimizer, MultiOptimizer, OptimizerMap

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "serialize",
]

BY_NAME = CLASSES
CLASSES.update(
    (kind.__name__.lower(), kind)
    for kind in (
        SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion,
        LossScaleOptimizer, MultiOptimizer, Muon, Nadam, RMSprop, ScheduleFreeAdamW,
    )
)  # fmt: skip
