"""Which axes of a kernel are outer, folded and inner, and what each fold becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...graph.dim import Dim, product
from ..kernels import Body
from .axes import Dims
from .language import FOLDS, Unlowerable

ALONE = 4096  # elements that may be one row, which no second thread can share


@dataclass(frozen=True)
class Fold:
    """A reduction of a body: what it folds, of which axes, and whether it is read by
    values that vary along what it folds."""

    place: int
    gone: frozenset[int]
    source: frozenset[int]
    read_again: bool


@dataclass(frozen=True)
class Roles:
    """The axes of a kernel by role, each in order; the form of each fold."""

    outer: tuple[int, ...]
    folded: tuple[int, ...]
    inner: tuple[int, ...]
    forms: dict[int, str]  # by place: fold, or a form of `Total`


def find_folds(dims: Sequence[Dims], leaves: int, body: Body) -> list[Fold]:
    """The reductions of a body, in order."""
    gone: dict[int, frozenset[int]] = {}
    behind: list[frozenset[int]] = [frozenset()] * leaves
    again: set[int] = set()
    for place, (name, operands, attributes) in enumerate(body, leaves):
        below = frozenset().union(*(behind[index] for index in operands))
        again |= {fold for fold in below if gone[fold] & set(dims[place])}
        if name in FOLDS or name == "sum_at":
            source = dims[operands[0]]
            axes = folded_axes(name, dict(attributes))
            gone[place] = _named(source[axis] for axis in axes)
            again |= {fold for fold in below if gone[fold] & _named(source)}
            below |= {place} if gone[place] else set()
        behind.append(below)
    return [
        Fold(
            place, axes, _named(dims[body[place - leaves].operands[0]]), place in again
        )
        for place, axes in gone.items()
        if axes
    ]


def folded_axes(name: str, attributes: Mapping[str, Any]) -> Sequence[int]:
    """The axes of its operand that a fold goes over, or sums at places."""
    first = attributes["axis"]
    return range(first, first + attributes["rank"]) if name == "sum_at" else first


def _named(dims: Iterable[int | None]) -> frozenset[int]:
    return frozenset(axis for axis in dims if axis is not None)


def scattering(order: Sequence[int], folds: Sequence[Fold]) -> Roles:
    """The roles of axes where all folds are sums at places.

    Folded axes are gone through in order, the others in parallel.
    """
    gone = folds[0].gone
    if not order or order[-1] in gone or any(fold.gone != gone for fold in folds):
        raise Unlowerable("sums at places go over the innermost axis")
    outer = tuple(axis for axis in order[:-1] if axis not in gone)
    folded = tuple(axis for axis in order if axis in gone)
    return Roles(outer, folded, (order[-1],), {})


def assign(order: Sequence[int], folds: Sequence[Fold], sizes: Sequence[Dim]) -> Roles:
    """The roles of axes, which stand in order, the innermost last."""
    if not order:
        return Roles((), (), (), {})
    if not folds:
        return Roles(tuple(order[:-1]), (), (order[-1],), {})
    again = frozenset().union(*(fold.gone for fold in folds if fold.read_again))
    elements = product(sizes[axis] for axis in order).value
    if len(again) == len(order) and (elements is None or elements > ALONE):
        raise Unlowerable("values read a fold of everything again")
    reasons: list[str] = []
    for inner in _candidates(order, folds, again):
        try:
            return _fit(order, folds, inner)
        except Unlowerable as reason:
            reasons.append(str(reason))
    raise Unlowerable(reasons[0])


def _candidates(
    order: Sequence[int], folds: Sequence[Fold], again: frozenset[int]
) -> list[frozenset[int]]:
    last = order[-1]
    if again:
        if last not in again:
            raise Unlowerable("values read a fold of outer axes again")
        return [again]
    anywhere = frozenset().union(*(fold.gone for fold in folds))
    outside = 0  # axes at the end that nobody folds
    while outside < len(order) and order[-1 - outside] not in anywhere:
        outside += 1
    found = [frozenset(order[len(order) - outside :])] if outside else []
    rows = [f.gone for f in folds if last in f.gone and len(f.gone) < len(order)]
    found += sorted(rows, key=len)
    found.append(frozenset({last}))
    return found


def _fit(order: Sequence[int], folds: Sequence[Fold], inner: frozenset[int]) -> Roles:
    """The roles if these axes are the inner ones."""
    folded: frozenset[int] | None = None
    forms: dict[int, str] = {}
    for fold in folds:
        form, rest = _form(fold, inner, len(order))
        if fold.read_again and form != "fold":
            raise Unlowerable("folds that are read again go over different axes")
        forms[fold.place] = form
        if form != "fold":
            if folded is not None and folded != rest:
                raise Unlowerable("folds go over different axes")
            folded = rest
    kept = folded or frozenset()
    for fold in folds:
        form = forms[fold.place]
        walked = set(order) - inner if form == "row" else set(order)
        if form != "fold" and not walked <= fold.source:
            raise Unlowerable("a fold does not vary along all loops around it")
    outer = tuple(a for a in order if a not in inner and a not in kept)
    return Roles(
        outer,
        tuple(a for a in order if a in kept),
        tuple(a for a in order if a in inner),
        forms,
    )


def _form(fold: Fold, inner: frozenset[int], rank: int) -> tuple[str, frozenset[int]]:
    """How a fold runs, and which outer axes it folds."""
    if fold.gone == inner and (fold.read_again or len(inner) < rank):
        return "fold", frozenset()
    if not fold.gone & inner:
        return ("column" if fold.source & inner else "row"), fold.gone
    if fold.gone >= inner:
        return "full", fold.gone - inner
    raise Unlowerable("a fold goes over a part of the inner axes")
