"""Arrays made ready for a model: classes as rows, rows of one length, batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import Fault
from ..graph.operand import Operand
from ..graph.registry import call
from ..graph.session import standardize_dtype
from ..graph.tensor import Tensor
from .arguments import checked_choice, checked_count
from .configured import told_to_caller
from .data import Array, as_array, refuse
from .sources import unpacked

__all__ = [
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


@told_to_caller
def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers, int[...], as rows with a 1 at their place, f32[..., classes].

    A last axis of size 1 is dropped. Raises T0708 for a number without a class.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    numbers = as_array("x", x).astype("int64")
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    most = int(numbers.max()) + 1 if numbers.size else 0
    count = most if num_classes is None else checked_count("num_classes", num_classes)
    if numbers.size and (numbers.min() < 0 or most > count):
        strange = numbers.min() if numbers.min() < 0 else numbers.max()
        raise refuse(
            "T0708",
            f"`x` holds the class {strange}, and classes go from 0 to {count - 1}",
        )
    found = (numbers[..., None] == np.arange(count)).astype("float32")
    return _like(x, found)


@told_to_caller
def normalize(x: Any, axis: int = -1, order: int | float = 2) -> Any:
    """Each vector along an axis divided by its norm; vectors of zeros stay.

    >>> normalize(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    if isinstance(x, Operand):
        norms = call("norm", x, order, axis, keepdims=True)
        return x / call("where", norms == 0, 1, norms)
    array = as_array("x", x)
    array = np.atleast_1d(array if array.dtype.kind == "f" else array.astype("float32"))
    if not -array.ndim <= axis < array.ndim:
        raise Fault("T0304", f"`axis` is {axis} for {array.ndim} axes", argument="axis")
    norms = np.linalg.norm(array, order, axis, keepdims=True)
    norms[norms == 0] = 1
    return array / norms


def _like(given: Any, found: Array) -> Any:
    return Tensor(found) if isinstance(given, Operand) else found


def _fills(value: Any, kind: np.dtype[Any]) -> bool:
    """Whether an array of a dtype may hold a value; no whole number is 2.5, or NaN."""
    if kind.kind == "O" or isinstance(value, str):
        return kind.kind in "OUS"
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biuf":
            return kind.kind == given.dtype.kind
        with np.errstate(invalid="ignore", over="ignore"):
            held = given.astype(kind)
    except (TypeError, ValueError, OverflowError):
        return False
    return kind.kind not in "iu" or bool(np.all(held == given))


@told_to_caller
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Sequences cut and filled to one length, [sequences, maxlen, ...].

    `padding` and `truncating` are `pre` or `post`: the side that is filled, or cut.
    Raises T0702 for what is no sequence, T0701 for steps of different shapes.

    >>> pad_sequences([[1], [2, 3]]).tolist()
    [[0, 1], [2, 3]]
    """
    checked_choice("padding", padding, ("pre", "post"))
    checked_choice("truncating", truncating, ("pre", "post"))
    if not hasattr(sequences, "__len__"):
        raise Fault("T0204", "`sequences` is a list of sequences", argument="sequences")
    rows = [_row(index, item) for index, item in enumerate(sequences)]
    longest = max(map(len, rows), default=0)
    length = longest if maxlen is None else checked_count("maxlen", maxlen, 0)
    kind = np.dtype(object if dtype is object else _numpy_name(dtype))
    if not _fills(value, kind):
        raise Fault(
            "T0204", f"{value!r} fills no array of {kind}: give `dtype=object`",
            argument="value",
        )  # fmt: skip
    shape = next((row.shape[1:] for row in rows if len(row)), ())
    found = np.full((len(rows), length, *shape), value, kind)
    for index, row in enumerate(rows):
        if not len(row) or not length:
            continue
        if row.shape[1:] != shape:
            raise refuse(
                "T0701",
                f"the steps of sequence {index} have the shape {row.shape[1:]}, and "
                f"those before it have {shape}",
            )
        kept = row[-length:] if truncating == "pre" else row[:length]
        if padding == "post":
            found[index, : len(kept)] = kept
        else:
            found[index, length - len(kept) :] = kept
    return found


def _numpy_name(dtype: Any) -> Any:
    return dtype if isinstance(dtype, np.dtype) else standardize_dtype(dtype)


def _row(index: int, item: Any) -> Array:
    try:
        row = np.asarray(to_numpy(item))
    except ValueError as error:
        raise refuse("T0702", f"sequence {index} is no array: {error}") from None
    if not row.ndim:
        raise refuse("T0702", f"`sequences` holds {item!r}, which is no sequence")
    return row


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Inputs, targets and weights as `fit` takes them from data: a tuple, or `x` alone.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple, dict)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


@told_to_caller
def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights of a batch, None for what is not there.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    return unpacked(data)
