"""The native forms of nodes: which entries compute a node, on which words.

A form has the text of its entries, says how much scratch memory it wants for given
sizes, and makes the calls for given arrays.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ...graph.dim import Symbol
from ...graph.node import Node, attribute_key
from ...graph.types import TupleType
from .. import loops
from ..binding import attributes_of, lying_of
from ..kernels import alone
from ..loops import LoopKernel
from ..pipeline.plan import number
from ..pipeline.schedule import OPAQUE
from ..strided_arrays import Placeholders, StridedArray, is_dense
from . import gemm
from .call import Call
from .copying import copy, dense
from .followed import Followed
from .special import SPECIAL, Special

Sizes = Mapping[Symbol, int]


class Place(NamedTuple):
    """Where one step computes: its arrays, scratch memory, sizes, and how many threads.

    `compiled` gives the address of each entry by name; what is put into `keep` lives
    as long as the calls.
    """

    sources: Sequence[StridedArray]
    targets: Sequence[StridedArray]
    scratch: int  # the address
    sizes: Sizes
    threads: int
    compiled: Mapping[str, int]
    placeholders: Placeholders
    keep: list[Any]


class Form(Protocol):
    """How a node is computed by native code."""

    @property
    def key(self) -> Hashable:
        """What forms share that differ by nothing."""

    def fragments(self) -> dict[str, str]:
        """The text that defines each entry, by its name."""

    def in_place(self, operand: int, output: int) -> bool:
        """Whether a result may lie where an operand of the same type does."""

    @property
    def has_scratch(self) -> bool:
        """Whether it may want memory beside operands and results."""

    def scratch_bytes(self, sizes: Sizes) -> int:
        """That memory."""

    def calls(self, place: Place) -> list[Call]:
        """The calls that compute it on given arrays."""

    def listing(self) -> str:
        """It as text for people; empty if its name says all."""


class Copied:
    """A step that copies a value, whose shape may be another one there."""

    key: Hashable = "copy"
    has_scratch = False

    def fragments(self) -> dict[str, str]:
        """None: `copy` finds its own."""
        return {}

    def in_place(self, operand: int, output: int) -> bool:
        """Never."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """None."""
        return 0

    def calls(self, place: Place) -> list[Call]:
        """The copy, if there is anything."""
        (source,), (target,) = place.sources, place.targets
        call = copy(StridedArray(target.address, source.shape, target.dtype), source)
        return [] if call is None else [call]

    def listing(self) -> str:
        """Nothing."""
        return ""


class Turned(Copied):
    """A step that does nothing but put axes into another order."""

    def __init__(self, axes: tuple[int, ...]):
        self.axes = axes
        self.key = "copy", axes

    def calls(self, place: Place) -> list[Call]:
        """The copy of the array with its axes in that order."""
        (source,), (target,) = place.sources, place.targets
        steps = tuple([source.steps[axis] for axis in self.axes])
        shape, dense = target.shape, is_dense(target.shape, steps)
        turned = StridedArray(source.address, shape, target.dtype, steps, dense)
        call = copy(target, turned)
        return [] if call is None else [call]


class Product:
    """A product; operands that the BLAS cannot read are copied for it."""

    def __init__(self, node: Node):
        self.node = node
        left, right = node.inputs
        self.shape = node.shape if min(left.ndim, right.ndim) > 1 else None
        self.terms, self.short = left.shape[-1], left.dtype.short
        self.key = "matmul", self.short
        self.has_scratch = self.shape is not None
        self._bound: tuple[Sizes | None, int] = None, 0  # its scratch memory then

    def fragments(self) -> dict[str, str]:
        """The entry for products that are not the BLAS's."""
        return gemm.packed_fragment(self.short)

    def in_place(self, operand: int, output: int) -> bool:
        """Never."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What packed operands take."""
        if self.shape is None:
            return 0
        if self._bound[0] is sizes:
            return self._bound[1]
        shape = [number(dim, sizes) for dim in self.shape]
        return gemm.scratch_bytes(shape, number(self.terms, sizes), self.short)

    def calls(self, place: Place) -> list[Call]:
        """Copies where they must be, then the product."""
        (x, y), (out,) = place.sources, place.targets
        found, (x, y) = dense((x, y), place.keep, gemm.readable_by(x, y))
        call = gemm.product(x, y, out, place.threads, place.scratch)
        self._bound = place.sizes, gemm.scratch_of(call)
        return found if call is None else [*found, call]

    def listing(self) -> str:
        """Nothing."""
        return ""


