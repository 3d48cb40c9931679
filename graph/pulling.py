"""Gradients of what tapes recorded, found once for all that is recorded alike.

The ops that lead to a target, their types and attributes, and where the sources stand
among them, say which nodes the gradients are; what was computed says the values alone.
The nodes are done op by op a few times, and then as one program.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from . import programs
from .device import array_module, current_device, module_of
from .diagnostics import TulleError
from .differentiate import gradients, gradients_of
from .graph import Graph
from .network import replay
from .node import Node, substituted, topological
from .recording import Mark, Recorder, items_of, recording
from .tensor import Tensor, input_node
from .trace import current_trace
from .variable import Variable, times_seeded

FIRST = 10  # times that a gradient is done op by op
SOON = 2  # the same for one of calls that have come that often and are programs
KEPT = 256  # gradients
UNKNOWN = ("layer_call", "opaque", "random_key", "variable")  # read more than values

_KEPT: dict[Any, Pull] = {}
_LOCK = Lock()  # of what is kept


class Layout:
    """What leads to a target on a tape: the places of values, and a key for the whole.

    Everything gets a number, operands before what is made of them.
    """

    def __init__(self, tape: Recorder, target: Mark, groups: Sequence[Sequence[Mark]]):
        needed, order = {target}, []
        for mark in reversed(tape.made):
            if mark in needed:
                order.append(mark)
                needed.update(mark.operands)
        order.reverse()
        places: dict[Mark, int] = {}
        key: list[Any] = [current_device()]
        for mark in order:
            key.append(mark.token)
            for operand in mark.operands:
                place = places.get(operand)
                if place is None:
                    place = places[operand] = len(places)
                key.append(place)
            places[mark] = len(places)
        self.usual = target in places and all(m.token is not None for m in order)
        self.made, self.places, self.target = order, places, target
        self.calls = [mark for mark in order if mark in tape.parts]
        self.groups = [[places[m] for m in group if m in places] for group in groups]
        key.append(places.get(target))
        for group in self.groups:
            key += ("source", *group)
        self.key = tuple(key)


class Pull:
    """The gradients of one layout: as nodes, and as a program."""

    def __init__(self, layout: Layout, tape: Recorder, seeded: bool):
        nodes: dict[Mark, Node] = {}
        made = set(layout.made)
        for mark in layout.places:
            if mark in made:
                nodes[mark] = mark.over([nodes[source] for source in mark.operands])
            else:
                nodes[mark] = input_node("value", tape.values[mark].type)
        target, listed = nodes[layout.target], list(nodes.values())
        self.seed = input_node("cotangent", target.tensor_type) if seeded else None
        sources = [listed[place] for group in layout.groups for place in group]
        if self.seed is None:
            parts = iter(gradients(target, sources))
        else:
            parts = iter(gradients_of({target: self.seed}, sources))
        sums = [total([next(parts) for _ in group]) for group in layout.groups]
        self.there = [node is not None for node in sums]
        self.wanted = [node for node in sums if node is not None]
        known = {n: p for p, (m, n) in enumerate(nodes.items()) if m in tape.values}
        kept = [part for mark in layout.calls for part in items_of(nodes[mark])]
        known |= {node: place for place, node in enumerate(kept, len(listed))}
        if self.seed is not None:
            known[self.seed] = len(listed) + len(kept)
        self.order = topological(self.wanted, known)
        self.known = [(node, known[node]) for node in self.order if node in known]
        self.program: Any = None
        self.refused = any(node.op.name in UNKNOWN for node in self.order)
        self._first = SOON if layout.calls else FIRST
        self._counts: WeakKeyDictionary[Variable, int] = WeakKeyDictionary()
        self._count = 0
        self._seeded = times_seeded()

    def run(self, values: Sequence[Any], source: Any) -> list[Any]:
        """The gradients that there are, from the values at all places."""
        given = {node: values[place] for node, place in self.known}
        if self._often(source) and self._plain(given):
            if self.program is None:
                self._compile()
            if not self.refused:
                found = self.program([value.array for value in given.values()])
                return list(map(Tensor, found.values()))
        return replay(self.order, self.wanted, given, {})

    def _often(self, source: Any) -> bool:
        """Whether this has been asked for often enough to be compiled.

        Each variable's asking is counted anew, and after a new random seed everybody's,
        so that a training that is done again does the same.
        """
        if self._seeded != times_seeded():
            self._seeded, self._count = times_seeded(), 0
            self._counts.clear()
        if not isinstance(source, Variable):
            self._count += 1
            return self._count > self._first
        count = self._counts[source] = self._counts.get(source, 0) + 1
        return count > self._first

    def _plain(self, given: dict[Node, Any]) -> bool:
        """Whether a program may compute it: nobody listens, and values are at hand."""
        if self.refused or programs.compiler is None or recording():
            return False
        xp = array_module()
        return all(module_of(value.array) is xp for value in given.values())

    def _compile(self) -> None:
        holes = {node: input_node("value", node.tensor_type) for node, _ in self.known}
        outputs = substituted(self.wanted, holes)
        named = {str(i): node for i, node in enumerate(outputs) if node is not None}
        assert programs.compiler is not None
        try:
            self.program = programs.compiler(Graph(tuple(holes.values()), named))
        except TulleError:  # op by op it is told
            self.refused = True


def pulled(
    tape: Recorder,
    target: Mark,
    groups: Sequence[Sequence[Mark]],
    first: Any,
    seed: Tensor | None = None,
) -> list[Any] | None:
    """The gradient of a target for each group of marks that stand for one source.

    None stands for a gradient that there is none of, and for all if what was recorded
    is told apart by more than ops, types and plain attributes. `first` is the first
    source, `seed` the cotangent of the target if that is no scalar.
    """
    if current_trace() is not None:
        return None
    layout = Layout(tape, target, groups)
    if not layout.usual:
        return None
    key = (layout.key, seed is None)
    found = _KEPT.get(key) or Pull(layout, tape, seed is not None)
    with _LOCK:
        _KEPT.pop(key, None)
        if len(_KEPT) >= KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = found  # as the one used last
    values = [tape.values.get(mark) for mark in layout.places]
    for mark in layout.calls:
        values += tape.parts[mark]
    with tape.stop_recording():
        results = iter(found.run([*values, seed], first))
    return [next(results) if there else None for there in found.there]


def total(nodes: Sequence[Node | None]) -> Node | None:
    """The sum of the nodes, or tensors, that there are; None if there are none."""
    found = [node for node in nodes if node is not None]
    whole = found[0] if found else None
    for node in found[1:]:
        whole = whole + node
    return whole
