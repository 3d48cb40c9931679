"""What weights are brought back to after each step."""

from collections.abc import Mapping
from typing import Any

from .graph.calling import told_with
from .graph.constraints import (
    BY_NAME,
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
)
from .graph.constraints import get as _get
from .graph.kinds import CALLS
from .graph.naming import unknown_name
from .training.configured import Kinds, deserialized, serialized, told_to_caller

get = told_to_caller(_get)
_KINDS = Kinds(Constraint, "constraint", "identifier", BY_NAME)


@told_with(CALLS)
def serialize(constraint: Any) -> Any:
    """A constraint as class name and configuration, for JSON.

    >>> serialize(UnitNorm())
    {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    return serialized(constraint)


@told_with(CALLS)
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that `serialize` described; `custom_objects` are your classes.

    >>> deserialize({"class_name": "UnitNorm", "config": {"axis": 0}})
    UnitNorm(axis=0)
    """
    return deserialized(config, custom_objects, _KINDS)


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

__getattr__ = unknown_name("tulle.constraints", __all__)
