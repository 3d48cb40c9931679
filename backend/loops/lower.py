"""From a fused node to a loop kernel; what cannot be one says why.

Tensors of the body become values along axes: movements leave no trace but in the
axes, formulas of ops become functions on elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.dim import Dim
from ...graph.node import Node, attribute_key
from ...graph.types import TensorType
from ..kernels import Body, Instruction, body_types
from .axes import in_order, picked_leaves, unify
from .kernel import LoopKernel
from .language import FOLDS, LANES, Nest, Unlowerable
from .nests import NestBuilder, zeros
from .roles import assign, find_folds, scattering

RANK = 8  # axes of a nest
MOST_KEPT = 1024
_kept: dict[Any, tuple[Any, LoopKernel | str]] = {}


def lowerable(node: Node) -> str | None:
    """Why a fused node is no loop kernel; None if it is one."""
    try:
        lower(node)
    except Unlowerable as reason:
        return str(reason)
    return None


def lower(node: Node) -> LoopKernel:
    """The loop kernel of a fused node, or `Unlowerable`.

    Nodes that differ in nothing but their operands have one kernel.
    """
    key = attribute_key(node.attributes), tuple([s.type for s in node.inputs])
    kept = _kept.get(key)
    if kept is not None:
        _, found = kept
    else:
        try:
            found = _lower(node)
        except Unlowerable as reason:
            found = str(reason)
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        # The key may name objects that the attributes keep; the node keeps variables.
        _kept[key] = node.attributes, found
    if isinstance(found, str):
        raise Unlowerable(found)
    return found


def _lower(node: Node) -> LoopKernel:
    operands = [source.tensor_type for source in node.inputs]
    body, outputs = node.attributes["body"], node.attributes["outputs"]
    parts = _picked_apart(*_pruned(len(operands), body, outputs))
    try:
        return Lowering(operands, *parts).kernel()
    except Unlowerable as reason:
        # Each reader of an operand may walk it in another order.
        apart = _apart(*parts)
        if len(apart[0]) == len(parts[0]):
            raise
        try:
            return Lowering(operands, *apart).kernel()
        except Unlowerable:
            raise reason from None


Parts = tuple[tuple[int, ...], Body, tuple[int, ...]]  # leaves, steps, outputs


def _pruned(count: int, body: Body, outputs: tuple[int, ...]) -> Parts:
    """The body without what no output needs."""
    used = set(outputs)
    for place in range(count + len(body) - 1, count - 1, -1):
        if place in used:
            used.update(body[place - count].operands)
    kept = sorted(used)
    new = {place: number for number, place in enumerate(kept)}
    steps = [body[place - count] for place in kept if place >= count]
    return (
        tuple(place for place in kept if place < count),
        tuple(
            Instruction(name, tuple(new[index] for index in operands), attributes)
            for name, operands, attributes in steps
        ),
        tuple(new[index] for index in outputs),
    )


def _picked_apart(
    leaves: tuple[int, ...], body: Body, outputs: tuple[int, ...]
) -> Parts:
    """The body with a leaf of its own for what each `pick` picks from."""
    count = len(leaves)
    picks = [n for n, step in enumerate(body) if step.op == "pick"]
    picks = [n for n in picks if body[n].operands[0] < count]
    if not picks:
        return leaves, body, outputs
    own = {n: count + number for number, n in enumerate(picks)}

    def moved(index: int) -> int:
        return index if index < count else index + len(picks)

    steps = []
    for n, (name, operands, attributes) in enumerate(body):
        places = tuple(map(moved, operands))
        if n in own:
            places = (own[n], *places[1:])
        steps.append(Instruction(name, places, attributes))
    leaves = (*leaves, *(leaves[body[n].operands[0]] for n in picks))
    kept, new, ends = _pruned(len(leaves), tuple(steps), tuple(map(moved, outputs)))
    return tuple(leaves[n] for n in kept), new, ends


def _apart(leaves: tuple[int, ...], body: Body, outputs: tuple[int, ...]) -> Parts:
    """The body with a leaf of its own for each use of an operand."""
    count = len(leaves)
    uses = [i for step in body for i in step.operands if i < count]
    uses += [i for i in outputs if i < count]
    next_leaf = iter(range(len(uses)))

    def moved(index: int) -> int:
        return next(next_leaf) if index < count else index - count + len(uses)

    new = tuple(
        Instruction(name, tuple(map(moved, operands)), attributes)
        for name, operands, attributes in body
    )
    return tuple(leaves[i] for i in uses), new, tuple(map(moved, outputs))


class Lowering:
    """One attempt: `leaves` says which operand each leaf of the body reads."""

    def __init__(
        self,
        operands: Sequence[TensorType],
        leaves: tuple[int, ...],
        body: Body,
        outputs: tuple[int, ...],
    ):
        self.operands, self.leaves, self.body, self.outputs = (
            operands,
            leaves,
            body,
            outputs,
        )
        self.count = len(leaves)
        self.types = body_types([operands[index] for index in leaves], body)
        self.picked = picked_leaves(self.count, body)
        self.unifier, self.dims = unify(self.types, self.count, body)
        self.folds = find_folds(self.dims, self.count, body)
        self.scatters = any(step.op == "sum_at" for step in body)
        if self.scatters:
            self._refuse_company()

    def _refuse_company(self) -> None:
        """Sums at places are all that a kernel gives, and it folds nothing else."""
        for place, step in enumerate(self.body, self.count):
            if any(i in self.outputs for i in step.operands):
                raise Unlowerable("a kernel reads what it sums up at places")
            if step.op in FOLDS:
                raise Unlowerable("sums at places beside folds")
            if (step.op == "sum_at") != (place in self.outputs):
                raise Unlowerable("a kernel gives more than sums at places")
        if len(self.folds) != len(self.outputs):
            raise Unlowerable("sums at places of single numbers")

    def _orders(self) -> list[list[int]]:
        """Axes as outputs have them, or else operands; the best order first."""
        ends = [self.dims[index] for index in self.outputs]
        starts = self.dims[: self.count]
        one, two = (
            [*sorted(pair, key=len, reverse=True), *self.dims]
            for pair in ([*ends, *starts], [*starts, *ends])
        )
        found = [in_order(one, ahead=True), in_order(one), in_order(two)]
        if self._narrower(found[0], found[1]):
            found = found[1:]
        return [order for n, order in enumerate(found) if order not in found[:n]]

    def _narrower(self, order: list[int], other: list[int]) -> bool:
        """Whether the innermost axis fills no vector, unlike that of another order."""
        if not order:
            return False
        inner, rest = (self.unifier.sizes[axes[-1]].value for axes in (order, other))
        return inner is not None and inner < LANES and (rest is None or inner < rest)

    def kernel(self) -> LoopKernel:
        """The kernel in the first order of axes that one can have."""
        reason = Unlowerable(f"more than {RANK} axes")
        for order in self._orders():
            try:
                if len(order) <= RANK:
                    return self._ordered(order)
            except Unlowerable as found:
                reason = found
        raise reason

    def _ordered(self, order: list[int]) -> LoopKernel:
        """The kernel with its axes in an order."""
        self.order = order
        if self.scatters:
            self.roles = scattering(order, self.folds)
        else:
            self.roles = assign(order, self.folds, self.unifier.sizes)
        self.sizes: list[Dim] = []
        self.totals = [p for p, form in self.roles.forms.items() if form != "fold"]
        self.after = self._after_totals()
        return LoopKernel(
            tuple((type.dtype, type.rank) for type in self.operands),
            tuple((self.types[i].dtype, self.types[i].rank) for i in self.outputs),
            self._nests(),
            tuple(self.sizes),
        )

    def _after_totals(self) -> set[int]:
        """What is computed from totals, those included, along the axes they keep."""
        kept = {place: self._named(place) for place in self.totals}
        for place, step in enumerate(self.body, self.count):
            ends = [kept[index] for index in step.operands if index in kept]
            if not ends:
                continue
            if place in self.roles.forms:
                raise Unlowerable("a fold reads the end of another")
            here = self._named(place)
            if any(axes and axes != here for axes in ends):
                raise Unlowerable("values read a fold of outer axes again")
            kept[place] = here
        return set(kept)

    def _named(self, place: int) -> frozenset[int]:
        return frozenset(axis for axis in self.dims[place] if axis is not None)

    def _nests(self) -> tuple[Nest, ...]:
        """The main one, then one for each set of axes that totals keep."""
        roles = self.roles
        self.main = self.outputs_of(lambda index: index not in self.after)
        self._refuse_repetition()
        nests: list[Nest] = []
        if self.scatters:
            nests = [
                zeros(len(self.operands) + n, self.types[index])
                for n, index in enumerate(self.outputs)
            ]
        nests.append(
            NestBuilder(
                self,
                [
                    (roles.outer, "outer"),
                    (roles.folded, "folded"),
                    (roles.inner, "inner"),
                ],
            ).main()
        )
        groups: dict[frozenset[int], list[int]] = {}
        for place in self.outputs_of(lambda index: index in self.after):
            groups.setdefault(self._named(self.outputs[place]), []).append(place)
        for axes, places in groups.items():
            kept = [axis for axis in self.order if axis in axes]
            split: list[tuple[Sequence[int], str]] = [
                (kept[:-1], "outer"),
                (kept[-1:], "inner"),
            ]
            nests.append(NestBuilder(self, split).after(places))
        return tuple(nests)

    def _refuse_repetition(self) -> None:
        """Every result of the main nest varies along all of its outer axes.

        Along the inner ones it varies as well, or along none of them, or along all but
        the last: it would be computed again for each place of the others, and from what
        lies in its own place.
        """
        roles = self.roles
        ends = [self.stored(self.outputs[place]) for place in self.main]
        ends += [self.body[place - self.count].operands[0] for place in self.totals]
        if any({*roles.outer, *roles.folded} - self._named(end) for end in ends):
            raise Unlowerable("a result has not the outer axes of the others")
        inner = frozenset(roles.inner)
        levels = (frozenset[int](), frozenset(roles.inner[:-1]), inner)
        if any(self._named(end) & inner not in levels for end in ends):
            raise Unlowerable("a result has not the inner axes of the others")

    def stored(self, place: int) -> int:
        """What goes into an output: a value, or what it adds up."""
        step = None if place < self.count else self.body[place - self.count]
        return step.operands[0] if step and step.op == "sum_at" else place

    def outputs_of(self, chosen: Any) -> list[int]:
        return [place for place, index in enumerate(self.outputs) if chosen(index)]

    def size(self, dim: Dim) -> int:
        """The number of a size among those that values read."""
        if dim not in self.sizes:
            self.sizes.append(dim)
        return self.sizes.index(dim)
