"""Folds over windows, the primitives of pooling, with channels last.

The sum over windows and its transpose are linear. The largest element is picked by the
number of its tap in the window; picking and putting back by that number are linear too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dim import Dim
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS
from ..types import I32, TensorType
from .windows import Grid, run_counts

SHARED = ("kernel", "strides", "low")


class Windowed(Op):
    """A fold over windows, channel by channel, channels last."""

    public = False
    domain = ((-2.0, 2.0),)

    def arguments(self, *operands: Any, **geometry: Any) -> Any:
        return operands, geometry

    def infer(
        self, x: TensorType, kernel: Any, strides: Any, low: Any, count: Any
    ) -> TensorType:
        return x.with_shape((x.shape[0], *count, x.shape[-1]))

    def flops(self, node: Node) -> Dim:
        """One operation for each element of each window."""
        places = node if "count" in node.attributes else node.inputs[-1]
        window: int = math.prod(node.attributes["kernel"])
        return places.tensor_type.size * window


def _shared(node: Node) -> dict[str, Any]:
    return {key: node.attributes[key] for key in SHARED}


def _grid(size: Any, kernel: Any, count: Any, low: Any, strides: Any) -> Grid:
    return Grid(tuple(size), kernel, tuple(count), low, strides, (1,) * len(kernel))


def _lowest(dtype: Any) -> Any:
    """What no number of a dtype is below."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _result(xp: Any, x: Any, space: Any, out: Any) -> Any:
    out = xp.empty((x.shape[0], *space, x.shape[-1]), x.dtype) if out is None else out
    out.fill(0)
    return out


@register
class WindowSum(Windowed):
    """The sum of each window."""

    accumulates = True
    name = "window_sum"
    writes = True

    def vjp(self, node: Node, cotangent: Node) -> Results:
        attributes = {**_shared(node), "size": node.inputs[0].shape[1:-1]}
        return (OPS["window_spread"].apply((cotangent,), attributes),)

    def run(
        self,
        xp: Any,
        x: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        count: Any,
        out: Any = None,
    ) -> Any:
        run_counts("average_pool", x.shape[1:-1], count)
        grid = _grid(x.shape[1:-1], kernel, count, low, strides)
        total = _result(xp, x, count, out)
        for _, outputs, inputs in grid.taps():
            total[outputs] += x[inputs]
        return total


@register
class WindowSpread(Windowed):
    """Each number added to all places of its window: `window_sum` transposed."""

    accumulates = True
    name = "window_spread"
    writes = True

    def infer(
        self, g: TensorType, kernel: Any, strides: Any, low: Any, size: Any
    ) -> TensorType:
        return g.with_shape((g.shape[0], *size, g.shape[-1]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        attributes = {**_shared(node), "count": node.inputs[0].shape[1:-1]}
        return (OPS["window_sum"].apply((cotangent,), attributes),)

    def run(
        self,
        xp: Any,
        g: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        size: Any,
        out: Any = None,
    ) -> Any:
        grid = _grid(size, kernel, g.shape[1:-1], low, strides)
        total = _result(xp, g, size, out)
        for _, outputs, inputs in grid.taps():
            total[inputs] += g[outputs]
        return total


@register
class WindowMax(Windowed):
    """The largest element of each window; its gradient goes to the first of equals."""

    name = "window_max"
    writes = True

    def vjp(self, node: Node, cotangent: Node) -> Results:
        chosen = OPS["window_argmax"].apply(node.inputs, node.attributes)
        attributes = {**_shared(node), "size": node.inputs[0].shape[1:-1]}
        return (OPS["window_put"].apply((cotangent, chosen), attributes),)

    def run(
        self,
        xp: Any,
        x: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        count: Any,
        out: Any = None,
    ) -> Any:
        run_counts("max_pool", x.shape[1:-1], count)
        grid = _grid(x.shape[1:-1], kernel, count, low, strides)
        best = _result(xp, x, count, out)
        best.fill(_lowest(x.dtype))
        for _, outputs, inputs in grid.taps():
            xp.maximum(best[outputs], x[inputs], out=best[outputs])
        return best


@register
class WindowArgmax(Windowed):
    """The number of the tap that is the largest in its window."""

    name = "window_argmax"
    no_gradient = "an index does not move with its values"

    def infer(
        self, x: TensorType, kernel: Any, strides: Any, low: Any, count: Any
    ) -> TensorType:
        found = super().infer(x, kernel, strides, low, count)
        return TensorType(I32, found.shape)

    def run(
        self,
        xp: Any,
        x: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        count: Any,
        out: Any = None,
    ) -> Any:
        grid = _grid(x.shape[1:-1], kernel, count, low, strides)
        shape = (x.shape[0], *count, x.shape[-1])
        best = xp.full(shape, -np.inf, x.dtype)
        found = xp.full(shape, -1, np.int32)
        for tap, outputs, inputs in grid.taps():
            part, here = x[inputs], best[outputs]
            better = (part > here) | (found[outputs] < 0)
            better |= (part != part) & (here == here)
            number = int(np.ravel_multi_index(tap, kernel))
            found[outputs] = xp.where(better, np.int32(number), found[outputs])
            best[outputs] = xp.where(better, part, here)
        return found


@register
class WindowPick(Windowed):
    """The element of each window that a tap's number names."""

    name = "window_pick"
    writes = True
    unified = slice(0, 1)

    def infer(  # type: ignore[override]
        self, x: TensorType, index: TensorType, kernel: Any, strides: Any, low: Any
    ) -> TensorType:
        return x.with_shape(index.shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        attributes = {**_shared(node), "size": node.inputs[0].shape[1:-1]}
        found = OPS["window_put"].apply((cotangent, node.inputs[1]), attributes)
        return found, None

    def run(
        self,
        xp: Any,
        x: Any,
        index: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        out: Any = None,
    ) -> Any:
        grid = _grid(x.shape[1:-1], kernel, index.shape[1:-1], low, strides)
        found = _result(xp, x, index.shape[1:-1], out)
        for tap, outputs, inputs in grid.taps():
            hit = index[outputs] == int(np.ravel_multi_index(tap, kernel))
            xp.copyto(found[outputs], x[inputs], where=hit)
        return found


@register
class WindowPut(Windowed):
    """Numbers added where taps' numbers point: `window_pick` transposed."""

    accumulates = True
    name = "window_put"
    writes = True
    unified = slice(0, 1)

    def infer(  # type: ignore[override]
        self,
        g: TensorType,
        index: TensorType,
        kernel: Any,
        strides: Any,
        low: Any,
        size: Any,
    ) -> TensorType:
        return g.with_shape((g.shape[0], *size, g.shape[-1]))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        index = node.inputs[1]
        return OPS["window_pick"].apply((cotangent, index), _shared(node)), None

    def run(
        self,
        xp: Any,
        g: Any,
        index: Any,
        *,
        kernel: Any,
        strides: Any,
        low: Any,
        size: Any,
        out: Any = None,
    ) -> Any:
        grid = _grid(size, kernel, g.shape[1:-1], low, strides)
        total = _result(xp, g, size, out)
        for tap, outputs, inputs in grid.taps():
            hit = index[outputs] == int(np.ravel_multi_index(tap, kernel))
            total[inputs] += xp.where(hit, g[outputs], g.dtype.type(0))
        return total
