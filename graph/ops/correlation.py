"""Three primitives of convolution that are each other's gradients.

With channels last, y = conv_forward(x, k) is linear in x and in k; `conv_input` and
`conv_kernel` are its two transposes, so that gradients of any order stay among them.
`convolution` has the ops that users see.
"""

from __future__ import annotations

import math
from typing import Any

from ..dim import Dim, product
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS
from ..types import TensorType
from .windows import Grid, run_counts

SHARED = ("strides", "dilation", "low", "groups")


class Bilinear(Op):
    """One of the three; attributes hold the geometry, sizes may be symbolic."""

    public = False
    writes = True
    accumulates = True
    domain = ((-1.0, 1.0), (-1.0, 1.0))

    def arguments(self, x: Any, y: Any, **geometry: Any) -> Any:
        return (x, y), geometry


def _seen(kernel: Node) -> Dim:
    """How many weights of a kernel make one result."""
    return product(kernel.shape[:-1])


def _shared(node: Node) -> dict[str, Any]:
    return {key: node.attributes[key] for key in SHARED}


def forward_node(x: Node, kernel: Node, count: Any, shared: dict[str, Any]) -> Node:
    """The convolution of x at `count` places."""
    attributes = {**shared, "count": tuple(count)}
    return OPS["conv_forward"].apply((x, kernel), attributes)


def input_node(g: Node, kernel: Node, size: Any, shared: dict[str, Any]) -> Node:
    """What a cotangent g says of an x of a size."""
    attributes = {**shared, "size": tuple(size)}
    return OPS["conv_input"].apply((g, kernel), attributes)


def _kernel(x: Node, g: Node, kernel: Any, shared: dict[str, Any]) -> Node:
    attributes = {**shared, "kernel": tuple(kernel)}
    return OPS["conv_kernel"].apply((x, g), attributes)


