"""`Dataset`: data as a chain of steps, by the names of `tf.data`.

Nothing is computed before a data set is iterated. With a seed, or under
`set_random_seed`, every pass gives the same elements in the same order, and a pass can
be left and taken up again at any element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.types import dtype_of
from ..graph.variable import new_seed
from . import stages
from .arguments import checked_count, refuse
from .configured import told_to_caller
from .data import check_sizes
from .elements import (
    TensorSpec,
    as_element,
    as_leaf,
    as_tensors,
    leaves_of,
    map_nest,
)
from .prefetching import AHEAD

INFINITE, UNKNOWN = stages.INFINITE, stages.UNKNOWN
AUTOTUNE = -1


class Dataset:
    """Elements, nests of arrays, made one after the other and changed by steps.

    Tuples and dictionaries are structure, a list is one array. `fit` takes a data set
    whose elements are batches `(x, y)` or `(x, y, sample_weight)`.

    >>> data = Dataset.range(10).shuffle(10, seed=1).batch(4)
    >>> len(data)
    3
    >>> sorted(np.concatenate(list(data)).tolist()) == list(range(10))
    True
    """

    def __init__(self, stage: stages.Stage):
        self._stage = stage
        self._passes = 0  # begun so far

    # Where elements come from.

    @classmethod
    @told_to_caller
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays, which are not copied; a memory map stays on the disk.

        Raises `DataError` T0701 if the arrays are not equally long.

        >>> x, y = np.zeros((3, 2)), np.arange(3)
        >>> next(Dataset.from_tensor_slices((x, y)).as_numpy_iterator())
        (array([0., 0.]), array(0))
        """
        arrays = map_nest(_sliceable, tensors)
        named = [(f"tensors{path}", leaf) for path, leaf in leaves_of(arrays)]
        if not named:
            raise Fault("T0204", "there are no arrays to slice", argument="tensors")
        size = check_sizes([n for n, _ in named], [array for _, array in named])
        return cls(stages.Slices(arrays, size))

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Dataset:
        """One element: the whole of the arrays.

        >>> len(Dataset.from_tensors([1, 2, 3]))
        1
        """
        return cls(stages.Whole(as_element(tensors)))

    @classmethod
    @told_to_caller
    def from_generator(
        cls,
        generator: Any,
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a function's generator gives; each pass calls the function anew.

        `output_signature` is a nest of `TensorSpec`; `output_types` and
        `output_shapes` say the same apart. An element that is not as declared is a
        `DataError`, T0701 or T0702, that tells its number.

        >>> def count():
        ...     yield from (1.0, 2.0)
        >>> data = Dataset.from_generator(count, output_signature=TensorSpec())
        >>> [float(x) for x in data]
        [1.0, 2.0]
        """
        told = getattr(generator, "__name__", type(generator).__name__)
        if not callable(generator):
            raise Fault(
                "T0204",
                "`from_generator` takes a function that makes a generator, not "
                f"{generator!r}: each pass needs a new one",
                argument="generator",
                help=["give the function without calling it"],
            )
        declared = _declared(output_types, output_shapes, output_signature)
        given = args or ()
        origin = f"the generator `{told}`"
        return cls(stages.Generated(lambda: generator(*given), declared, origin))

    @classmethod
    @told_to_caller
    def range(cls, *args: int, output_type: Any = "int64") -> Dataset:
        """Whole numbers, as Python's `range` counts them.

        >>> [int(i) for i in Dataset.range(2, 8, 3)]
        [2, 5]
        """
        if not 1 <= len(args) <= 3:
            refuse("args", "a stop, or a start, a stop and a step", args)
        numbers = np.arange(*args, dtype=dtype_of(output_type).numpy)
        return cls(stages.Slices(numbers, len(numbers)))

    @staticmethod
    def zip(*args: Any, datasets: Any = None) -> Dataset:
        """Elements of several data sets side by side, until the shortest one ends.

        >>> list(Dataset.zip(Dataset.range(2), Dataset.range(5, 9)).as_numpy_iterator())
        [(array(0), array(5)), (array(1), array(6))]
        """
        nest = datasets if datasets is not None else args[0] if len(args) == 1 else args
        sets = [leaf for _, leaf in leaves_of(nest)]
        wrong = next((item for item in sets if not isinstance(item, Dataset)), None)
        if not sets or wrong is not None:
            fault = Fault("T0204", f"`zip` takes data sets, not {wrong!r}")
            raise TensorTypeError.of(fault, caller_span())

        def arrange(parts: Iterator[Any]) -> Any:
            return map_nest(lambda _: next(parts), nest)

        return Dataset(stages.Zipped([item._stage for item in sets], arrange))

    # What is done to them.

    @told_to_caller
    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """A function of each element, with NumPy or with Tulle's ops.

        A tuple is handed over as arguments. Elements are made in order, one by one:
        `num_parallel_calls` and `deterministic` change nothing.

        >>> [int(i) for i in Dataset.range(3).map(lambda i: i * i)]
        [0, 1, 4]
        """
        return Dataset(stages.Mapped(self._stage, _function("map_func", map_func)))

    @told_to_caller
    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of which a function says yes.

        >>> [int(i) for i in Dataset.range(5).filter(lambda i: i % 2 == 0)]
        [0, 2, 4]
        """
        return Dataset(stages.Filtered(self._stage, _function("predicate", predicate)))

    @told_to_caller
    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """A random order: each element is drawn from the next `buffer_size` ones.

        Every pass has another order unless `reshuffle_each_iteration` is False.
        Without `seed` one comes from `set_random_seed`.
        """
        size = checked_count("buffer_size", buffer_size)
        chosen = new_seed() if seed is None else checked_count("seed", seed, 0)
        anew = reshuffle_each_iteration is not False
        return Dataset(stages.Shuffled(self._stage, size, chosen, anew))

    @told_to_caller
    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """So many elements stacked into one; the last may hold fewer.

        Raises `DataError` T0701 for elements of different shapes when they meet.

        >>> [b.tolist() for b in Dataset.range(5).batch(2, drop_remainder=True)]
        [[0, 1], [2, 3]]
        """
        size = checked_count("batch_size", batch_size)
        return Dataset(stages.Batched(self._stage, size, bool(drop_remainder)))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element as elements.

        >>> [int(i) for i in Dataset.range(3).batch(2).unbatch()]
        [0, 1, 2]
        """
        return Dataset(stages.Unbatched(self._stage))

    @told_to_caller
    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """All elements so many times; without end if None or -1.

        >>> [int(i) for i in Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
        """
        times = -1 if count is None else checked_count("count", count, -1)
        return Dataset(stages.Repeated(self._stage, times))

    @told_to_caller
    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first elements; all of them if -1.

        >>> [int(i) for i in Dataset.range(9).take(2)]
        [0, 1]
        """
        return Dataset(stages.Taken(self._stage, checked_count("count", count, -1)))

    @told_to_caller
    def skip(self, count: int, name: str | None = None) -> Dataset:
        """The elements after the first ones; none if -1.

        >>> [int(i) for i in Dataset.range(4).skip(3)]
        [3]
        """
        return Dataset(stages.Skipped(self._stage, checked_count("count", count, -1)))

    @told_to_caller
    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, then those of another data set.

        >>> [int(i) for i in Dataset.range(2).concatenate(Dataset.range(1))]
        [0, 1, 0]
        """
        if not isinstance(dataset, Dataset):
            raise Fault("T0204", f"{dataset!r} is no data set", argument="dataset")
        return Dataset(stages.Joined(self._stage, dataset._stage))

    @told_to_caller
    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs of a number and an element.

        >>> next(Dataset.range(7, 9).enumerate(start=1).as_numpy_iterator())
        (array(1), array(7))
        """
        begin = checked_count("start", start, 0)
        counted = stages.Counted(begin)
        return Dataset(stages.Zipped([counted, self._stage], tuple))

    @told_to_caller
    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements, kept in memory by the first pass that comes to the end.

        Raises T0204 for a `filename`: arrays on the disk are read as memory maps.
        """
        if filename:
            raise Fault(
                "T0204",
                "a data set is kept in memory, not in a file",
                argument="filename",
                help=["read arrays that are larger by `numpy.load(…, mmap_mode='r')`"],
            )
        return Dataset(stages.Cached(self._stage))

    @told_to_caller
    def prefetch(self, buffer_size: int = AHEAD, name: str | None = None) -> Dataset:
        """Up to `buffer_size` elements made ahead on a thread; -1 leaves it to Tulle.

        What goes wrong there is raised where the element would have come.
        """
        size = checked_count("buffer_size", buffer_size, -1)
        if size == 0:
            return self
        return Dataset(stages.Prefetched(self._stage, AHEAD if size < 0 else size))

    @told_to_caller
    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """The data set that a function makes of this one."""
        if not callable(transformation_func):
            refuse("transformation_func", "a function", transformation_func)
        return transformation_func(self)

    # What it is.

    def cardinality(self) -> int:
        """The number of elements; `INFINITE` (-1), or `UNKNOWN` (-2).

        >>> Dataset.range(5).repeat().cardinality()
        -1
        """
        return self._stage.cardinality

    def __len__(self) -> int:
        size = self.cardinality()
        if size < 0:
            kind = "has no end" if size == INFINITE else "tells no number of elements"
            raise TypeError(f"the data set {kind}: `cardinality()` is {size}")
        return size

    def __bool__(self) -> bool:
        return True

    @property
    def element_spec(self) -> Any:
        """The types of an element, a nest of `TensorSpec`; None is any size.

        Where a function makes the elements it is called for the first one.

        >>> Dataset.range(5).batch(2).element_spec
        TensorSpec(shape=(None,), dtype='int64')
        """
        return self._stage.spec()

    # Passes.

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self._stage, self._begin(), as_tensors)

    def _begin(self) -> int:
        self._passes += 1
        return self._passes - 1

    def as_numpy_iterator(self) -> DatasetIterator:
        """One pass whose elements are NumPy arrays."""
        return DatasetIterator(self._stage, self._begin())

    def shuffles(self) -> list[stages.Shuffled]:
        """The stages that shuffle, in one order for equal data sets."""
        found: list[stages.Shuffled] = []
        left = [self._stage]
        while left:
            stage = left.pop()
            left += stage.below()
            if isinstance(stage, stages.Shuffled):
                found.append(stage)
        return found

    def get_state(self) -> dict[str, int]:
        """How many passes were begun, which decides the order of the next one."""
        return {"passes": self._passes}

    @told_to_caller
    def set_state(self, state: Mapping[str, int]) -> None:
        """Go on after so many passes, as `get_state` told them."""
        self._passes = _position(state, "passes")

    def __repr__(self) -> str:
        size = self.cardinality()
        told = {INFINITE: "without end", UNKNOWN: "of unknown length"}
        return f"<Dataset {told.get(size, f'of {size} elements')}>"


class DatasetIterator:
    """One pass over a data set, which can be left and taken up again.

    >>> data = Dataset.range(9).shuffle(9, seed=3)
    >>> first = iter(data)
    >>> _ = [next(first) for _ in range(4)]
    >>> again = iter(Dataset.range(9).shuffle(9, seed=3))
    >>> again.set_state(first.get_state())
    >>> [int(i) for i in again] == [int(i) for i in first]
    True
    """

    def __init__(
        self,
        stage: stages.Stage,
        number: int,
        shown: Callable[[Any], Any] = lambda element: element,
    ):
        self._shown = shown
        self._stage, self._number, self._position = stage, number, 0
        self._elements: Any = None

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        if self._elements is None:
            self._elements = self._stage.elements(self._position, (self._number,))
        element = next(self._elements)
        self._position += 1
        return self._shown(element)

    def get_state(self) -> dict[str, int]:
        """The place in the data: the number of the pass, and of the next element."""
        return {"pass": self._number, "position": self._position}

    @told_to_caller
    def set_state(self, state: Mapping[str, int]) -> None:
        """Go on where an iterator of the same data set was, as `get_state` told."""
        self._number = _position(state, "pass")
        self._position = _position(state, "position")
        self.close()

    def close(self) -> None:
        """End the pass; a thread that makes elements ahead stops."""
        elements, self._elements = self._elements, None
        if elements is not None:
            elements.close()


def _position(state: Any, key: str) -> int:
    found = state.get(key) if isinstance(state, Mapping) else None
    if not isinstance(found, int) or found < 0:
        raise Fault(
            "T0204",
            f"{state!r} is no place in a data set: it has no whole number `{key}`",
            argument="state",
            help=["give what `get_state` gave"],
        )
    return found


def _sliceable(value: Any) -> Any:
    """An array whose rows are taken: a memory map as it is."""
    return value if isinstance(value, np.ndarray) else as_leaf(value)


def _function(argument: str, value: Any) -> Any:
    if not callable(value):
        raise Fault(
            "T0204", f"`{argument}` is a function, not {value!r}", argument=argument
        )
    return value


def _declared(types: Any, shapes: Any, signature: Any) -> Any:
    """The nest of types that a generator's elements have, None if nobody says."""
    if signature is not None:
        return map_nest(_spec, signature)
    if types is None:
        return None
    if shapes is None:
        return map_nest(lambda type: TensorSpec(None, type), types)
    return _with_shapes(types, shapes)


def _with_shapes(types: Any, shapes: Any) -> Any:
    if isinstance(types, tuple):
        pairs = zip(types, shapes, strict=True)
        return tuple(_with_shapes(type, shape) for type, shape in pairs)
    if isinstance(types, dict):
        return {key: _with_shapes(type, shapes[key]) for key, type in types.items()}
    return TensorSpec(shapes if shapes is None else tuple(shapes), types)


def _spec(value: Any) -> TensorSpec:
    if isinstance(value, TensorSpec):
        return value
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise Fault(
            "T0204",
            f"`output_signature` is a nest of `TensorSpec`, and this is {value!r}",
            argument="output_signature",
        )
    return TensorSpec(tuple(value.shape), value.dtype)


__all__ = [
    "AUTOTUNE",
    "INFINITE",
    "UNKNOWN",
    "Dataset",
    "DatasetIterator",
    "TensorSpec",
]