class Loops:
    """A loop kernel: generated code for ops on elements and folds of axes."""

    def __init__(self, kernel: LoopKernel):
        self.kernel = kernel
        self.key = kernel.identity
        self.has_scratch = bool(kernel.nests[0].totals)

    def fragments(self) -> dict[str, str]:
        """The functions of its nests."""
        return loops.print_llvm(self.kernel).fragments

    def in_place(self, operand: int, output: int) -> bool:
        """Whether an operand is not read again once the result is written."""
        return self.kernel.may_share(operand, output)

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What partial results take."""
        return loops.scratch_bytes(self.kernel, sizes)

    def calls(self, place: Place) -> list[Call]:
        """A call for each nest."""
        launches = loops.bind(
            self.kernel, place.sources, place.targets, place.scratch, place.sizes
        )
        return [
            Call(place.compiled[one.name], one.words, one.total, one.grain)
            for one in launches
            if one.total
        ]

    def listing(self) -> str:
        """The loops."""
        return str(self.kernel)


class Own:
    """An op with native code of its own; operands that must lie dense are copied."""

    def __init__(self, special: Special, node: Node):
        self.special, self.node = special, node
        self.entry = special.entry(node)
        self.key = node.op.name, attribute_key(node.attributes), self.entry.names
        self.has_scratch = special.has_scratch
        self._bound: tuple[Any, ...] = None, {}, [], []  # what it was last bound to

    def fragments(self) -> dict[str, str]:
        """The op's entries."""
        return self.entry.fragments

    def in_place(self, operand: int, output: int) -> bool:
        """Never."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What the op says for arrays of these sizes."""
        if self._bound[0] is sizes:
            return self.special.scratch_bytes(*self._bound[1:])
        operands = [lying_of(source.tensor_type, sizes) for source in self.node.inputs]
        type = self.node.type
        types = type.items if isinstance(type, TupleType) else (type,)
        results = [lying_of(type, sizes) for type in types]
        attributes = attributes_of(self.node, sizes)
        return self.special.scratch_bytes(attributes, operands, results)

    def calls(self, place: Place) -> list[Call]:
        """Copies where they must be, then the op's entries."""
        attributes = attributes_of(self.node, place.sizes)
        self.special.check(attributes, place.sources)
        found, operands = dense(place.sources, place.keep, self.special.reads)
        words = self.special.words(attributes, operands, place.targets, place.scratch)
        rounds = self.special.rounds(attributes, operands, place.targets)
        self._bound = place.sizes, attributes, operands, place.targets
        for entry, work, own in rounds:
            if work.total:
                given = [own.get(at, word) for at, word in enumerate(words)]
                address = place.compiled[self.entry.names[entry]]
                call = Call(address, given, work.total, work.grain)
                found.append(self._guarded(call, attributes, operands))
        return found

    def _guarded(
        self, call: Call, attributes: dict[str, Any], operands: Sequence[StridedArray]
    ) -> Call:
        """The call, telling of data at fault where the op can find any."""
        special = self.special
        if special.flag is None:
            return call

        def tell(words: Sequence[int]) -> None:
            # The words say where inputs and slices lie now.
            given = zip(words, operands, strict=False)
            special.fault(
                attributes, [one.at(here).array().copy() for here, one in given]
            )

        return call._replace(flag=special.flag, fault=tell)

    def listing(self) -> str:
        """Nothing."""
        return ""


def form_of(node: Node) -> Form | None:
    """The native form of a node, or None: then the array library computes it."""
    if gemm.accepts(node):
        return Product(node)
    if node.op.name == "followed":
        return Followed(node)
    special = SPECIAL.get(node.op.name)
    if special is not None:
        return Own(special, node) if special.accepts(node) else None
    if node.op.name in OPAQUE or isinstance(node.type, TupleType) != (
        node.op.name == "fused" and len(node.attributes["outputs"]) > 1
    ):
        return None
    kernel = node if node.op.name == "fused" else alone(node)
    body = kernel.attributes["body"]
    if len(body) == 1 and body[0].op == "transpose":
        return Turned(dict(body[0].attributes)["axes"])
    try:
        return Loops(loops.lower(kernel))
    except loops.Unlowerable:
        return None
