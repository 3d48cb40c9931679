"""Convolution channel by channel, each with filters of its own, without products."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...graph.node import Node
from ..pipeline.plan import number
from .convolution import Convolving
from .form import Place, Sizes
from .launches import KernelLaunch
from .special import KINDS, address, wrapped
from .windows import Windows

if TYPE_CHECKING:
    from .writer import Writer

Array = Any

NAMES = {
    "conv_forward": ("channel_forward",),
    "conv_input": ("channel_input",),
    "conv_kernel": ("channel_kernel", "channel_added"),
}
CHUNKS = 128  # of the windows, at most, that are summed apart
WIDEST = 8  # bytes of a sum


def accepts(node: Node) -> bool:
    """Whether a node is such a convolution, of a dtype that there are kernels for."""
    if node.op.name not in NAMES or node.attributes["groups"] == 1:
        return False
    kernel = node if node.op.name == "conv_kernel" else node.inputs[1]
    dtypes = {node.dtype, *(source.dtype for source in node.inputs)}
    alike = len(dtypes) == 1 and node.dtype.short in KINDS
    return alike and kernel.shape[-2].value == 1


class Channels(Convolving):
    """One of the three convolutions where each channel is a group."""

    def __init__(self, node: Node):
        super().__init__(node)
        kind = KINDS[node.dtype.short]
        found = NAMES[node.op.name]
        self.names = [f"{name}_{node.dtype.short}_op" for name in found]
        self._functions = [f"{name}<{kind}>" for name in found]

    @property
    def texts(self) -> dict[str, str]:
        """The kernels."""
        pairs = zip(self.names, self._functions, strict=True)
        return {name: wrapped(name, function, True) for name, function in pairs}

    def scratch_bytes(self, sizes: Sizes) -> int:
        """Partial sums."""
        if self.node.op.name != "conv_kernel":
            return 0
        return CHUNKS * number(self.node.tensor_type.size, sizes) * WIDEST

    def compute(self, writer: Writer, place: Place, windows: Windows) -> None:
        """A launch, or two where sums are taken over all windows."""
        (one, other), (target,), name = place.sources, place.targets, self.node.op.name
        times = (target if name == "conv_kernel" else other).shape[-1] // windows.groups
        words = replace(windows, groups=1, width=windows.groups).words
        if name == "conv_forward":
            self._add(writer, 0, [*words(one, target), address(other), times], target)
        elif name == "conv_input":
            self._add(writer, 0, [*words(target, one), address(other), times], target)
        else:
            chunk, parts = -(-windows.rows // CHUNKS), address(place.scratch)
            chunks = -(-windows.rows // chunk)
            given = [*words(one, other), parts, times, chunk]
            self._add(writer, 0, given, target, chunks)
            self._add(writer, 1, [parts, address(target), chunks, target.size], target)

    def _add(
        self, writer: Writer, which: int, words: list[int], like: Array, times: int = 1
    ) -> None:
        """A launch with a unit of work for each element, or several."""
        writer.add([KernelLaunch(self.names[which], words, times * like.size, 1)])
