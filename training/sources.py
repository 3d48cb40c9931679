"""Where batches come from that are no arrays in memory: one pass after the other.

Data sets, generators, objects with `__len__` and `__getitem__` that give batches,
anything that can be iterated again and again, and arrays on the disk.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.operand import Operand
from . import data
from .dataset import Dataset
from .notices import warn
from .py_dataset import PyDataset, read

INPUTS = 64
Random = np.random.Generator | None


class Source:
    """Batches in passes; `steps` and `size` count those of one pass, where known."""

    name = "the data"
    again = True  # whether there can be another pass
    steps: int | None = None
    size: int | None = None
    batch_size: int | None = None

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        """One pass from batch `start` on; `random` shuffles what can be."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What decides the next pass, besides the random numbers of `begin`."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let the next pass be the one that `state` told of."""

    def skip(self, passes: int, random: Random) -> None:
        """Act as if so many passes were over."""


class FromDataset(Source):
    """A `Dataset` of batches; its own steps shuffle it."""

    name = "the data set"

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        count = dataset.cardinality()
        self.steps = count if count >= 0 else None

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        found = self.dataset.as_numpy_iterator()
        found.set_state({**found.get_state(), "position": start})
        return found

    def state(self) -> dict[str, Any]:
        seeds = [stage.seed for stage in self.dataset.shuffles()]
        return {**self.dataset.get_state(), "seeds": seeds}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.dataset.set_state(state)
        for stage, seed in zip(self.dataset.shuffles(), state["seeds"], strict=False):
            stage.seed = seed

    def skip(self, passes: int, random: Random) -> None:
        begun = self.dataset.get_state()["passes"]
        self.dataset.set_state({"passes": max(begun, passes)})


class FromGenerator(Source):
    """A generator, which gives its batches once."""

    name, again = "the generator", False

    def __init__(self, generator: Iterator[Any]):
        self.generator = generator

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        return itertools.islice(_kept_open(self.generator), start, None)


def _kept_open(generator: Iterator[Any]) -> Iterator[Any]:
    """The rest of a generator; closing this leaves that as it is."""
    while True:
        try:
            item = next(generator)
        except StopIteration:
            return
        yield item


class FromIterable(Source):
    """What can be iterated again and again, such as a `DataLoader` of PyTorch."""

    def __init__(self, iterable: Any):
        self.iterable = iterable
        self.name = f"the `{type(iterable).__name__}`"
        try:
            self.steps = len(iterable)
        except TypeError:
            self.steps = None

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        return itertools.islice(iter(self.iterable), start, None)


class FromSequence(Source):
    """Batches by number, such as a `PyDataset` of Keras; their order is shuffled."""

    def __init__(self, sequence: Any):
        self.sequence = sequence
        self.name = f"the `{type(sequence).__name__}`"
        self.steps = self._count()

    def _count(self) -> int | None:
        if hasattr(type(self.sequence), "num_batches"):
            count = self.sequence.num_batches
            return None if count is None else int(count)
        return len(self.sequence)

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        self.steps = self._count()
        self._tell("on_epoch_begin")
        if self.steps is None:
            order: Any = itertools.count(start)
        elif random is None:
            order = range(start, self.steps)
        else:
            order = random.permutation(self.steps)[start:]
        yield from read(self.sequence, order)
        self._tell("on_epoch_end")

    def _tell(self, hook: str) -> None:
        getattr(self.sequence, hook, lambda: None)()

    def skip(self, passes: int, random: Random) -> None:
        for _ in range(passes if random is not None and self.steps else 0):
            assert random is not None
            random.permutation(self.steps or 0)


class FromArrays(Source):
    """Rows of arrays, read when they are needed; `least` of them."""

    def __init__(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        least: int = 1,
    ):
        self.nest = packed(x, y, sample_weight)
        parts = [("x", x), ("y", y), ("sample_weight", sample_weight)]
        named = [found for name, part in parts for found in arrays_in(name, part)]
        if not named:
            raise Fault("T0204", "`x` is missing", argument="x")
        names, arrays = zip(*named, strict=True)
        self.size = data.check_sizes(names, arrays, least)
        self.batch_size = checked_batch_size(batch_size or 32)
        self.steps = -(-self.size // self.batch_size)

    def begin(self, random: Random, start: int = 0) -> Iterator[Any]:
        assert self.size is not None
        assert self.batch_size is not None
        order = None if random is None else random.permutation(self.size)
        if not self.size:
            yield self.nest
        for at in range(start * self.batch_size, self.size, self.batch_size):
            part: Any = slice(at, min(at + self.batch_size, self.size))
            yield rows_of(self.nest, part if order is None else order[part])

    def skip(self, passes: int, random: Random) -> None:
        for _ in range(passes if random is not None else 0):
            assert random is not None
            random.permutation(self.size or 0)


def checked_batch_size(given: Any) -> int:
    """A batch size; refuses what is none, T0204."""
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if whole and given >= 1:
        return int(given)
    raise Fault(
        "T0204",
        f"`batch_size` is a positive integer, not {given!r}",
        argument="batch_size",
    )


IN_MEMORY = (
    Operand, np.ndarray, Mapping, list, tuple, set, frozenset, str, type(None),
)  # fmt: skip


def source_of(
    x: Any, y: Any = None, sample_weight: Any = None, batch_size: int | None = None
) -> Source | None:
    """The source that `x` is; None for arrays in memory.

    Raises T0204 if there are targets beside what gives them itself.
    """
    if isinstance(x, IN_MEMORY):
        if not on_disk((x, y, sample_weight)):
            return None
        return FromArrays(x, y, sample_weight, batch_size)
    found: Source | None = None
    if isinstance(x, Dataset):
        found = FromDataset(x)
    elif hasattr(x, "__next__"):
        found = FromGenerator(x)
    elif hasattr(x, "__array__") or hasattr(x, "__cuda_array_interface__"):
        return None
    elif isinstance(x, PyDataset) or (
        hasattr(x, "__getitem__") and hasattr(x, "__len__")
    ):
        found = FromSequence(x)
    elif callable(getattr(x, "__iter__", None)):
        found = FromIterable(x)
    if found is None:
        return None
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise Fault(
                "T0204",
                f"`{name}` is given beside {found.name}, which gives it itself",
                argument=name,
                help=["let each batch be a tuple (x, y) or (x, y, sample_weight)"],
            )
    if batch_size is not None:
        warn(
            f"`batch_size` has no effect: {found.name} makes the batches",
            "leave it out",
        )
    return found


def on_disk(value: Any) -> bool:
    """Whether there is a memory map in a nest."""
    if isinstance(value, Mapping):
        return any(map(on_disk, value.values()))
    if isinstance(value, (list, tuple)):  # no more inputs than these, but many rows
        return any(map(on_disk, value[:INPUTS]))
    return isinstance(value, np.memmap)


def arrays_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays in a nest, with names for messages."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from arrays_in(str(key), item)
    elif _holds_arrays(value):
        for index, item in enumerate(value):
            yield from arrays_in(f"{name}[{index}]", item)
    elif value is not None:
        yield name, value if hasattr(value, "shape") else data.as_array(name, value)


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(
        hasattr(item, "shape") or isinstance(item, (Mapping, tuple)) for item in value
    )


def rows_of(value: Any, chosen: Any) -> Any:
    """Some rows of all arrays in a nest."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: rows_of(item, chosen) for key, item in value.items()}
    if _holds_arrays(value):
        return type(value)(rows_of(item, chosen) for item in value)
    array = value if isinstance(value, np.ndarray) else data.as_array("x", value)
    return np.asarray(array[chosen])


def packed(x: Any, y: Any, sample_weight: Any) -> Any:
    """Inputs, targets and weights as one element: those that are there."""
    if sample_weight is not None:
        return (x, y, sample_weight)
    if y is not None:
        return (x, y)
    return (x,) if isinstance(x, (list, tuple)) else x


def unpacked(element: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights of an element; refuses more than three, T0701."""
    if isinstance(element, list):
        element = tuple(element)
    if not isinstance(element, tuple) or hasattr(element, "_fields"):
        return element, None, None
    if not 1 <= len(element) <= 3:
        raise data.refuse(
            "T0701",
            f"a batch is a tuple (x, y) or (x, y, sample_weight), and this one has "
            f"{data.counted(len(element), 'part')}",
            "several inputs are one part: ((a, b), y), or a dictionary by input name",
        )
    return (*element, *[None] * (3 - len(element)))  # type: ignore[return-value]
