"""Initial values of weights."""

from collections.abc import Mapping
from typing import Any

from .graph import initializers as _initializers
from .graph.calling import told_with
from .graph.initializers import (
    STFT,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from .graph.kinds import CALLS
from .graph.naming import unknown_name
from .training.configured import Kinds, deserialized, serialized, told_to_caller

get = told_to_caller(_initializers.get)
_KINDS = Kinds(
    Initializer,
    "initializer",
    "identifier",
    _initializers.BY_NAME,
)


@told_with(CALLS)
def serialize(initializer: Any) -> Any:
    """An initializer as class name and configuration, for JSON.

    >>> serialize(Constant(2.0))
    {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    return serialized(initializer)


@told_with(CALLS)
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that `serialize` described; `custom_objects` are your classes.

    >>> deserialize({"class_name": "Constant", "config": {"value": 2.0}})
    Constant(value=2.0)
    """
    return deserialized(config, custom_objects, _KINDS)


IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
STFTInitializer = STFT
globals().update(_initializers.BY_NAME)

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]
__all__ += list(_initializers.BY_NAME)

__getattr__ = unknown_name("tulle.initializers", __all__)
