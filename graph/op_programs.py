"""Ops on values that come again and again: from some calls on they are programs.

`remembered.py` keeps how a call is computed; here that is done step by step with NumPy
at first, and then as a program, if there is enough to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from . import programs, tree
from .call_programs import within_call
from .device import device
from .diagnostics import TulleError
from .graph import Graph
from .node import Node, topological
from .quiet import ufunc_of
from .remembered import Run
from .tensor import Tensor
from .types import F64, TensorType, TupleType
from .variable import times_seeded

FIRST = 10  # calls that run step by step
# What follows counts passes of NumPy over an element, of 0.05 ns each.
WORTH = 1 << 17  # that one op alone has to take to be worth a program
MUCH = 1 << 28  # of all calls together that are worth one from the second on
LARGE = 1 << 27  # elements between steps that are worth a program at once
NODE = 1 << 14  # that an op takes whatever its size is
USUAL = 8  # passes of an op that is no single instruction for an element
MOVING = 8  # times what is given and given back, which is far more
PASSES = {  # bodies that take more or fewer, as measured
    "add_at": 60,
    "argmin": 20,
    "argsort": 500,
    "concatenate": 1,
    "cumprod": 60,
    "erf": 20000,
    "extreme_at": 300,
    "fourier_sum": 300,
    "gcd": 450,
    "heaviside": 100,
    "hypot": 60,
    "largest_places": 500,
    "logaddexp": 350,
    "mod": 100,
    "random_normal": 2000,
    "random_uniform": 2000,
    "searchsorted": 1200,
    "softplus": 350,
    "where": 40,
}
CALLED = re.compile(r"\w+(?=\()")  # functions in a formula
LIGHT = (
    "abs ceil floor floordiv isfinite isinf isnan max min rint signbit trunc".split()
)
PRODUCTS = ("matmul", "einsum")
MULTIPLIED = 32  # operations of a product that take as long as a pass
BY_LAPACK = ("eigh", "singular_values")
AS_WELL = ("sort",)  # alone, done as well by NumPy
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

    def __init__(self, steps: Run, nodes_of: Callable[[], Nodes], large: bool = False):
        self.steps, self._nodes_of = steps, nodes_of
        # Calls that run step by step; known once somebody has looked.
        self.first: int | None = None
        self.large = large  # what is between steps may be more than there is memory
        self.program: Any = None
        self.refused = False
        self._calls, self._seeded = 0, times_seeded()

    def __call__(self, arrays: Sequence[Any]) -> Any:
        if self.refused or programs.compiler is None or within_call():
            return self.steps(arrays)
        if self._seeded != times_seeded():  # what is done again does the same
            self._seeded, self._calls = times_seeded(), 0
        self._calls += 1
        if self.first is None and (self._calls > 1 or self.large):
            self._look()
        if self.first is None or self._calls <= self.first or self.refused:
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
        soon = min(FIRST, MUCH // max(1, work))
        self.first = 0 if self.large else max(1, soon)

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


def is_large(inputs: Sequence[Node], plain: Sequence[Node]) -> bool:
    """Whether steps need far more memory than what they are given and give."""
    ends = sum(map(_elements, (*inputs, *plain)))
    most = max(map(_elements, topological(plain)), default=0)
    return most > LARGE and most > MOVING * ends


def _elements(node: Node) -> int:
    items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    return sum(prod(dim.value or 0 for dim in t.shape) for t in items)


def worth(inputs: Sequence[Node], results: Sequence[Node]) -> int:
    """How many steps results of inputs take; 0 if a program would not be faster."""
    if any(_is_handed_on(node, inputs) for node in results):
        return 0
    nodes = [
        node for node in topological(results) if node.inputs and node not in inputs
    ]
    if any(map(_is_better_as_steps, nodes)):
        return 0
    work = sum(map(_passes_of, nodes))
    alone = [node for node in nodes if not node.op.view or _copies(node)]
    if not alone or (len(alone) == 1 and (work < WORTH or _is_done_as_well(alone[0]))):
        return 0
    return work + NODE * len(alone)


def _copies(node: Node) -> bool:
    """Whether a view gives elements that do not lie as its operand has them."""
    return node.op.name == "reshape" and node.inputs[0].op.name == "broadcast_to"


def _is_handed_on(node: Node, inputs: Sequence[Node]) -> bool:
    """Whether a result is an operand, or lies in the memory of one."""
    while node.op.view and not _copies(node):
        node = node.inputs[0]
    return node in inputs


def _is_better_as_steps(node: Node) -> bool:
    """Whether a program rounds the last bits otherwise, or takes long to be made."""
    if node.op.name in BY_LAPACK:  # whose threads are others than a program's
        return True
    if node.op.name == "random_normal":
        return node.dtype == F64
    if node.op.name != "fourier_sum":
        return False
    shape = node.inputs[0].tensor_type.shape
    return any((shape[axis].value or 0) > LINE for axis in node.attributes["axes"])


def _is_done_as_well(node: Node) -> bool:
    """Whether NumPy has instructions for vectors, or a library, for one op alone."""
    match node.op.name:
        case "argmax" | "argmin":
            axis: int | None = node.attributes["axis"]
            return axis == node.inputs[0].tensor_type.rank - 1
        case "floor_divide":
            divisor = node.inputs[1].tensor_type
            return not divisor.shape and not divisor.dtype.is_float
    return node.op.name in AS_WELL


def _passes_of(node: Node) -> int:
    """How many passes over an element a node takes, at so many elements."""
    items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    sizes = [prod(dim.value or 0 for dim in t.shape) for t in (*items, *_types(node))]
    flops = node.op.flops(node).value or 0
    if node.op.name in PRODUCTS:
        return flops // MULTIPLIED
    passes = PASSES.get(node.op.name) or (1 if _is_light(node) else USUAL)
    return max(max(sizes) * passes, flops)


def _is_light(node: Node) -> bool:
    """Whether an op is one instruction for an element, for NumPy as well."""
    if ufunc_of(node.op, node.attributes) is None:
        return False
    if all(source.type != node.type for source in node.inputs):
        return len(node.inputs) < 2  # rows times columns are walked through
    formula = node.op.scalar or "?"
    return "?" not in formula and not set(CALLED.findall(formula)) - set(LIGHT)


def _types(node: Node) -> list[TensorType]:
    return [s.tensor_type for s in node.inputs if not isinstance(s.type, TupleType)]
