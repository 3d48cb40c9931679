"""Keras's poolings: composites of the primitives in `sliding`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import Fault
from ..dim import Dim
from ..node import Node
from ..op import Op, register
from ..registry import OPS, call
from ..tensor import constant_node
from ..types import TensorType
from .elementwise import floats_needed
from .movement import full_node
from .reduce import normal_axis
from .windows import (
    FORMATS,
    Axis,
    Types,
    as_format,
    as_last,
    channels_last,
    format_named,
    in_format,
    one_of,
    per_axis,
    placed,
    space_rank,
)


class Pooling(Op):
    """What Keras's poolings share: a composite of the primitives."""

    level = "composite"
    operand_dtypes = "float"
    domain = ((-2.0, 2.0),)

    def arguments(
        self,
        inputs: Any,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Any:
        return (inputs,), {
            "pool_size": pool_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
        }

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rank, name = space_rank(self.name, types[0]), self.name
        size = per_axis(name, "pool_size", attributes["pool_size"], rank)
        strides = attributes["strides"]
        padding = attributes["padding"]
        padding = padding.lower() if isinstance(padding, str) else padding
        format = attributes["data_format"]
        return {
            "pool_size": size,
            "strides": per_axis(
                name, "strides", size if strides is None else strides, rank
            ),
            "padding": one_of(name, "padding", padding, ("valid", "same")),
            "data_format": format_named(name, format),
        }

    def geometry(self, x: TensorType, options: Any) -> dict[str, Any]:
        """The attributes of the primitives, for an input with channels last."""
        offset = 2 if options["data_format"] == FORMATS[1] else 1
        pairs = [
            placed(
                self.name,
                Axis(i + offset, size, Dim.of(kernel), stride),
                options["padding"],
            )
            for i, (size, kernel, stride) in enumerate(
                zip(
                    x.shape[1:-1], options["pool_size"], options["strides"], strict=True
                )
            )
        ]
        low, count = zip(*pairs, strict=True)
        return {
            "kernel": options["pool_size"],
            "strides": options["strides"],
            "low": low,
            "count": count,
        }

    def infer(self, x: TensorType, **options: Any) -> TensorType:
        if self.operand_dtypes == "float" and not x.dtype.is_float:
            raise floats_needed(self.name, x)
        last = as_last(x, options["data_format"])
        count = self.geometry(last, options)["count"]
        found = last.with_shape((last.shape[0], *count, last.shape[-1]))
        return as_format(found, options["data_format"])

    def expand(self, node: Node) -> Node:
        format = node.attributes["data_format"]
        x = channels_last(node.inputs[0], format)
        geometry = self.geometry(x.tensor_type, node.attributes)
        return in_format(self.pooled(x, geometry), format)

    def pooled(self, x: Node, geometry: dict[str, Any]) -> Node:
        """The pooling, channels last."""
        raise NotImplementedError


@register
class MaxPool(Pooling):
    """The largest element of each window; padding never counts.

    Input f32[batch, space…, channels], or channels first; other dtypes stay as they
    are. `strides` default to the window. Raises T0320 for a window that does not fit.

    >>> OPS["max_pool"]([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel().tolist()
    [3.0, 2.0]
    """

    name = "max_pool"
    operand_dtypes = "any"

    def pooled(self, x: Node, geometry: dict[str, Any]) -> Node:
        return OPS["window_max"].apply((x,), geometry)


@register
class AveragePool(Pooling):
    """The mean of each window, over its elements that are no padding.

    >>> OPS["average_pool"]([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel().tolist()
    [2.0, 1.0]
    """

    name = "average_pool"

    def pooled(self, x: Node, geometry: dict[str, Any]) -> Node:
        total = OPS["window_sum"].apply((x,), geometry)
        whole = int(np.prod(geometry["kernel"]))
        if not any(low != 0 for low in geometry["low"]) and _inside(x, geometry):
            found: Node = total / float(whole)
            return found
        ones = full_node(x.tensor_type.with_shape((1, *x.shape[1:-1], 1)), 1.0)
        result: Node = total / OPS["window_sum"].apply((ones,), geometry)
        return result


def _inside(x: Node, geometry: dict[str, Any]) -> bool:
    """Whether no window hangs over the end of an axis, whatever the sizes."""
    rows = zip(
        x.shape[1:-1],
        geometry["count"],
        geometry["strides"],
        geometry["kernel"],
        strict=True,
    )
    spare = [
        size - (count - 1) * stride - kernel for size, count, stride, kernel in rows
    ]
    return all(
        (dim.bounds()[0] or 0) >= 0 and dim.bounds()[0] is not None for dim in spare
    )


class AdaptivePooling(Op):
    """Pooling to m sizes: window i goes from floor(i n / m) to ceil((i + 1) n / m)."""

    level = "composite"
    operand_dtypes = "float"
    domain = ((-2.0, 2.0),)

    def arguments(
        self, inputs: Any, output_size: Any, data_format: str | None = None
    ) -> Any:
        return (inputs,), {"output_size": output_size, "data_format": data_format}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        rank, format = space_rank(self.name, types[0]), attributes["data_format"]
        size = per_axis(self.name, "output_size", attributes["output_size"], rank)
        return {
            "output_size": size,
            "data_format": format_named(self.name, format),
        }

    def infer(self, x: TensorType, output_size: Any, data_format: str) -> TensorType:
        if self.operand_dtypes == "float" and not x.dtype.is_float:
            raise floats_needed(self.name, x)
        last = as_last(x, data_format)
        free = next((d for d in last.shape[1:-1] if not d.value), None)
        if free is not None:
            raise Fault(
                "T0306",
                f"`{self.name}` needs sizes of space that are positive numbers, "
                f"and {free} is not",
                operands={0: str(x)},
                help=["declare the sizes of space as numbers"],
            )
        found = last.with_shape((last.shape[0], *output_size, last.shape[-1]))
        return as_format(found, data_format)

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        first = 2 if options["data_format"] == FORMATS[1] else 1
        for number, size in enumerate(options["output_size"]):
            axis = normal_axis(self.name, first + number, x.ndim, x.tensor_type)
            x = self.along(x, axis, size)
        return x

    def along(self, x: Node, axis: int, size: int) -> Node:
        """The pooling of one axis."""
        raise NotImplementedError


def _bounds(n: int, m: int) -> list[tuple[int, int]]:
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


@register
class AdaptiveAveragePool(AdaptivePooling):
    """The mean of windows that cut each axis of space into `output_size` parts."""

    name = "adaptive_average_pool"

    def along(self, x: Node, axis: int, size: int) -> Node:
        length = x.shape[axis].value or 0
        weights = np.zeros((length, size), x.dtype.numpy)
        for place, (start, stop) in enumerate(_bounds(length, size)):
            weights[start:stop, place] = 1 / (stop - start)
        last = call("transpose", x, _swapped(x.ndim, axis))
        found: Node = call("matmul", last, constant_node(weights))
        return call("transpose", found, _swapped(x.ndim, axis))  # type: ignore[no-any-return]


def _swapped(rank: int, axis: int) -> tuple[int, ...]:
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return tuple(order)


@register
class AdaptiveMaxPool(AdaptivePooling):
    """The largest element of windows that cut each axis into `output_size` parts."""

    name = "adaptive_max_pool"
    operand_dtypes = "any"

    def along(self, x: Node, axis: int, size: int) -> Node:
        pairs = _bounds(x.shape[axis].value or 0, size)
        width = max(stop - start for start, stop in pairs)
        # The last element of a short window stands in for what it lacks.
        index = [[min(a + i, b - 1) for i in range(width)] for a, b in pairs]
        taken = call("take", x, constant_node(np.asarray(index, np.int32)), axis=axis)
        found: Node = call("max", taken, axis=axis + 1)
        return found
