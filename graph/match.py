"""Declared types against actual ones: solves the symbols, or says what does not fit.

The same rule guards data at run time, a model called on other sizes, and the generic
sizes of a layer in the language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .advice import to_match
from .decide import Condition, equal, holds, solve, solve_all
from .diagnostics import Fault
from .dim import Dim, Symbol, sorted_symbols
from .types import DType, TensorType

Solution = dict[Symbol, Dim]
Pairs = Sequence[tuple[str, TensorType, TensorType]]


def match_types(
    names: Sequence[str],
    declared: Sequence[TensorType],
    actual: Sequence[TensorType],
    around: Mapping[Symbol, Dim] | None = None,
) -> Solution:
    """The sizes that make each declared type the actual one.

    `around` has the sizes of what the types are declared within, since `T // 2` alone
    does not say what `T` is. Raises a `Fault` T0701 or T0702 that names the input and
    the axis, or the condition of a symbol that the sizes break.
    """
    pairs = list(zip(names, declared, actual, strict=True))
    try:
        values = _solved(pairs, around or {})
    except Fault as fault:
        index = next(iter(fault.operands))
        other = _swapped(pairs, index)
        if other is not None:
            _tell_swapped(fault, pairs, *sorted((index, other)))
        elif not fault.help:
            fault.help = _fitting(*pairs[index])
        raise
    for condition in _own_conditions(declared):
        _check_condition(condition, values)
    return values


def empty_sizes(
    declared: Sequence[TensorType], actual: Sequence[TensorType]
) -> dict[Symbol, Dim]:
    """The sizes that are 0 where any size is declared.

    A symbol stands for sizes from 1 on, and rules of types build upon that: what is
    done with nothing is typed anew, with the number 0.

    >>> from tulle.graph.types import F32
    >>> batch = Dim.from_symbol(Symbol("B"))
    >>> nothing = TensorType(F32, (Dim.of(0), Dim.of(3)))
    >>> empty_sizes([TensorType(F32, (batch, Dim.of(3)))], [nothing])
    {Symbol('B'): Dim(0)}
    """
    return {
        dim.symbol: size
        for wanted, given in zip(declared, actual, strict=True)
        for dim, size in zip(wanted.shape, given.shape, strict=False)
        if size.value == 0 and dim.symbol is not None and dim.symbol.is_any_size
    }


class Reader:
    """Declared types whose sizes are read off shapes, with nothing to be solved.

    It does not say what is wrong with shapes that do not fit: `match_types` does.
    """

    def __init__(self, declared: Sequence[TensorType]):
        dims = [dim for type in declared for dim in type.shape]
        self._dtypes = [type.dtype for type in declared]
        self._axes = [
            [(dim.symbol, dim.value) for dim in type.shape] for type in declared
        ]
        self._conditions = _own_conditions(declared)
        told = {dim.symbol for dim in dims}
        related = {s for one in self._conditions for s in one.symbols()}
        plain = all(dim.symbol or dim.value is not None for dim in dims)
        self._suits = plain and related <= told

    def read(
        self, dtypes: Sequence[DType], shapes: Sequence[tuple[int, ...]]
    ) -> dict[Symbol, int] | None:
        """The sizes; None where they have to be solved, or may not fit.

        >>> from tulle.graph.types import F32
        >>> batch = Symbol("B")
        >>> reader = Reader([TensorType(F32, (Dim.from_symbol(batch), Dim.of(3)))])
        >>> reader.read([F32], [(8, 3)]) == {batch: 8}
        True
        """
        if not self._suits or list(dtypes) != self._dtypes:
            return None
        values: dict[Symbol, int] = {}
        for axes, shape in zip(self._axes, shapes, strict=True):
            if len(axes) != len(shape):
                return None
            for (symbol, wanted), size in zip(axes, shape, strict=True):
                if symbol is not None:
                    wanted = values.get(symbol)
                    if wanted is None and symbol.admits(size):
                        values[symbol] = wanted = size
                if wanted != size:
                    return None
        kept = all(condition.holds(values) for condition in self._conditions)
        return values if kept else None


def _own_conditions(declared: Sequence[TensorType]) -> list[Condition]:
    """What the symbols of the declared types are taken to fulfil."""
    dims = [dim for type in declared for dim in type.shape]
    found = [c for symbol in sorted_symbols(*dims) for c in symbol.conditions]
    return list(dict.fromkeys(found))


def _solved(pairs: Pairs, around: Mapping[Symbol, Dim] | None = None) -> Solution:
    values: Solution = {}
    for index, (name, wanted, given) in enumerate(pairs):
        if wanted.dtype != given.dtype:
            raise _dtype_fault(index, name, wanted, given)
        if wanted.rank != given.rank:
            raise _rank_fault(index, name, wanted, given)
    pending = [
        (index, axis)
        for index, (_, wanted, _) in enumerate(pairs)
        for axis in range(wanted.rank)
    ]
    while pending:
        left = [place for place in pending if not _settle(place, pairs, values)]
        stuck = len(left) == len(pending)
        if stuck and not _settle_together(left, pairs, values):
            if not _settle_by(around or {}, left, pairs, values):
                break
        pending = left
    for index, axis in pending:
        name, wanted, given = pairs[index]
        if equal(wanted.shape[axis].substitute(values), given.shape[axis]) is not True:
            raise _size_fault(index, axis, pairs, values)
    return values


def _settle(place: tuple[int, int], pairs: Pairs, values: Solution) -> bool:
    """Solve or check one axis; False if others may tell its symbols first."""
    index, axis = place
    _, wanted, given = pairs[index]
    dim, size = wanted.shape[axis].substitute(values), given.shape[axis]
    if dim == size:
        # A symbol that stays itself is solved too.
        for symbol in wanted.shape[axis].symbols():
            values.setdefault(symbol, Dim.from_symbol(symbol))
        return True
    unknown = [s for s in dim.symbols() if s not in values]
    if dim.symbol in unknown and dim.symbol is not None:
        _check_bounds(place, pairs, values, dim.symbol, size)
        values[dim.symbol] = size
        return True
    if size.value is not None and len(unknown) == 1:
        found = solve(dim, size.value)
        if found is not None:
            _check_bounds(place, pairs, values, found[0], Dim.of(found[1]))
            values[found[0]] = Dim.of(found[1])
            return True
    if not unknown:
        if equal(dim, size) is True:
            return True  # for the sizes that there are, as 2 * (H // 2) for an even H
        raise _size_fault(index, axis, pairs, values)
    return False


def _settle_together(
    places: Sequence[tuple[int, int]], pairs: Pairs, values: Solution
) -> bool:
    """Solve several axes as one system of linear equations; False if none is solved."""
    equations: list[tuple[Dim, int]] = []
    for index, axis in places:
        _, wanted, given = pairs[index]
        size = given.shape[axis].value
        if size is not None:
            equations.append((wanted.shape[axis].substitute(values), size))
    found = solve_all(equations)
    for symbol, number in found.items():
        place = next(
            (i, a) for i, a in places if symbol in pairs[i][1].shape[a].symbols()
        )
        _check_bounds(place, pairs, values, symbol, Dim.of(number))
        values[symbol] = Dim.of(number)
    return bool(found)


def _settle_by(
    around: Mapping[Symbol, Dim],
    places: Sequence[tuple[int, int]],
    pairs: Pairs,
    values: Solution,
) -> bool:
    """Take sizes from outside where they fit; False if none does."""
    for index, axis in places:
        _, wanted, given = pairs[index]
        dim = wanted.shape[axis].substitute(values)
        known = {s: around[s] for s in dim.symbols() if s in around and s not in values}
        if known and dim.substitute(known) == given.shape[axis]:
            values.update(known)
            return True
    return False


def _check_condition(condition: Condition, values: Solution) -> None:
    """Refuse sizes that break a condition, or that are not proven to keep it."""
    known = condition.substitute(values)
    plain = not known.symbols()
    if known.holds({}) if plain else holds(known) is True:
        return
    solved = [f"{s} = {v}" for s, v in values.items() if str(s) != str(v)]
    reads = f"it reads {known}" if plain else f"nothing proves {known}"
    raise Fault(
        "T0701",
        f"the sizes break the condition `{condition}`: {reads}",
        dims=(condition.left, condition.right),
        notes=["so far " + ", ".join(solved)] if solved else [],
    )


def _check_bounds(
    place: tuple[int, int], pairs: Pairs, values: Solution, symbol: Symbol, size: Dim
) -> None:
    low, high = size.bounds()
    above = symbol.upper is None or (high is not None and high <= symbol.upper)
    if low is not None and low >= symbol.lower and above and _admitted(symbol, size):
        return
    note = f"`{symbol}` is {symbol.admitted}, not {size}"
    raise _size_fault(*place, pairs, values, note)


def _admitted(symbol: Symbol, size: Dim) -> bool:
    """Whether a size always has what the symbol asks besides its bounds."""
    if size.value is not None:
        return symbol.admits(size.value)
    if symbol.members is not None:
        other = size.symbol
        listed = None if other is None else other.members
        return listed is not None and set(listed) <= set(symbol.members)
    return symbol.step == 1 or equal(size % symbol.step, symbol.rest) is True


def _dtype_fault(index: int, name: str, wanted: TensorType, given: TensorType) -> Fault:
    return Fault(
        "T0702",
        f"`{name}` is declared {wanted} and got {given}: the dtype differs",
        operands={index: str(given)},
        help=[f"convert the data to {wanted.dtype.name}"],
    )


def _rank_fault(index: int, name: str, wanted: TensorType, given: TensorType) -> Fault:
    return Fault(
        "T0701",
        f"`{name}` is declared {wanted} and got {given}: "
        f"{wanted.rank} axes against {given.rank}",
        operands={index: str(given)},
        dims=wanted.shape,
    )


def _size_fault(
    index: int, axis: int, pairs: Pairs, values: Mapping[Symbol, Dim], note: str = ""
) -> Fault:
    name, wanted, given = pairs[index]
    dim, size = wanted.shape[axis], given.shape[axis]
    known = dim.substitute(values)
    meaning = f"{dim}" if known == dim else f"{dim} = {known}"
    solved = [f"{s} = {v}" for s, v in values.items() if str(s) != str(v)]
    notes = [note] if note else []
    if solved:
        notes.append("so far " + ", ".join(solved))
    return Fault(
        "T0701",
        f"`{name}` is declared {wanted} and got {given}: "
        f"axis {axis} is {size} in place of {meaning}{_distance(known, size)}",
        operands={index: str(given)},
        dims=(dim, size) if size.origin else (dim,),
        notes=notes,
    )


def _distance(wanted: Dim, given: Dim) -> str:
    """How far off a size is, where that is little."""
    difference = (given - wanted).value
    if difference is None or abs(difference) > NEAR:
        return ""
    return f", {abs(difference)} {'too many' if difference > 0 else 'short'}"


NEAR = 3


def _swapped(pairs: Pairs, index: int) -> int | None:
    """The other of two values with which everything fits if they are exchanged."""
    for other in range(len(pairs)):
        if other == index:
            continue
        given = [actual for _, _, actual in pairs]
        given[index], given[other] = given[other], given[index]
        try:
            _solved([(n, w, g) for (n, w, _), g in zip(pairs, given, strict=True)])
        except Fault:
            continue
        return other
    return None


def _tell_swapped(fault: Fault, pairs: Pairs, first: int, second: int) -> None:
    told = [f"`{n}` is declared {w} and got {g}" for n, w, g in pairs]
    fault.message = f"{told[first]}, {told[second]}"
    fault.operands = {index: str(pairs[index][2]) for index in (first, second)}
    sizes = [d for i in (first, second) for d in pairs[i][1].shape if d.value]
    fault.dims = tuple(sizes)
    names = (f"`{pairs[first][0]}`", f"`{pairs[second][0]}`")
    other = f"give {names[0]} what {names[1]} got, and the other way round"
    fault.help = (f"they fit if swapped: {other}",)


def _missing_axis(name: str, wanted: TensorType, given: TensorType) -> tuple[str, ...]:
    """What could be changed, if there are axes too many or too few."""
    if given.rank == wanted.rank + 1:
        if given.shape[-1].value == 1:
            return (f"take the last axis of `{name}` away: its size is 1",)
        if not wanted.dtype.is_float:
            return ("`argmax` over the last axis makes class numbers of indicators",)
    if wanted.rank == given.rank + 1:
        if all(d.value in (None, s.value) for d, s in _behind(wanted, given)):
            told = f"`{name}` is one sample: an axis of samples belongs in front of it"
            return (told,)
        if wanted.shape[-1].value == 1:
            return (f"an axis of size 1 belongs at the end of `{name}`",)
    return (f"bring `{name}` to the shape of {wanted}",)


def _behind(wanted: TensorType, given: TensorType) -> list[tuple[Dim, Dim]]:
    """The sizes behind the first declared one, each with the one given."""
    return list(zip(wanted.shape[1:], given.shape, strict=True))


def _fitting(name: str, wanted: TensorType, given: TensorType) -> tuple[str, ...]:
    """What could be changed, if one size differs."""
    pairs = list(zip(wanted.shape, given.shape, strict=False))
    if wanted.rank != given.rank:
        return _missing_axis(name, wanted, given)
    wrong = [(d, s) for d, s in pairs if d.value is not None and d != s]
    if len(wrong) != 1 or wrong[0][1].value is None:
        return ()
    declared, found = wrong[0]
    if found.origin is not None:
        return tuple(to_match(declared, found))
    new = wanted.with_shape(found if d is declared else d for d in wanted.shape)
    return (f"give {declared} in place of {found}, or declare `{name}` as {new}",)
