"""Tulle: a small typed language for neural networks and its compiler.

The names are Keras's. Importing this package imports nothing else: a name is fetched
when it is first used, so that `import tulle` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import activations as activations
    from . import backend as backend
    from . import callbacks as callbacks
    from . import config as config
    from . import constraints as constraints
    from . import data as data
    from . import dtype_policies as dtype_policies
    from . import initializers as initializers
    from . import layers as layers
    from . import losses as losses
    from . import metrics as metrics
    from . import mixed_precision as mixed_precision
    from . import models as models
    from . import ops as ops
    from . import optimizers as optimizers
    from . import preprocessing as preprocessing
    from . import random as random
    from . import regularizers as regularizers
    from . import saving as saving
    from . import tree as tree
    from . import utils as utils
    from .backend.function import function as function
    from .backend.tapes import GradientTape as GradientTape
    from .backend.tapes import grad as grad
    from .backend.tapes import hessian as hessian
    from .backend.tapes import jacobian as jacobian
    from .backend.tapes import jvp as jvp
    from .backend.tapes import value_and_grad as value_and_grad
    from .backend.tapes import vjp as vjp
    from .dsl import Module as Module
    from .dsl import check as check
    from .dsl import load as load
    from .dsl import loads as loads
    from .dsl.to_net import to_net as to_net
    from .graph.configuration import version as version
    from .graph.device import device as device
    from .graph.device import devices as devices
    from .graph.diagnostics import BackendError as BackendError
    from .graph.diagnostics import DataError as DataError
    from .graph.diagnostics import Diagnostic as Diagnostic
    from .graph.diagnostics import GradientError as GradientError
    from .graph.diagnostics import InternalError as InternalError
    from .graph.diagnostics import LanguageError as LanguageError
    from .graph.diagnostics import RunShapeError as RunShapeError
    from .graph.diagnostics import TensorTypeError as TensorTypeError
    from .graph.diagnostics import TulleError as TulleError
    from .graph.functional import functional_call as functional_call
    from .graph.initializers import Initializer as Initializer
    from .graph.input_spec import InputSpec as InputSpec
    from .graph.layer import Layer as Layer
    from .graph.network import Input as Input
    from .graph.policies import DTypePolicy as DTypePolicy
    from .graph.policies import FloatDTypePolicy as FloatDTypePolicy
    from .graph.regularizers import Regularizer as Regularizer
    from .graph.tensor import KerasTensor as KerasTensor
    from .graph.tensor import SymbolicTensor as SymbolicTensor
    from .graph.tensor import Tensor as Tensor
    from .graph.tensor import constant as constant
    from .graph.tensor import convert_to_tensor as convert_to_tensor
    from .graph.transforms import custom_gradient as custom_gradient
    from .graph.transforms import remat as remat
    from .graph.variable import Variable as Variable
    from .training.loss import Loss as Loss
    from .training.metric import Metric as Metric
    from .training.model import Model as Model
    from .training.model import Sequential as Sequential
    from .training.optimizer import Optimizer as Optimizer
    from .training.saving import load_model as load_model

    __version__: str

_MODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
)
_HOMES = {
    "BackendError": "graph.diagnostics",
    "DTypePolicy": "graph.policies",
    "DataError": "graph.diagnostics",
    "Diagnostic": "graph.diagnostics",
    "FloatDTypePolicy": "graph.policies",
    "GradientError": "graph.diagnostics",
    "GradientTape": "backend.tapes",
    "Initializer": "graph.initializers",
    "Input": "graph.network",
    "InputSpec": "graph.input_spec",
    "InternalError": "graph.diagnostics",
    "KerasTensor": "graph.tensor",
    "LanguageError": "graph.diagnostics",
    "Layer": "graph.layer",
    "Loss": "training.loss",
    "Metric": "training.metric",
    "Model": "training.model",
    "Module": "dsl",
    "Optimizer": "training.optimizer",
    "Regularizer": "graph.regularizers",
    "RunShapeError": "graph.diagnostics",
    "Sequential": "training.model",
    "SymbolicTensor": "graph.tensor",
    "Tensor": "graph.tensor",
    "TensorTypeError": "graph.diagnostics",
    "TulleError": "graph.diagnostics",
    "Variable": "graph.variable",
    "check": "dsl",
    "constant": "graph.tensor",
    "convert_to_tensor": "graph.tensor",
    "custom_gradient": "graph.transforms",
    "device": "graph.device",
    "devices": "graph.device",
    "function": "backend.function",
    "functional_call": "graph.functional",
    "grad": "backend.tapes",
    "hessian": "backend.tapes",
    "jacobian": "backend.tapes",
    "jvp": "backend.tapes",
    "load": "dsl",
    "load_model": "training.saving",
    "loads": "dsl",
    "remat": "graph.transforms",
    "to_net": "dsl.to_net",
    "value_and_grad": "backend.tapes",
    "version": "graph.configuration",
    "vjp": "backend.tapes",
}

__all__ = [  # noqa: PLE0604 - both are names
    *_MODULES,
    *_HOMES,
    "__version__",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("tulle")
    else:
        from .graph.naming import unknown_name

        unknown_name("tulle", __all__)(name)
    globals()[name] = value
    return value