def _contiguous(xp: Any, out: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    if out is not None and out.flags.c_contiguous:
        return out
    return xp.empty(shape, dtype)


def _delivered(target: Any, out: Any) -> Any:
    if out is None or target is out:
        return target
    out[...] = target
    return out


def _columns(part: Any, groups: int) -> Any:
    """Windows as rows of a matrix, or of one for each group."""
    width = part.shape[-1] // groups
    taps = math.prod(part.shape[(part.ndim - 2) // 2 + 1 : -1])
    if groups == 1:
        return part.reshape(-1, taps * width)
    split = part.reshape(-1, taps, groups, width).transpose(2, 0, 1, 3)
    return split.reshape(groups, -1, taps * width)


def _grouped(x: Any, groups: int) -> Any:
    """A matrix whose columns are split among groups, the groups in front."""
    if groups == 1:
        return x
    return x.reshape(x.shape[0], groups, -1).transpose(1, 0, 2)


def _joined(x: Any, groups: int) -> Any:
    if groups == 1:
        return x
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


@register
class ConvForward(Bilinear):
    """Convolution of x [batch, space…, c] with a kernel [space…, c / groups, f]."""

    name = "conv_forward"

    def infer(
        self,
        x: TensorType,
        kernel: TensorType,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        count: Any,
    ) -> TensorType:
        return x.with_shape((x.shape[0], *count, kernel.shape[-1]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x, kernel), shared = node.inputs, _shared(node)
        return (
            input_node(cotangent, kernel, x.shape[1:-1], shared),
            _kernel(x, cotangent, kernel.shape[:-2], shared),
        )

    def run(
        self,
        xp: Any,
        x: Any,
        kernel: Any,
        *,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        count: Any,
        out: Any = None,
    ) -> Any:
        run_counts("conv", x.shape[1:-1], count)
        space, filters = kernel.shape[:-2], kernel.shape[-1]
        grid = Grid(x.shape[1:-1], space, count, low, strides, dilation)
        target = _contiguous(xp, out, (x.shape[0], *count, filters), x.dtype)
        if groups > 1 and kernel.shape[-2] == 1:
            return _delivered(_depthwise(xp, grid, x, kernel, target), out)
        flat = _grouped(kernel.reshape(-1, filters), groups)
        if not target.size:
            return target
        view = grid.windows(xp, x)
        for part in grid.tiles(x.shape[0], x.shape[-1]):
            rows = target[part].reshape(-1, filters)
            columns = _columns(view[part], groups)
            if groups == 1:
                xp.matmul(columns, flat, out=rows)
            else:
                rows[...] = _joined(xp.matmul(columns, flat), groups)
        return _delivered(target, out)

    def flops(self, node: Node) -> Dim:
        """A product and a sum for each result and each weight that it sees."""
        return node.tensor_type.size * _seen(node.inputs[1]) * 2


def _depthwise(xp: Any, grid: Grid, x: Any, kernel: Any, target: Any) -> Any:
    """One input channel a group: tap by tap, without copies of windows."""
    target.fill(0)
    grid, x = grid.inside(xp, x)
    times = kernel.shape[-1] // x.shape[-1]
    wide = target.reshape(*target.shape[:-1], x.shape[-1], times)
    factors = kernel.reshape(*grid.kernel, x.shape[-1], times)
    for tap, outputs, inputs in grid.taps():
        wide[outputs] += x[inputs][..., None] * factors[tap]
    return target


@register
class ConvInput(Bilinear):
    """Convolution undone: x's cotangent from that of y, with x's size."""

    name = "conv_input"

    def infer(
        self,
        g: TensorType,
        kernel: TensorType,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        size: Any,
    ) -> TensorType:
        return g.with_shape((g.shape[0], *size, kernel.shape[-2] * groups))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (g, kernel), shared = node.inputs, _shared(node)
        return (
            forward_node(cotangent, kernel, g.shape[1:-1], shared),
            _kernel(cotangent, g, kernel.shape[:-2], shared),
        )

    def run(
        self,
        xp: Any,
        g: Any,
        kernel: Any,
        *,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        size: Any,
        out: Any = None,
    ) -> Any:
        space, filters = kernel.shape[:-2], kernel.shape[-1]
        grid = Grid(size, space, g.shape[1:-1], low, strides, dilation)
        grid, g = grid.around(xp, g)
        channels = kernel.shape[-2] * groups
        target = _contiguous(xp, out, (g.shape[0], *size, channels), g.dtype)
        target.fill(0)
        if groups > 1 and kernel.shape[-2] == 1:
            factors = kernel.reshape(*space, groups, -1)
            split = g.reshape(*g.shape[:-1], groups, filters // groups)
            for tap, outputs, inputs in grid.taps():
                target[inputs] += (split[outputs] * factors[tap]).sum(axis=-1)
            return _delivered(target, out)
        flat = _grouped(kernel.reshape(-1, filters), groups).swapaxes(-1, -2)
        for images, rows in grid.tiles(g.shape[0], channels) if g.size else ():
            part = g[images, rows]
            columns = xp.matmul(_grouped(part.reshape(-1, filters), groups), flat)
            if groups > 1:
                split = columns.reshape(
                    groups, -1, math.prod(space), channels // groups
                )
                columns = split.transpose(1, 2, 0, 3)
            columns = columns.reshape(*part.shape[:-1], *space, channels)
            here = target[images]
            for tap, outputs, inputs in grid.rows(rows.start, rows.stop).taps():
                here[inputs] += columns[(*outputs, *tap)]
        return _delivered(target, out)

    def flops(self, node: Node) -> Dim:
        """As the convolution that it is the transpose of."""
        return node.inputs[0].tensor_type.size * _seen(node.inputs[1]) * 2


@register
class ConvKernel(Bilinear):
    """The kernel's cotangent from x and the cotangent of y."""

    name = "conv_kernel"

    def infer(
        self,
        x: TensorType,
        g: TensorType,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        kernel: Any,
    ) -> TensorType:
        return x.with_shape((*kernel, x.shape[-1] // groups, g.shape[-1]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x, g), shared = node.inputs, _shared(node)
        return (
            input_node(g, cotangent, x.shape[1:-1], shared),
            forward_node(x, cotangent, g.shape[1:-1], shared),
        )

    def run(
        self,
        xp: Any,
        x: Any,
        g: Any,
        *,
        strides: Any,
        dilation: Any,
        low: Any,
        groups: int,
        kernel: Any,
        out: Any = None,
    ) -> Any:
        grid = Grid(x.shape[1:-1], kernel, g.shape[1:-1], low, strides, dilation)
        filters, width = g.shape[-1], x.shape[-1] // groups
        shape = (*kernel, width, filters)
        target = _contiguous(xp, out, shape, x.dtype)
        target.fill(0)
        if groups > 1 and width == 1:
            wide = target.reshape(*kernel, groups, -1)
            split = g.reshape(*g.shape[:-1], groups, filters // groups)
            axes = tuple(range(g.ndim - 1))
            grid, x = grid.inside(xp, x)
            for tap, outputs, inputs in grid.taps():
                wide[tap] = (x[inputs][..., None] * split[outputs]).sum(axis=axes)
            return _delivered(target, out)
        total = _grouped(target.reshape(-1, filters), groups)
        if not (g.size and x.size):
            return _delivered(target, out)
        view = grid.windows(xp, x)
        for part in grid.tiles(x.shape[0], x.shape[-1]):
            columns = _columns(view[part], groups).swapaxes(-1, -2)
            total += xp.matmul(columns, _grouped(g[part].reshape(-1, filters), groups))
        return _delivered(target, out)

    def flops(self, node: Node) -> Dim:
        """As the convolution that it is the transpose of."""
        return node.inputs[1].tensor_type.size * _seen(node) * 2
