"""The stages of a data set: where elements come from, and what is done to them.

A stage can begin at any element: `elements(start, run)` leaves out `start` of them,
without computing them where it can. `run` numbers the passes, so that each shuffles
anew and any can be had again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .data import refuse
from .elements import (
    TensorSpec,
    as_element,
    check_element,
    fit_to,
    leaves_of,
    map_nest,
    row,
    stack,
)
from .prefetching import ahead

INFINITE, UNKNOWN = -1, -2
Run = tuple[int, ...]


class Stage:
    """Elements in an order; `cardinality` is their number, INFINITE or UNKNOWN."""

    cardinality = UNKNOWN
    indexed = False  # whether `rows` gives any elements at once

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        """The elements from number `start` on, in one pass."""
        raise NotImplementedError

    def below(self) -> Sequence[Stage]:
        """The stages that it is made of."""
        return ()

    def order(self, run: Run) -> Any:
        """Of an indexed stage: the number of the row at each place of a pass."""
        return np.arange(self.cardinality)

    def rows(self, chosen: Any) -> Any:
        """Of an indexed stage: some rows as one batch."""
        raise NotImplementedError

    def spec(self) -> Any:
        """The types of an element, those of the first one unless declared."""
        first = next(self.elements(0, (0,)), None)
        if first is None:
            raise refuse("T0701", "the data set is empty, so its elements have no type")
        return map_nest(TensorSpec.of, first)


class Slices(Stage):
    """The rows of arrays, which are equally many; the arrays are not copied."""

    indexed = True

    def __init__(self, arrays: Any, size: int):
        self.arrays, self.cardinality = arrays, size

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        for index in range(start, self.cardinality):
            yield row(self.arrays, index)

    def rows(self, chosen: Any) -> Any:
        return map_nest(lambda array: np.asarray(array[chosen]), self.arrays)

    def spec(self) -> Any:
        return map_nest(
            lambda array: TensorSpec(array.shape[1:], array.dtype.name), self.arrays
        )


class Whole(Stage):
    """One element."""

    cardinality = 1

    def __init__(self, element: Any):
        self.element = element

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        if start == 0:
            yield self.element

    def spec(self) -> Any:
        return map_nest(TensorSpec.of, self.element)


class Counted(Stage):
    """Whole numbers without end."""

    cardinality = INFINITE

    def __init__(self, first: int):
        self.first = first

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        for number in itertools.count(self.first + start):
            yield np.asarray(number, "int64")

    def spec(self) -> Any:
        return TensorSpec((), "int64")


class Generated(Stage):
    """What a function makes: a generator for each pass, checked against its types."""

    def __init__(self, make: Callable[[], Iterable[Any]], declared: Any, origin: str):
        self.make, self.declared, self.origin = make, declared, origin

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        for index, value in enumerate(self.make()):
            if self.declared is None:
                element = as_element(value)
            else:
                element = fit_to(self.declared, value)
                check_element(self.declared, element, index, self.origin)
            if index >= start:
                yield element

    def spec(self) -> Any:
        return super().spec() if self.declared is None else self.declared


class Derived(Stage):
    """A stage made of another one, with as many elements unless it says otherwise."""

    def __init__(self, source: Stage):
        self.source = source

    def below(self) -> Sequence[Stage]:
        return (self.source,)

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        return self.source.cardinality

    def spec(self) -> Any:
        return self.source.spec()


class Mapped(Derived):
    """A function of each element; a tuple is handed over as arguments."""

    def __init__(self, source: Stage, function: Callable[..., Any]):
        super().__init__(source)
        self.function = function

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        for element in self.source.elements(start, run):
            yield as_element(applied(self.function, element))

    def spec(self) -> Any:
        """The types of the first result; an axis that follows an open one is open."""
        given = self.source.spec()
        first = next(self.source.elements(0, (0,)), None)
        if first is None:
            return super().spec()
        found = as_element(applied(self.function, first))
        if not any(None in (spec.shape or ()) for _, spec in leaves_of(given)):
            return map_nest(TensorSpec.of, found)
        pairs = zip(leaves_of(first), leaves_of(given), strict=True)
        shorter = iter([_shorter(leaf, spec) for (_, leaf), (_, spec) in pairs])
        other = as_element(
            applied(self.function, map_nest(lambda _: next(shorter), first))
        )
        others = iter([leaf for _, leaf in leaves_of(other)])
        return map_nest(
            lambda leaf: TensorSpec.of(leaf).joined(TensorSpec.of(next(others))), found
        )


def applied(function: Callable[..., Any], element: Any) -> Any:
    """A function of an element."""
    plain = isinstance(element, tuple) and not hasattr(element, "_fields")
    return function(*element) if plain else function(element)


def _shorter(leaf: Any, spec: TensorSpec) -> Any:
    """An array with one fewer along its open axes."""
    cuts = [
        slice(None, -1) if wanted is None and size > 1 else slice(None)
        for wanted, size in zip(spec.shape or leaf.shape, leaf.shape, strict=True)
    ]
    return leaf[tuple(cuts)]


class Filtered(Derived):
    """The elements of which a function says yes."""

    cardinality = UNKNOWN  # type: ignore[assignment]

    def __init__(self, source: Stage, predicate: Callable[..., Any]):
        super().__init__(source)
        self.predicate = predicate

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        kept = (
            element
            for element in self.source.elements(0, run)
            if bool(applied(self.predicate, element))
        )
        yield from itertools.islice(kept, start, None)


class Shuffled(Derived):
    """A random order, by drawing from a buffer of the next elements."""

    def __init__(self, source: Stage, size: int, seed: int, anew: bool):
        super().__init__(source)
        self.size, self.seed, self.anew = size, seed, anew
        self.indexed = source.indexed

    def _generator(self, run: Run) -> np.random.Generator:
        path = run if self.anew else ()
        sequence = np.random.SeedSequence([self.seed, *path])
        return np.random.Generator(np.random.Philox(sequence))

    def order(self, run: Run) -> Any:
        rows, random = self.source.order(run), self._generator(run)
        if self.size >= len(rows):
            return random.permutation(rows)
        return np.fromiter(self._drawn(iter(rows), random), np.int64, len(rows))

    def rows(self, chosen: Any) -> Any:
        return self.source.rows(chosen)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        if self.indexed:
            for place in self.order(run)[start:]:
                yield row(self.source.rows(np.array([place])), 0)
            return
        drawn = self._drawn(self.source.elements(0, run), self._generator(run))
        yield from itertools.islice(drawn, start, None)

    def _drawn(
        self, source: Iterator[Any], random: np.random.Generator
    ) -> Iterator[Any]:
        held = list(itertools.islice(source, self.size))
        for element in source:
            place = int(random.integers(len(held)))
            yield held[place]
            held[place] = element
        for place in random.permutation(len(held)):
            yield held[int(place)]


class Batched(Derived):
    """So many elements stacked into one; the last one may be smaller."""

    def __init__(self, source: Stage, size: int, whole: bool):
        super().__init__(source)
        self.size, self.whole = size, whole

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        count = self.source.cardinality
        if count < 0:
            return count
        return count // self.size if self.whole else -(-count // self.size)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        first = start * self.size
        if self.source.indexed:
            order = self.source.order(run)
            for at in range(first, len(order), self.size):
                chosen = order[at : at + self.size]
                if len(chosen) == self.size or not self.whole:
                    yield self.source.rows(chosen)
            return
        source = self.source.elements(first, run)
        while batch := list(itertools.islice(source, self.size)):
            if len(batch) == self.size or not self.whole:
                yield stack(batch, first)
            first += len(batch)

    def spec(self) -> Any:
        size = self.size if self.whole else None
        return map_nest(lambda spec: spec.batched(size), self.source.spec())


class Unbatched(Derived):
    """The rows of each element."""

    cardinality = UNKNOWN  # type: ignore[assignment]

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        yield from itertools.islice(self._rows(run), start, None)

    def _rows(self, run: Run) -> Iterator[Any]:
        for number, element in enumerate(self.source.elements(0, run)):
            sizes = {leaf.shape[:1] for _, leaf in leaves_of(element)}
            if len(sizes) != 1 or () in sizes:
                raise refuse(
                    "T0701",
                    f"element {number} of the data set has no common first axis to "
                    "take rows from",
                )
            for index in range(next(iter(sizes))[0]):
                yield row(element, index)

    def spec(self) -> Any:
        return map_nest(TensorSpec.row, self.source.spec())


class Repeated(Derived):
    """The elements over and over; each pass shuffles anew."""

    def __init__(self, source: Stage, count: int):
        super().__init__(source)
        self.count = count

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        size = self.source.cardinality
        if size == 0 or self.count == 0:
            return 0
        if self.count < 0:
            return INFINITE
        return size if size < 0 else size * self.count

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        size = self.source.cardinality
        passed = start // size if size > 0 else 0
        rest = start - passed * max(size, 0)
        ends = itertools.count(passed) if self.count < 0 else None
        for number in ends or range(passed, self.count):
            there = False
            first = 0 if size < 0 else rest
            for element in self.source.elements(first, (*run, number)):
                there = True
                if size < 0 and rest:
                    rest -= 1
                    continue
                yield element
            if not there:
                return
            rest = rest if size < 0 else 0


class Taken(Derived):
    """The first elements."""

    def __init__(self, source: Stage, count: int):
        super().__init__(source)
        self.count = count

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        size = self.source.cardinality
        if self.count < 0 or size == UNKNOWN:
            return size
        return self.count if size == INFINITE else min(self.count, size)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        left = None if self.count < 0 else max(self.count - start, 0)
        if left != 0:
            yield from itertools.islice(self.source.elements(start, run), left)


class Skipped(Derived):
    """The elements after the first ones."""

    def __init__(self, source: Stage, count: int):
        super().__init__(source)
        self.count = count

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        size = self.source.cardinality
        if self.count < 0:
            return 0
        return size if size < 0 else max(size - self.count, 0)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        if self.count >= 0:
            yield from self.source.elements(start + self.count, run)


class Zipped(Stage):
    """The elements of several stages side by side, until the shortest one ends."""

    def __init__(self, sources: Sequence[Stage], arrange: Callable[[Any], Any]):
        self.sources, self.arrange = list(sources), arrange

    def below(self) -> Sequence[Stage]:
        return self.sources

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        sizes = [stage.cardinality for stage in self.sources]
        if UNKNOWN in sizes:
            return UNKNOWN
        return min((size for size in sizes if size >= 0), default=INFINITE)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        parts = [stage.elements(start, run) for stage in self.sources]
        for together in zip(*parts, strict=False):
            yield self.arrange(iter(together))

    def spec(self) -> Any:
        return self.arrange(iter([stage.spec() for stage in self.sources]))


class Joined(Stage):
    """The elements of one stage, then those of another."""

    def __init__(self, first: Stage, second: Stage):
        self.first, self.second = first, second

    def below(self) -> Sequence[Stage]:
        return (self.first, self.second)

    @property
    def cardinality(self) -> int:  # type: ignore[override]
        sizes = (self.first.cardinality, self.second.cardinality)
        if INFINITE in sizes:
            return INFINITE
        return UNKNOWN if UNKNOWN in sizes else sum(sizes)

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        size = self.first.cardinality
        if size >= 0:
            yield from self.first.elements(min(start, size), run)
            yield from self.second.elements(max(start - size, 0), run)
            return
        both = itertools.chain(
            self.first.elements(0, run), self.second.elements(0, run)
        )
        yield from itertools.islice(both, start, None)

    def spec(self) -> Any:
        pairs = zip(
            leaves_of(self.first.spec()), leaves_of(self.second.spec()), strict=True
        )
        joined = iter([a.joined(b) for (_, a), (_, b) in pairs])
        return map_nest(lambda _: next(joined), self.first.spec())


class Cached(Derived):
    """The elements, kept in memory once a whole pass was made."""

    kept: list[Any] | None = None

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        if self.kept is not None:
            yield from itertools.islice(self.kept, start, None)
            return
        found: list[Any] = []
        for index, element in enumerate(self.source.elements(0, run)):
            found.append(element)
            if index >= start:
                yield element
        self.kept = found


class Prefetched(Derived):
    """The elements, made ahead on a thread."""

    def __init__(self, source: Stage, size: int):
        super().__init__(source)
        self.size = size

    def elements(self, start: int, run: Run) -> Iterator[Any]:
        return ahead(self.source.elements(start, run), self.size)
