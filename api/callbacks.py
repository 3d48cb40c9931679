"""Callbacks of `fit`."""

from .graph.naming import unknown_name
from .training.backups import BackupAndRestore
from .training.callbacks import Callback, CallbackList, History, LambdaCallback
from .training.callbacks_control import (
    LearningRateScheduler,
    SwapEMAWeights,
    TerminateOnNaN,
)
from .training.callbacks_logging import CSVLogger, JSONLogger, ProgbarLogger
from .training.callbacks_monitoring import (
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from .training.callbacks_tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "JSONLogger",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

__getattr__ = unknown_name("tulle.callbacks", __all__)
