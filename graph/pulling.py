"""Gradients of what tapes recorded, found once for all that is recorded alike.

The ops that lead to a target, their types and attributes, and where the sources stand
among them, say which nodes the gradients are; what was computed says the values alone.
The nodes are done op by op a few times, and then as one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from . import programs
from .device import array_module, current_device, module_of
from .diagnostics import TulleError
from .differentiate import added, gradients, gradients_of, refuse_curved
from .graph import Graph
from .network import replay
from .node import Node, substituted, topological
from .recording import Mark, Recorder, items_of, recording
from .tensor import Tensor, input_node
from .trace import current_trace
from .variable import Variable, times_seeded

# Times that a gradient is done op by op. Calls of layers and losses become programs
# before, and are then recorded as such, also if the first one was to build a layer.
FIRST = 12
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


Rule = Callable[[Node, list[list[Node]]], tuple[list[Node], list["Node | None"]]]


def slopes(target: Node, groups: list[list[Node]]) -> Any:
    """The gradient of a scalar for each group of nodes that stand for one source."""
    return [], _summed(
        gradients(target, [n for group in groups for n in group]), groups
    )


def pullback(target: Node, groups: list[list[Node]]) -> Any:
    """The same for a cotangent of the target, which is the one hole."""
    seed = input_node("cotangent", target.tensor_type)
    flat = [node for group in groups for node in group]
    return [seed], _summed(gradients_of({target: seed}, flat), groups)


def pushforward(target: Node, groups: list[list[Node]]) -> Any:
    """The derivative of the target along tangents of the sources.

    The holes are a cotangent, which may be anything, and the tangents.
    """
    (seed,), sums = pullback(target, groups)
    refuse_curved(sums, [seed])
    ways = [input_node("tangent", group[0].tensor_type) for group in groups]
    return [seed, *ways], gradients_of(added(zip(sums, ways, strict=True)), [seed])


def _summed(
    parts: Sequence[Node | None], groups: list[list[Node]]
) -> list[Node | None]:
    found = iter(parts)
    return [total([next(found) for _ in group]) for group in groups]


class Pull:
    """The derivatives of one layout by a rule: as nodes, and as a program."""

    def __init__(self, layout: Layout, tape: Recorder, rule: Rule):
        nodes: dict[Mark, Node] = {}
        made = set(layout.made)
        for mark in layout.places:
            if mark in made:
                nodes[mark] = mark.over([nodes[source] for source in mark.operands])
            else:
                nodes[mark] = input_node("value", tape.values[mark].type)
        listed = list(nodes.values())
        groups = [[listed[place] for place in group] for group in layout.groups]
        holes, found = rule(nodes[layout.target], groups)
        self.there = [node is not None for node in found]
        self.wanted = [node for node in found if node is not None]
        known = {n: p for p, (m, n) in enumerate(nodes.items()) if m in tape.values}
        kept = [part for mark in layout.calls for part in items_of(nodes[mark])]
        more = [*kept, *holes]
        known |= {node: place for place, node in enumerate(more, len(listed))}
        self.order = topological(self.wanted, known)
        self.known = [(node, known[node]) for node in self.order if node in known]
        self.program: Any = None
        self.refused = any(node.op.name in UNKNOWN for node in self.order)
        self._first = SOON if layout.calls else FIRST
        self._counts: WeakKeyDictionary[Variable, int] = WeakKeyDictionary()
        self._count = 0
        self._seeded = times_seeded()

    def run(self, values: Sequence[Any], source: Any) -> list[Any]:
        """The derivatives that there are, from the values at all places."""
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
        xp, arrays = array_module(), [value.array for value in given.values()]
        alike = {array.__class__: array for array in arrays}  # it takes long to ask
        return all(module_of(array) is xp for array in alike.values())

    def _compile(self) -> None:
        holes = {node: input_node("value", node.tensor_type) for node, _ in self.known}
        outputs = substituted(self.wanted, holes)
        named = {str(i): node for i, node in enumerate(outputs) if node is not None}
        assert programs.compiler is not None
        try:
            self.program = programs.compiler(Graph(tuple(holes.values()), named))
        except TulleError:  # op by op it is told
            self.refused = True


class Asked:
    """Derivatives of a target of a tape by sources, of which some may be asked.

    `groups` are the marks that stand for each source.
    """

    def __init__(self, tape: Recorder, target: Mark, groups: Sequence[Sequence[Mark]]):
        self.tape, self.layout = tape, Layout(tape, target, groups)

    @cached_property
    def _values(self) -> list[Any]:
        """Those at all places, then all that calls gave."""
        found = [self.tape.values.get(mark) for mark in self.layout.places]
        for mark in self.layout.calls:
            found += self.tape.parts[mark]
        return found

    def derive(self, rule: Rule, given: Sequence[Any], first: Any) -> list[Any]:
        """What a rule gives for values of its holes; None where nothing arrives.

        `first` is the first source.
        """
        key = (self.layout.key, rule)
        found = _KEPT.get(key) or Pull(self.layout, self.tape, rule)
        with _LOCK:
            _KEPT.pop(key, None)
            if len(_KEPT) >= KEPT:
                del _KEPT[next(iter(_KEPT))]
            _KEPT[key] = found  # as the one used last
        with self.tape.stop_recording():
            results = iter(found.run([*self._values, *given], first))
        return [next(results) if there else None for there in found.there]


def asked(
    tape: Recorder, target: Mark, groups: Sequence[Sequence[Mark]]
) -> Asked | None:
    """What can be found once for all that is recorded alike.

    None if it is told apart by more than ops, types and plain attributes, and in a
    trace.
    """
    if current_trace() is not None:
        return None
    found = Asked(tape, target, groups)
    return found if found.layout.usual else None


def total(nodes: Sequence[Node | None]) -> Node | None:
    """The sum of the nodes, or tensors, that there are; None if there are none."""
    found = [node for node in nodes if node is not None]
    whole = found[0] if found else None
    for node in found[1:]:
        whole = whole + node
    return whole
