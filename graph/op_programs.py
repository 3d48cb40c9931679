"""Ops on values that come again and again: from some calls on they are programs.

`remembered.py` keeps how a call is computed; here that is done step by step with NumPy
at first, and then as a program, if there is enough to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from . import programs, tree
from .call_programs import within_call
from .device import device
from .diagnostics import TulleError
from .graph import Graph
from .node import Node, topological
from .remembered import Run
from .tensor import Tensor
from .types import F64, TensorType, TupleType
from .variable import times_seeded

FIRST = 10  # calls that run step by step
WORTH = 1 << 14  # steps on elements that one op alone has to be worth a program
MUCH = 1 << 30  # steps of all calls together that are worth one from the second on
MOVING = 8  # steps for an element of what is not computed element by element
PRODUCTS = ("matmul", "einsum")  # alone, the BLAS of NumPy does them as well
HELD = 1 << 28  # bytes that programs together keep for what is between their steps
KEPT = 512  # programs
LINE = 1 << 18  # elements of a Fourier transform; tables for more take seconds to make

Nodes = tuple[Sequence[Node], Any, "Sequence[Node] | None"]
_HELD: dict[Repeated, int] = {}  # those with programs and their bytes, oldest first


class Repeated:
    """How calls of one kind are computed: by `steps`, then by a program of nodes.

    `nodes_of` gives the inputs, the nodes of the results as they are arranged and, if
    composites may be among them, these nodes in a row and expanded. Many calls never
    come again, so that it is asked at the second one.
    """

    def __init__(self, steps: Run, nodes_of: Callable[[], Nodes]):
        self.steps, self._nodes_of = steps, nodes_of
        self.first = 0  # calls that run step by step, once that is known
        self.program: Any = None
        self.refused = False
        self._calls, self._seeded = 0, times_seeded()

    def __call__(self, arrays: Sequence[Any]) -> Any:
        if self.refused or programs.compiler is None or within_call():
            return self.steps(arrays)
        if self._seeded != times_seeded():  # what is done again does the same
            self._seeded, self._calls = times_seeded(), 0
        self._calls += 1
        if self._calls > 1 and not self.first:
            self._look()
        if self._calls <= max(1, self.first) or self.refused:
            return self.steps(arrays)
        program, new = self.program, False
        if program is None:
            program, new = self._compiled(), True
        if program is None:
            return self.steps(arrays)
        try:
            found = program(arrays)
        except TulleError:  # step by step it is told
            found = None
        if new:
            self._keep(program)
        if found is None:
            return self.steps(arrays)
        if self.structure is tree.LEAF:
            return Tensor(found["0"])
        return tree.unflatten(self.structure, map(Tensor, found.values()))

    def _look(self) -> None:
        """See how much there is to do, and whether a program would do it faster."""
        inputs, found, plain = self._nodes_of()
        results, self.structure = tree.flatten(found)
        self.nodes = inputs, results  # at once: threads may look at the same time
        work = worth(inputs, results if plain is None else plain)
        self.refused = not work
        self.first = max(1, min(FIRST, MUCH // max(1, work)))

    def _compiled(self) -> Any:
        """The program; None if there is none that is faster."""
        assert programs.compiler is not None
        inputs, results = self.nodes
        outputs = {str(place): node for place, node in enumerate(results)}
        try:
            with device("cpu"):
                program = programs.compiler(Graph(tuple(inputs), outputs))
        except TulleError:  # step by step it is told
            self.refused = True
            return None
        self.refused = not program.code.native
        return None if self.refused else program

    def _keep(self, program: Any) -> None:
        """Keep a program for the next calls, as far as all of them are not too much.

        To make one anew costs little beside what much memory takes.
        """
        held = program.held_bytes
        if held > HELD // 4:
            return
        self.program = program
        _HELD[self] = held
        for other in list(_HELD):
            if sum(_HELD.values()) <= HELD and len(_HELD) <= KEPT:
                return
            if other is not self and _HELD.pop(other, None) is not None:
                other.program = None


def worth(inputs: Sequence[Node], results: Sequence[Node]) -> int:
    """How many steps results of inputs take; 0 if a program would not be faster."""
    if any(_is_handed_on(node, inputs) for node in results):
        return 0
    nodes = [
        node for node in topological(results) if node.inputs and node not in inputs
    ]
    if any(map(_is_better_as_steps, nodes)):
        return 0
    work = max(1, sum(map(_steps_of, nodes)))
    alone = [node for node in nodes if not node.op.view]
    if not alone or (
        len(alone) == 1 and (work < WORTH or alone[0].op.name in PRODUCTS)
    ):
        return 0
    return work


def _is_handed_on(node: Node, inputs: Sequence[Node]) -> bool:
    """Whether a result is an operand, or lies in the memory of one."""
    while node.op.view:
        node = node.inputs[0]
    return node in inputs


def _is_better_as_steps(node: Node) -> bool:
    """Whether a program rounds the last bits otherwise, or takes long to be made."""
    if node.op.name == "random_normal":
        return node.dtype == F64
    if node.op.name != "fourier_sum":
        return False
    shape = node.inputs[0].tensor_type.shape
    return any((shape[axis].value or 0) > LINE for axis in node.attributes["axes"])


def _steps_of(node: Node) -> int:
    """How many operations on elements a node takes, or moves of them."""
    items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    sizes = [prod(dim.value or 0 for dim in t.shape) for t in (*items, *_types(node))]
    moved = max(sizes) * (1 if node.op.elementwise else MOVING)
    return max(moved, node.op.flops(node).value or 0)


def _types(node: Node) -> list[TensorType]:
    return [s.tensor_type for s in node.inputs if not isinstance(s.type, TupleType)]
