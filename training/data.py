"""Data before training: arrays against declared types.

Everything that can be wrong with data is told here, before anything runs: sizes,
element types, values that are not finite, class numbers without a score.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.device import to_numpy
from ..graph.diagnostics import (
    DataError,
    Diagnostic,
    Fault,
    RunShapeError,
    TulleError,
    caller_span,
)
from ..graph.dim import Dim
from ..graph.match import match_types
from ..graph.operand import Operand
from ..graph.types import DTYPES, F32, DType, TensorType

Array = np.ndarray[Any, Any]
PREFIX = "first wrong value at index"
SEARCHED = 1 << 20  # numbers that are looked at in one call


def refuse(
    code: str, message: str, *advice: str, notes: Sequence[str] = ()
) -> DataError:
    """A `DataError` at the caller's line."""
    return DataError(
        Diagnostic(code, message, caller_span(), notes=tuple(notes), help=advice)
    )


def counted(number: int, noun: str) -> str:
    """A number of things in words.

    >>> counted(1, "array"), counted(2, "array")
    ('1 array', '2 arrays')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_array(name: str, value: Any) -> Array:
    """A NumPy array of numbers of what was given; raises T0702 otherwise."""
    if isinstance(value, Operand):
        value = value.numpy() if hasattr(value, "numpy") else value
    try:
        array = np.asarray(to_numpy(value))
    except TulleError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        uneven = "make its rows equally long: `tulle.utils.pad_sequences` fills them up"
        advice = [uneven] if "inhomogeneous" in str(error) else []
        told = f"`{name}` is no array of numbers: {error}"
        raise refuse("T0702", told, *advice) from None
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        advice = {
            "O": ["give one array whose rows are equally long"],
            "U": [f"number the words: `np.unique({name}, return_inverse=True)[1]`"],
        }.get(array.dtype.kind, [])
        raise refuse(
            "T0702",
            f"`{name}` holds {_kind_of(array)}, not "
            f"{'real ones' if array.dtype.kind == 'c' else 'numbers'}",
            *advice,
        )
    return array


def is_floating(array: Array) -> bool:
    """Whether an array holds floats, bfloat16 included."""
    kind = array.dtype.kind  # names of dtypes are slow
    return kind == "f" or (kind == "V" and array.dtype.name == "bfloat16")


def _kind_of(array: Array) -> str:
    kinds = {"O": "Python objects", "U": "text", "S": "bytes", "c": "complex numbers"}
    return kinds.get(array.dtype.kind, f"elements of type {array.dtype}")


def as_dtype(name: str, array: Array, dtype: DType) -> Array:
    """The array in another dtype if no value changes its meaning, else T0702.

    Integers become floats, float64 becomes float32; floats become integers only where
    all of them are whole.
    """
    wanted = dtype.numpy
    if array.dtype == wanted:
        return array
    if dtype.is_float:
        return _as_floats(name, array, dtype)
    if is_floating(array):
        check_finite(name, array)
        wrong = np.flatnonzero(array != np.floor(array))
        if len(wrong):
            raise refuse(
                "T0702",
                f"`{name}` is {array.dtype} and has to be {dtype.name}, and not all of "
                "its values are whole",
                "take the array of whole numbers that belongs here, or round this one",
                notes=[f"{PREFIX} {_place(array, wrong[0])}: {array.flat[wrong[0]]}"],
            )
    if dtype.kind == "b":
        return array.astype(wanted)
    limits = np.iinfo(dtype.name)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise refuse(
            "T0702",
            f"`{name}` has values outside of {dtype.name}: {array.min()} to "
            f"{array.max()}",
        )
    return array.astype(wanted)


def _as_floats(name: str, array: Array, dtype: DType) -> Array:
    """Other floats; refuses finite values that the narrower ones do not hold."""
    with np.errstate(over="ignore"):
        found = array.astype(dtype.numpy)
    lost = np.isinf(found)
    if lost.any() and (lost := lost & np.isfinite(array)).any():
        first = int(np.flatnonzero(lost.reshape(-1))[0])
        raise refuse(
            "T0702",
            f"`{name}` has values that do not fit {dtype.short}, at {lost.sum()} of "
            f"{array.size} places",
            f"scale it: {dtype.short} ends at {dtype.largest:.3g}",
            notes=[f"{PREFIX} {_place(array, first)}: {array.reshape(-1)[first]}"],
        )
    return found


def _place(array: Array, flat: int) -> str:
    index = tuple(int(i) for i in np.unravel_index(flat, array.shape))
    return str(list(index))


def check_finite(name: str, array: Array) -> None:
    """Refuse NaN and infinity, T0706, with the first place."""
    if surely_finite(array):
        return
    finite = np.isfinite(array)
    if finite.all():
        return
    wrong = np.flatnonzero(~finite.reshape(-1))
    first = int(wrong[0])
    raise refuse(
        "T0706",
        f"`{name}` is not finite at {len(wrong)} of {array.size} places",
        "leave these samples out, or replace the values",
        notes=[f"{PREFIX} {_place(array, first)}: {array.reshape(-1)[first]}"],
    )


def surely_finite(array: Array) -> bool:
    """A quick yes where no number is NaN or infinite; most often there is one."""
    return not is_floating(array) or _squares_are_finite(array)


def _squares_are_finite(array: Array) -> bool:
    """Whether sums of squares say that all is finite: one pass, and nothing kept.

    False says nothing, for the squares of large numbers are not finite either.
    """
    if array.dtype.char not in "fd" or not array.flags.c_contiguous:
        return False
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        blocks = (flat[i : i + SEARCHED] for i in range(0, flat.size, SEARCHED))
        return all(np.isfinite(np.dot(block, block)) for block in blocks)


def of_rank(array: Array, type: TensorType) -> Array:
    """The array with the last axis of size 1 that its type has, or without one.

    Pictures [28, 28] go into a model for [28, 28, 1] so, as in Keras.
    """
    rank, wanted = array.ndim, type.rank
    if wanted == rank + 1 and rank and type.shape[-1].value == 1:
        return array[..., None]
    if rank == wanted + 1 and wanted and array.shape[-1] == 1:
        return array[..., 0]
    return array


def check_shapes(
    names: Sequence[str], types: Sequence[TensorType], arrays: Sequence[Array]
) -> None:
    """Refuse arrays whose shape is not the declared one, T0701; dtypes come later."""
    if all(map(_has_sizes, types, arrays)):
        return
    shapes = [tuple(map(Dim.of, array.shape)) for array in arrays]
    try:
        _match_shapes(names, types, shapes)
    except Fault as fault:
        try:  # whether they fit if swapped, whatever their dtypes
            _match_shapes(names, [TensorType(F32, t.shape) for t in types], shapes)
        except Fault as other:
            fault = other if len(other.operands) > 1 else fault
        given = [shapes if len(shapes) > 1 else None]
        raise RunShapeError.of(fault, caller_span(), (), given) from None


def _has_sizes(type: TensorType, array: Array) -> bool:
    """A quick yes for the sizes that are numbers; `check_types` solves the others."""
    shape = array.shape
    return len(shape) == len(type.shape) and all(
        dim.value is None or dim.value == size
        for dim, size in zip(type.shape, shape, strict=True)
    )


def fits(type: TensorType, array: Array) -> bool:
    """Whether an array has the shape of a type."""
    try:
        _match_shapes(["x"], [type], [tuple(map(Dim.of, array.shape))])
    except Fault:
        return False
    return True


def _match_shapes(
    names: Sequence[str], types: Sequence[TensorType], shapes: Sequence[Any]
) -> None:
    given = [t.with_shape(s) for t, s in zip(types, shapes, strict=True)]
    match_types(names, types, given)


def check_types(
    names: Sequence[str], types: Sequence[TensorType], arrays: Sequence[Array]
) -> None:
    """Refuse arrays whose shape or dtype is not the declared one, T0701 or T0702."""
    given = tuple([(array.dtype, array.shape) for array in arrays])
    try:
        _match(tuple(names), tuple(types), given)
    except Fault as fault:
        raise RunShapeError(fault.diagnostic(caller_span())) from None


@functools.lru_cache(maxsize=256)
def _match(names: tuple[str, ...], types: tuple[TensorType, ...], given: Any) -> None:
    """Refuse dtypes and shapes with a `Fault`; what fits is kept in mind."""
    actual = [TensorType(_dtype_of(d), tuple(map(Dim.of, shape))) for d, shape in given]
    match_types(names, types, actual)


def dtype_of_array(array: Array) -> DType:
    """The dtype of an array."""
    return _dtype_of(array.dtype)


@functools.cache
def _dtype_of(dtype: Any) -> DType:
    # The name of a NumPy dtype is slow to ask for.
    return next(d for d in DTYPES.values() if d.name == dtype.name)


def check_sizes(names: Sequence[str], arrays: Sequence[Array], least: int = 1) -> int:
    """The common number of samples; T0701 if there is none, or more than one.

    With `least` 0 there may be no samples.
    """
    for name, array in zip(names, arrays, strict=True):
        if not array.ndim:
            raise refuse(
                "T0701", f"`{name}` is a single number, not an array of samples"
            )
    sizes = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    different = list(dict.fromkeys(sizes.values()))
    if len(different) > 1:
        told = ", ".join(f"`{name}` has {size}" for name, size in sizes.items())
        raise refuse(
            "T0701",
            f"the arrays hold different numbers of samples: {told}",
            "sample i of one belongs to sample i of the others",
        )
    if different == [0] and least:
        raise refuse("T0701", f"there are no samples: `{names[0]}` is empty")
    return different[0]


def target_type(array: Array, output: TensorType, labels: bool) -> TensorType:
    """The type of a target: symbolic sizes as in the output, dtype as its loss needs.

    `labels` says that the loss takes class numbers.
    """
    dims = [
        output.shape[axis]
        if axis < output.rank and output.shape[axis].value is None
        else Dim.of(size)
        for axis, size in enumerate(array.shape)
    ]
    if labels or array.dtype.kind in "biu":
        dtype = DTYPES["i32"]
        if array.dtype.itemsize == 8 and array.size and array.dtype.kind in "iu":
            wide = np.abs(array).max() >= 2**31
            dtype = DTYPES["i64"] if wide else dtype
    else:
        dtype = output.dtype if output.dtype.is_float else F32
    return TensorType(dtype, tuple(dims))


def check_labels(
    name: str, array: Array, classes: int | None, ignored: int | None
) -> None:
    """Refuse class numbers without a score, T0708."""
    if classes is None or surely_within(array, classes):
        return
    wrong = (array < 0) | (array >= classes)
    if ignored is not None:
        wrong &= array != ignored
    if not wrong.any():
        return
    first = int(np.flatnonzero(wrong.reshape(-1))[0])
    raise refuse(
        "T0708",
        f"`{name}` holds the class {array.reshape(-1)[first]}, and the model scores "
        f"{classes} classes: 0 to {classes - 1}",
        "count classes from 0, or give the last layer more units",
        notes=[f"{PREFIX} {_place(array, first)}"],
    )


def surely_within(array: Array, stop: int) -> bool:
    """A quick yes where all numbers are from 0 up to `stop`."""
    if not array.size:
        return True
    least, most = np.minimum.reduce, np.maximum.reduce
    return bool(least(array, axis=None) >= 0 and most(array, axis=None) < stop)


def check_ids(name: str, array: Array, layer: str, rows: int) -> None:
    """Refuse ids outside of an embedding, T0311; negative ones would count back."""
    if surely_within(array, rows):
        return
    wrong = np.flatnonzero(((array <= -1) | (array >= rows)).reshape(-1))
    if not len(wrong):
        return
    first = int(wrong[0])
    raise refuse(
        "T0311",
        f"`{name}` holds the id {array.reshape(-1)[first]}, and the embedding "
        f"`{layer}` has {counted(rows, 'row')}: 0 to {rows - 1}",
        "give `Embedding` a larger `input_dim`, or leave these ids out",
        notes=[f"{PREFIX} {_place(array, first)}"],
    )


def bind(
    arrays: Mapping[str, Any], types: Mapping[str, TensorType]
) -> dict[str, Array]:
    """Arrays checked and converted to declared types, by name.

    Raises `DataError` or `RunShapeError`: T0701, T0702, T0703 or T0706.
    """
    missing = [name for name in types if name not in arrays]
    if missing:
        found = ", ".join(map(str, arrays)) or "nothing"
        raise refuse("T0703", f"there is no array `{missing[0]}`; given: {found}")
    given = {name: as_array(name, arrays[name]) for name in types}
    # Where the shape is wrong, the dtype is that of another array.
    check_shapes(list(types), list(types.values()), list(given.values()))
    ready = {}
    for name, type in types.items():
        array = as_dtype(name, given[name], type.dtype)
        check_finite(name, array)
        ready[name] = array
    check_types(list(types), list(types.values()), list(ready.values()))
    return ready
