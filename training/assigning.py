"""Weights from a file: names and shapes are compared first, then all are assigned."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..graph.diagnostics import DataError, Diagnostic, caller_span
from ..graph.types import DTYPES
from ..graph.variable import Variable
from .archives import refuse
from .notices import warn

Arrays = dict[str, np.ndarray[Any, Any]]
Pairs = list[tuple[Variable, Any]]


def matched(
    place: Path,
    variables: Mapping[str, Variable],
    given: Mapping[str, Any],
    skip_mismatch: bool = False,
) -> Pairs:
    """Variables with their new values; refuses what does not fit, T0704.

    With `skip_mismatch` that is told in a warning and left as it is.
    """
    pairs, reasons = [], []
    for name, variable in variables.items():
        if name not in given:
            reasons.append(f"it has no weight `{name}`")
        elif given[name].shape != variable.shape:
            reasons.append(
                f"its `{name}` has shape {given[name].shape} and the model's "
                f"{variable.shape}"
            )
        else:
            pairs.append((variable, given[name]))
    strange = [name for name in given if name not in variables]
    if strange:
        reasons.append(f"it has the weight `{strange[0]}`, which the model has not")
    tell(place, reasons, skip_mismatch)
    return pairs


def tell(place: Path, reasons: list[str], skip_mismatch: bool) -> None:
    """Refuse a file for the first reason, or warn of all of them."""
    if reasons and not skip_mismatch:
        misfit(place, reasons[0])
    if reasons:
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        warn(f"not all weights came from `{place}`: {reasons[0]}{more}")


def assign(pairs: Iterable[tuple[Variable, Any]]) -> None:
    """Give variables their values."""
    for variable, value in pairs:
        variable.assign(value)


def to_bytes(arrays: Arrays) -> bytes:
    """Arrays in the safetensors format."""
    from safetensors.numpy import save

    whole = {n: np.ascontiguousarray(a).reshape(a.shape) for n, a in arrays.items()}
    return save(whole)


def from_bytes(place: Path, content: bytes) -> Arrays:
    """The arrays of a safetensors file; its header is checked before."""
    from safetensors import SafetensorError, deserialize

    _check_header(place, content)
    try:
        return {name: _array(row) for name, row in deserialize(content)}
    except (
        SafetensorError, ValueError, TypeError, KeyError, AttributeError
    ) as error:  # fmt: skip
        refuse(place, f"its weights cannot be read: {error}")


def _array(row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """An array of a file; the loader of the package itself knows no bfloat16."""
    dtype = DTYPES[row["dtype"].lower()].numpy
    return np.frombuffer(row["data"], dtype).reshape(row["shape"])


def _check_header(place: Path, content: bytes) -> None:
    """Sizes that the header declares must be there."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        refuse(place, "it is no safetensors file, or cut off")
    try:
        header = json.loads(content[8 : 8 + length])
        rows = [row for name, row in header.items() if name != "__metadata__"]
        total = sum(
            math.prod(row["shape"]) * (row["data_offsets"][1] > row["data_offsets"][0])
            for row in rows
        )
        if total > len(content):
            refuse(place, "its header declares more numbers than there are")
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError,
    ) as error:  # fmt: skip
        refuse(place, f"its header is damaged: {error}")


def misfit(place: Path, reason: str) -> NoReturn:
    """Refuse a file that belongs to another model, T0704."""
    told = f"`{place}` belongs to another model: {reason}"
    raise DataError(Diagnostic("T0704", told, caller_span()))
