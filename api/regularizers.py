"""What weights and activations add to the loss."""

from collections.abc import Mapping
from typing import Any

from .graph.calling import told_with
from .graph.kinds import CALLS
from .graph.naming import unknown_name
from .graph.regularizers import (
    BY_NAME,
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    Regularizer,
)
from .graph.regularizers import get as _get
from .training.configured import Kinds, deserialized, serialized, told_to_caller

get = told_to_caller(_get)
_KINDS = Kinds(Regularizer, "regularizer", "identifier", BY_NAME)


@told_with(CALLS)
def serialize(regularizer: Any) -> Any:
    """A regularizer as class name and configuration, for JSON.

    >>> serialize(L1(0.5))
    {'class_name': 'L1', 'config': {'l1': 0.5}}
    """
    return serialized(regularizer)


@told_with(CALLS)
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that `serialize` described; `custom_objects` are your classes.

    >>> deserialize({"class_name": "L1", "config": {"l1": 0.5}})
    L1(l1=0.5)
    """
    return deserialized(config, custom_objects, _KINDS)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

__getattr__ = unknown_name("tulle.regularizers", __all__)
