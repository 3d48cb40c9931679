"""Arrays and numbers in nests, as tensors.

What counts as one tensor is not the same everywhere: a list of numbers is one for a
layer, and several for a loop.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from . import tree
from .conversion import convert, is_variable
from .cyclic_nests import refuses_cyclic_nests
from .registry import call
from .tensor import convert_to_tensor


@refuses_cyclic_nests
def arrays_as_tensors(nest: Any) -> Any:
    """A nest with tensors in the place of arrays; all else stays as it is."""
    return _with_arrays(nest)


def _with_arrays(nest: Any) -> Any:
    if isinstance(nest, (np.ndarray, np.generic)):
        return convert_to_tensor(nest)
    if isinstance(nest, (list, tuple, dict)):
        return tree.map_items(nest, _with_arrays)
    return nest


def lists_as_tensors(nest: Any, numbers: bool = False) -> Any:
    """A nest with tensors in the place of arrays and of nested lists of numbers.

    With `numbers`, a number that stands alone is one too.
    """
    if isinstance(nest, (np.ndarray, np.generic)):
        return convert_to_tensor(nest)
    if numbers and isinstance(nest, (bool, int, float)):
        return convert_to_tensor(nest)
    if isinstance(nest, list) and nest and _numeric(nest):
        return convert_to_tensor(nest)
    if isinstance(nest, (list, tuple, dict)):
        return tree.map_items(nest, partial(lists_as_tensors, numbers=numbers))
    return nest


def _numeric(value: Any) -> bool:
    """Whether a nested list holds numbers and nothing else."""
    if isinstance(value, list):
        return all(map(_numeric, value))
    return isinstance(value, (bool, int, float, np.generic))


def leaves_as_tensors(nest: Any) -> Any:
    """A nest with tensors in the place of all that is no nest, but None."""
    if nest is None:
        return None
    if isinstance(nest, (list, tuple, dict)):
        return tree.map_items(nest, leaves_as_tensors)
    found = convert(nest)
    if is_variable(found):
        # Its value now, which tapes follow as they follow the variable.
        return call("reshape", found, found.type.shape)
    return found


@refuses_cyclic_nests
def holds_arrays(nest: Any) -> bool:
    """Whether NumPy arrays are in a nest."""
    if isinstance(nest, dict):
        nest = tuple(nest.values())
    if isinstance(nest, (list, tuple)):
        return any(map(holds_arrays, nest))
    return isinstance(nest, (np.ndarray, np.generic))
