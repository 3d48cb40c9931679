"""Expensive values that several passes need, kept in outputs until these get their own.

A softmax computes its exponentials once: its second pass stores them where the third
finds them, and puts the results in their place.
"""

from __future__ import annotations

from dataclasses import replace

from ...graph.dim import product
from .language import EXPENSIVE, VECTOR, Nest, Store, Value

SHORT = 16  # of so few elements a value is computed sooner than it is back from memory


def keep_expensive_values(nest: Nest) -> Nest:
    """The nest with expensive values computed in one pass only, where outputs allow."""
    width = product(nest.axes[axis].size for axis in nest.along("inner")).value
    if width is not None and width <= SHORT:
        return nest
    taken: set[int] = set()  # accesses that keep something already
    for _ in nest.stores:
        found = _candidate(nest, taken)
        if found is None:
            break
        index, access = found
        taken.add(access)
        nest = _keep(nest, index, access)
    return nest


def _candidate(nest: Nest, taken: set[int]) -> tuple[int, int] | None:
    """An expensive value that is computed again, and an output that can keep it."""
    needed = [nest.needed(nest.pass_of(turn)) for turn in range(nest.turns)]
    for index, value in enumerate(nest.values):
        again = any(index in later for later in needed[value.turn + 1 :])
        if value.op not in EXPENSIVE or not again or nest.level_of(value) != VECTOR:
            continue
        for store in nest.stores:
            access = nest.accesses[store.access]
            whole = set(access.axes) == set(range(len(nest.axes))) == set(value.axes)
            own = nest.values[store.value].turn
            late = own > value.turn
            # Passes after its own value is stored would read that instead.
            late = late and not any(index in later for later in needed[own + 1 :])
            if (
                whole
                and late
                and access.dtype == value.dtype
                and not value.dtype.is_half
            ):
                if store.access not in taken:
                    return index, store.access
    return None


def _keep(nest: Nest, kept: int, access: int) -> Nest:
    """The nest with one value stored in its pass, and loaded in those after it."""
    turn = nest.values[kept].turn
    new: list[Value] = []
    early: list[int] = []  # by old number: the value in the pass of the kept one
    late: list[int] = []  # and after it
    for index, value in enumerate(nest.values):
        after = value.turn - (value.op == "fold") > turn
        args = tuple((late if after else early)[i] for i in value.args)
        new.append(value._replace(args=args))
        early.append(len(new) - 1)
        if index == kept:
            axes = nest.values[kept].axes
            new.append(Value("load", (), value.dtype, axes, turn + 1, access))
        elif not after and value.op != "fold" and args != _late(late, value):
            turns = max(new[i].turn for i in _late(late, value))
            new.append(value._replace(args=_late(late, value), turn=turns))
        late.append(len(new) - 1)

    def moved(old: int) -> int:
        return (late if nest.values[old].turn > turn else early)[old]

    stores = [s._replace(value=moved(s.value)) for s in nest.stores]
    stores.append(Store(early[kept], access))
    totals = [t._replace(value=moved(t.value)) for t in nest.totals]
    return _compact(
        replace(nest, values=tuple(new), stores=tuple(stores), totals=tuple(totals))
    )


def _late(late: list[int], value: Value) -> tuple[int, ...]:
    return tuple(late[i] for i in value.args)


def _compact(nest: Nest) -> Nest:
    """The nest without values that nothing needs."""
    used = {store.value for store in nest.stores}
    used |= {total.value for total in nest.totals}
    for index in range(len(nest.values) - 1, -1, -1):
        if index in used:
            used.update(nest.values[index].args)
    new = {old: number for number, old in enumerate(sorted(used))}
    values = (nest.values[old] for old in new)
    return replace(
        nest,
        values=tuple(v._replace(args=tuple(new[i] for i in v.args)) for v in values),
        stores=tuple(s._replace(value=new[s.value]) for s in nest.stores),
        totals=tuple(t._replace(value=new[t.value]) for t in nest.totals),
    )
