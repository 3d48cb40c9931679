"""How nodes are computed on a device, and which of them a CUDA graph may hold.

What may not is known by rule: CuPy refuses its calls of cuBLAS, cuSOLVER and the like
within a capture, and some of its functions wait for the device or send it numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...graph.node import Node
from ...graph.registry import OPS
from ...graph.types import TupleType
from .. import loops
from ..binding import attributes_of
from ..kernels import alone
from ..loops import LoopKernel
from ..matrices import readable
from ..pipeline.emit import works_in_place
from ..pipeline.schedule import OPAQUE, Schedule
from . import channels, cudnn, cudnn_convolution, products
from .convolution import Convolution
from .cudnn_convolution import Convolved
from .form import Form, Place, Sizes, Whole
from .launches import CUTS, launches
from .products import Library
from .special import Special, address, special_of

if TYPE_CHECKING:
    from .writer import Writer


# Besides ops on elements and folds: of these CuPy makes kernels and nothing else.
KERNELS_ONLY = frozenset(
    """
    sum prod max min any all argmax argmin place
    set_at extreme_at add_along_axis
    window_sum window_spread window_max window_argmax window_pick window_put
    """.split()
)


class Generated:
    """A loop kernel."""

    special: Special | None = None
    texts: ClassVar[dict[str, str]] = {}
    errors: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, kernel: LoopKernel):
        self.kernel: LoopKernel | None = kernel
        self._kernel = kernel

    def within(self) -> Schedule | None:
        """None."""
        return None

    def refused(self) -> str:
        """Nothing."""
        return ""

    def in_place(self, operand: int, output: int) -> bool:
        """Whether an operand is not read again once the result is written."""
        return self._kernel.may_share(operand, output)

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What partial results take."""
        return loops.scratch_bytes(self._kernel, sizes, CUTS)

    def put(self, writer: Writer, place: Place) -> None:
        """A launch for each nest."""
        known = writer.known
        writer.add(launches(self._kernel, *place, known))


class Own(Whole):
    """An op with CUDA code of its own; operands that are not dense are copied first."""

    def __init__(self, special: Special):
        super().__init__(special.node)
        self.special: Special | None = special
        self._special = special

    @property
    def texts(self) -> dict[str, str]:
        """The op's function."""
        return {self._special.name: self._special.text}

    def put(self, writer: Writer, place: Place) -> None:
        """Copies where they must be, then one launch."""
        dense = [writer.dense(source) for source in place.sources]
        attributes, result = attributes_of(self.node, place.sizes), place.targets[0]
        launch = self._special.launch(attributes, dense, result, writer.device)
        writer.add([launch])


class Joined(Whole):
    """`concatenate` as copies; CuPy would send the addresses of the parts."""

    def put(self, writer: Writer, place: Place) -> None:
        """A copy for each part."""
        axis, start = self.node.attributes["axis"], 0
        for source in place.sources:
            stop = start + source.shape[axis]
            part = (*(slice(None),) * axis, slice(start, stop))
            writer.copy(place.targets[0][part], source)
            start = stop


class Product(Whole):
    """`matmul` by cuBLASLt, with a bias or without.

    Operands that it cannot read are copied first.
    """

    def __init__(self, node: Node, library: Library):
        super().__init__(node)
        self.library = library

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Those of cuBLASLt."""
        return self.library.errors

    def scratch_bytes(self, sizes: Sizes) -> int:
        """What cuBLASLt may use, from a multiple of its alignment on."""
        return products.scratch_bytes(self.library)

    def put(self, writer: Writer, place: Place) -> None:
        """Copies where they must be, then the product."""
        (x, y, *more), out = place.sources, place.targets[0]
        if not out.size:
            return
        if not x.size:
            writer.copy(out, more[0] if more else writer.xp.zeros((), out.dtype))
            return
        x = x if readable(x) else writer.dense(x)
        y = y if readable(y) else writer.dense(y)
        if products.many(x, y, out):
            x, y = writer.dense(x), writer.dense(y)
        kind, library = self.node.dtype.short, self.library
        try:
            bias = address(writer.dense(more[0])) if more else 0
            calls = products.product(library, kind, x, y, out, place.scratch, bias=bias)
        except library.refusals as error:
            writer.choice.refuse(f"CuPy computes a product, as {error}")
            writer.call(self.node, place)
            return
        for call in calls:
            writer.act(call)


class Called(Whole):
    """A node that CuPy computes, or a layer of the user's in plain Python."""

    def __init__(self, node: Node, xp: Any):
        super().__init__(node)
        self.xp = xp

    def refused(self) -> str:
        """Why: it is not known to launch kernels and nothing else."""
        names = [self.node.op.name]
        if names == ["fused"]:
            names = [one.op for one in self.node.attributes["body"]]
        for name in names:
            if name in OPAQUE:
                return "a layer computes in plain Python"
            if name in products.COMPUTED:
                return f"CuPy computes `{name}` with cuBLAS"
            if not (OPS[name].elementwise or OPS[name].view or name in KERNELS_ONLY):
                return f"CuPy computes `{name}`, and may wait for the device"
        return ""

    def in_place(self, operand: int, output: int) -> bool:
        """Whether it is one op, element by element."""
        return self.node.op.name != "fused" and works_in_place(self.node, self.xp)

    def put(self, writer: Writer, place: Place) -> None:
        """A call of its body."""
        writer.call(self.node, place)


def form_of(node: Node, xp: Any) -> Form:
    """How a node is computed where kernels can be compiled."""
    if channels.accepts(node):
        return channels.Channels(node)
    front = cudnn.front_end(xp) if cudnn_convolution.accepts(node) else None
    if front is not None:
        return Convolved(node, front, _without_cudnn(node, xp))
    return _without_cudnn(node, xp)


def _without_cudnn(node: Node, xp: Any) -> Form:
    """How a node is computed by cuBLASLt, kernels and CuPy."""
    if products.accepts(node):
        library, product = products.library(xp), node.op.name in products.PRODUCTS
        if library is not None:
            return (Product if product else Convolution)(node, library)
        products.tell_missing(xp)
    special = special_of(node)
    if special is not None:
        return Own(special)
    if node.op.name == "concatenate":
        return Joined(node)
    several = isinstance(node.type, TupleType)
    if node.op.name in OPAQUE or (several and node.op.name != "fused"):
        return Called(node, xp)
    try:
        return Generated(loops.lower(node if node.op.name == "fused" else alone(node)))
    except loops.Unlowerable:
        return Called(node, xp)
