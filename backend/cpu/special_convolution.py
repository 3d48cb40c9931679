"""Convolution: products in general, vectors of channels where each has its filter."""

from __future__ import annotations

from typing import Any

from ...graph.node import Node
from ...graph.ops.windows import run_counts
from .building import FLOATS, Entry
from .convolution_words import Following
from .special_base import Special, Work, special
from .special_depthwise import Depthwise, DepthwiseKernel
from .special_products import Product, Sums, Way
from .special_winograd import Winograd, WinogradKernel, is_winograd


def floats_alike(node: Node) -> bool:
    """Whether operands and result have one dtype, of 32 or 64 bits."""
    dtypes = {node.dtype, *(source.dtype for source in node.inputs)}
    return len(dtypes) == 1 and node.dtype.short in FLOATS


@special("conv_forward", "conv_input", "conv_kernel")
class Convolution(Special):
    """One of the three primitives, by the way that suits its filters."""

    def __init__(self, name: str):
        self.name = name
        kernel = name == "conv_kernel"
        self.product: Way = (Sums if kernel else Product)(name)
        self.fewer: Way = (WinogradKernel if kernel else Winograd)(name)
        self.separate: Way = (DepthwiseKernel if kernel else Depthwise)(name)

    def accepts(self, node: Node) -> bool:
        """Float kernels whose sizes are numbers."""
        kernel = self._kernel(node.inputs, (node,))
        known = all(size.value is not None for size in kernel)
        return known and floats_alike(node)

    def _kernel(self, operands: Any, results: Any) -> Any:
        found = results[0] if self.name == "conv_kernel" else operands[1]
        return found.shape

    def way(self, attributes: Any, operands: Any, results: Any) -> Way:
        """The code for filters of these sizes."""
        kernel, groups = self._kernel(operands, results), attributes["groups"]
        width, filters = kernel[-2:]
        # Each channel has one filter.
        if groups > 1 and width == 1 and filters == groups:
            return self.separate
        if is_winograd(attributes, kernel):
            return self.fewer
        return self.product

    def entry(self, node: Node) -> Entry:
        return self.way(node.attributes, node.inputs, (node,)).entry(node)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        way = self.way(attributes, operands, results)
        return way.works(attributes, operands, results)

    def scratch_bytes(
        self, attributes: Any, operands: Any, results: Any, *after: Following
    ) -> int:
        way = self.way(attributes, operands, results)
        return way.scratch_bytes(attributes, operands, results, *after)

    def check(self, attributes: Any, operands: Any) -> None:
        if self.name == "conv_forward":
            run_counts("conv", operands[0].shape[1:-1], attributes["count"])

    def words(
        self,
        attributes: Any,
        operands: Any,
        results: Any,
        scratch: int,
        *after: Following,
    ) -> list[int]:
        way = self.way(attributes, operands, results)
        return way.words(attributes, operands, results, scratch, *after)
