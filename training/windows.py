"""Data sets cut out of arrays: windows of a series, and the two parts of a whole."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.kinds import is_number
from ..graph.variable import new_seed
from .arguments import checked_count
from .configured import told_to_caller
from .data import Array, as_array, check_sizes, refuse
from .dataset import Dataset
from .elements import as_element, leaves_of, map_nest, row, stack

__all__ = ["split_dataset", "timeseries_dataset_from_array"]


@told_to_caller
def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Dataset:
    """Windows of a series, with the target that stands at the first step of each.

    `data` is [steps, ...]; a window has `sequence_length` steps, each `sampling_rate`
    after the last, and begins `sequence_stride` after the one before. Elements are
    windows if `targets` is None, else pairs; batches of them unless `batch_size` is
    None. Windows are read when they are needed, a memory map stays on the disk.

    >>> series = np.arange(6)
    >>> windows = timeseries_dataset_from_array(series, series[3:], 3, batch_size=2)
    >>> [(x.tolist(), y.tolist()) for x, y in windows]
    [([[0, 1, 2], [1, 2, 3]], [3, 4]), ([[2, 3, 4]], [5])]
    """
    series = data if isinstance(data, np.ndarray) else as_array("data", data)
    goals = targets if targets is None else as_array("targets", targets)
    length = checked_count("sequence_length", sequence_length)
    stride = checked_count("sequence_stride", sequence_stride)
    rate = checked_count("sampling_rate", sampling_rate)
    first = 0 if start_index is None else checked_count("start_index", start_index, 0)
    end = len(series) if end_index is None else checked_count("end_index", end_index)
    if not first < end <= len(series):
        raise Fault(
            "T0204",
            f"there are {len(series)} steps, and none from {first} up to {end}",
            argument="start_index" if end_index is None else "end_index",
        )
    count = end - first - (length - 1) * rate
    if goals is not None:
        count = min(count, len(goals))
    if count < 1:
        raise refuse(
            "T0701",
            f"a window takes {(length - 1) * rate + 1} steps, and there are "
            f"{end - first}",
            "take a smaller `sequence_length` or `sampling_rate`",
        )
    starts = np.arange(0, count, stride)

    def window(start: Array) -> Any:
        begin = first + int(start)
        steps = np.asarray(series[begin : begin + (length - 1) * rate + 1 : rate])
        return steps if goals is None else (steps, goals[int(start)])

    indices = Dataset.from_tensor_slices(starts)
    if shuffle:
        size = len(starts) if batch_size is None else batch_size * 8
        indices = indices.shuffle(size, new_seed() if seed is None else seed)
    found = indices.map(window)
    return found if batch_size is None else found.batch(batch_size)


@told_to_caller
def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """The first elements of data, and the rest, as two data sets.

    `dataset` is a `data.Dataset`, an array, a tuple or dictionary of arrays, a list of
    elements, or what can be iterated. A size is a share (a float up to 1) or a number
    of elements. `preferred_backend` is there so that programs for Keras run.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), len(right)
    (8, 2)
    """
    if isinstance(dataset, (np.ndarray, tuple, dict)):
        nest = map_nest(_array, dataset)
        names, arrays = zip(*leaves_of(nest, "dataset"), strict=True)
        total = check_sizes(names, arrays)
        order = _order(total, shuffle, seed)
        sides = _sizes(total, left_size, right_size)
        return _cut(nest, order, *sides)
    if not isinstance(dataset, Iterable):
        raise Fault("T0204", f"{dataset!r} is no data set", argument="dataset")
    elements = list(map(as_element, dataset))
    if not elements:
        raise refuse("T0701", "`dataset` holds no element")
    left, right = _sizes(len(elements), left_size, right_size)
    found = [elements[i] for i in _order(len(elements), shuffle, seed)]
    return _of(found[:left]), _of(found[left : left + right])


def _order(total: int, shuffle: bool, seed: int | None) -> Any:
    if not shuffle:
        return range(total)
    chosen = new_seed() if seed is None else checked_count("seed", seed, 0)
    return np.random.Generator(np.random.Philox(chosen)).permutation(total)


def _cut(nest: Any, order: Any, left: int, right: int) -> tuple[Dataset, Dataset]:
    """Rows of arrays, which are read when they are needed."""
    parts = (order[:left], order[left : left + right])
    if isinstance(order, range):
        cuts = [slice(part.start, part.stop) for part in parts]
        one, two = (map_nest(operator.itemgetter(cut), nest) for cut in cuts)
        return Dataset.from_tensor_slices(one), Dataset.from_tensor_slices(two)
    chosen = [Dataset.from_tensor_slices(np.asarray(part)) for part in parts]
    one, two = (part.map(lambda index: row(nest, int(index))) for part in chosen)
    return one, two


def _array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else as_array("dataset", value)


def _of(elements: list[Any]) -> Dataset:
    """A data set of elements; those of one shape lie in arrays."""
    specs = [[leaf.shape for _, leaf in leaves_of(element)] for element in elements]
    if all(spec == specs[0] for spec in specs):
        return Dataset.from_tensor_slices(stack(elements))
    return Dataset.from_generator(lambda: iter(elements))


def _sizes(total: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise Fault("T0203", "give `left_size` or `right_size`", argument="left_size")
    for name, size in (("left_size", left), ("right_size", right)):
        most = 1 if isinstance(size, float) else total
        if size is not None and not (is_number(size) and 0 < size <= most):
            raise Fault(
                "T0204",
                f"`{name}` is a share up to 1 or a number of the {total} elements, not "
                f"{size!r}",
                argument=name,
            )
    one = _count(total, left, round)
    two = _count(total, right, round)
    one = total - two if one is None else one
    two = total - one if two is None else two
    if one + two > total or not one or not two:
        raise Fault(
            "T0204",
            f"{total} elements do not make parts of {one} and {two}",
            argument="left_size" if left is not None else "right_size",
        )
    return one, two


def _count(total: int, size: Any, rounded: Any) -> Any:
    if size is None:
        return None
    if isinstance(size, float):
        return int(rounded(size * total))
    return int(size)
