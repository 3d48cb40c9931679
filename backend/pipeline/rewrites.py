"""The rewrites of the simplifier: each an equation, applied from left to right.

A rewrite sees a node whose operands are simplified, and gives an equal node of the
same type, or None where its equation does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph.dim import Dim
from ...graph.node import Node
from ...graph.registry import OPS, call
from ...graph.tensor import constant_node, literal
from ...graph.types import DType

Rewrite = Callable[[Node], "Node | None"]
REWRITES: dict[str, list[Rewrite]] = {}
ELEMENTWISE: list[Rewrite] = []  # tried on every elementwise op
ANY: list[Rewrite] = []  # tried on every op
FOLDED = 64  # elements of a constant that is computed ahead

NEUTRAL = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1, "power": 1}


def rewrites(*names: str) -> Callable[[Rewrite], Rewrite]:
    """Enter a rewrite for the ops it may apply to."""

    def enter(rule: Rewrite) -> Rewrite:
        for name in names:
            REWRITES.setdefault(name, []).append(rule)
        return rule

    return enter


def filled_with(node: Node) -> Any:
    """The one number that a node holds everywhere, or None."""
    if node.op.name == "full":
        return node.attributes["fill_value"]
    if node.op.name == "constant":
        array = node.attributes["value"].array
        if array.size == 1:
            return array.reshape(()).item()
    if node.op.name in ("broadcast_to", "reshape"):
        return filled_with(node.inputs[0])
    return None


def _zero(value: Any) -> bool:
    """Whether a number is 0, and not -0."""
    return value == 0 and not np.signbit(value)


@rewrites("add", "subtract", "multiply", "divide", "power")
def neutral(node: Node) -> Node | None:
    """`x - 0 = x`, `x + -0 = x`, `x * 1 = x`, `x / 1 = x`, `x ** 1 = x`; for whole
    numbers also `x + 0 = x`."""
    left, right = node.inputs
    value = filled_with(right)
    if value is not None and _is_neutral(node, value) and left.type == node.type:
        return left
    value = filled_with(left) if node.op.commutative else None
    if value is not None and _is_neutral(node, value) and right.type == node.type:
        return right
    return None


def _is_neutral(node: Node, value: Any) -> bool:
    if value != NEUTRAL[node.op.name]:
        return False
    if node.op.name == "add" and node.dtype.is_float:
        return not _zero(value)
    return node.op.name != "subtract" or _zero(value) or not node.dtype.is_float


@rewrites("negative")
def double_negation(node: Node) -> Node | None:
    """`--x = x`."""
    inner = node.inputs[0]
    return inner.inputs[0] if inner.op.name == "negative" else None


@rewrites("logical_not")
def double_denial(node: Node) -> Node | None:
    """`!!x = x` for truth values."""
    inner = node.inputs[0]
    if inner.op.name == "logical_not" and inner.inputs[0].dtype == node.dtype:
        return inner.inputs[0]
    return None


@rewrites("add")
def added_negative(node: Node) -> Node | None:
    """`x + -y = x - y`, `-x + y = y - x`."""
    left, right = node.inputs
    if right.op.name == "negative":
        return _same(node, call("subtract", left, right.inputs[0]))
    if left.op.name == "negative":
        return _same(node, call("subtract", right, left.inputs[0]))
    return None


@rewrites("subtract")
def subtracted_negative(node: Node) -> Node | None:
    """`x - -y = x + y`."""
    left, right = node.inputs
    if right.op.name == "negative":
        return _same(node, call("add", left, right.inputs[0]))
    return None


@rewrites("power")
def small_power(node: Node) -> Node | None:
    """`x ** 2 = x * x`, as a square."""
    base, exponent = node.inputs
    if filled_with(exponent) == 2 and base.type == node.type:
        return _same(node, call("square", base))
    return None


@rewrites("transpose")
def transposes(node: Node) -> Node | None:
    """`transpose(transpose(x, p), q) = transpose(x, p[q])`; none if that is x."""
    (source,), axes = node.inputs, node.attributes["axes"]
    if axes == tuple(range(len(axes))):
        return source
    if source.op.name != "transpose":
        return None
    inner = source.attributes["axes"]
    joined = tuple(inner[axis] for axis in axes)
    return call("transpose", source.inputs[0], joined)  # type: ignore[no-any-return]


@rewrites("reshape", "expand_dims", "squeeze")
def reshapes(node: Node) -> Node | None:
    """`reshape(reshape(x)) = reshape(x)`; none at all if the shape is that of x."""
    source = node.inputs[0]
    if source.type == node.type:
        return source
    if source.op.name not in ("reshape", "expand_dims", "squeeze"):
        return None
    return call("reshape", source.inputs[0], node.shape)  # type: ignore[no-any-return]


@rewrites("broadcast_to")
def broadcasts(node: Node) -> Node | None:
    """`broadcast_to(broadcast_to(x, s), t) = broadcast_to(x, t)`."""
    source = node.inputs[0]
    if source.op.name != "broadcast_to":
        return None
    return call("broadcast_to", source.inputs[0], node.shape)  # type: ignore[no-any-return]


@rewrites("broadcast_to", "reshape", "transpose", "expand_dims", "squeeze")
def moved_full(node: Node) -> Node | None:
    """`move(full(s, c)) = full(t, c)`: a movement of one number everywhere."""
    source = node.inputs[0]
    if source.op.name != "full":
        return None
    value = source.attributes["fill_value"]
    attributes = {"shape": node.shape, "fill_value": value, "dtype": node.dtype}
    return OPS["full"].apply((), attributes)


@rewrites("cast")
def casts(node: Node) -> Node | None:
    """`cast(cast(x, d), e) = cast(x, e)` where d holds every value of x."""
    source = node.inputs[0]
    if source.op.name != "cast":
        return None
    first = source.inputs[0]
    if not _holds(source.dtype, first.dtype):
        return None
    return OPS["cast"].apply((first,), {"dtype": node.dtype})


MANTISSA = {"f16": 11, "bf16": 8, "f32": 24, "f64": 53}


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether a dtype holds every value of another exactly."""
    if narrow.kind == "b":
        return True
    if wide.kind == "b":
        return False
    if wide.is_float and narrow.is_float:
        return wide == narrow or wide.size > narrow.size
    if wide.is_float:
        return narrow.size * 8 <= MANTISSA[wide.short]
    if narrow.is_float or (wide.kind == "u" and narrow.kind == "i"):
        return False
    return wide.size > narrow.size or wide == narrow


@rewrites("item")
def item_of_tuple(node: Node) -> Node | None:
    """`tuple(x, y, …)[i]` is the value there."""
    source = node.inputs[0]
    if source.op.name != "tuple":
        return None
    return source.inputs[node.attributes["index"]]


@rewrites("stop_gradient")
def stopped(node: Node) -> Node | None:
    """`stop_gradient(x) = x`, once gradients have been taken."""
    return node.inputs[0]


@rewrites("sum", "prod", "max", "min")
def nothing_reduced(node: Node) -> Node | None:
    """`sum(x, ()) = x`, and likewise for axes of size 1."""
    (source,), axes = node.inputs, node.attributes["axis"]
    if any(source.shape[axis].value != 1 for axis in axes):
        return None
    found = call("reshape", source, node.shape) if axes else source
    return _same(node, found)


@rewrites("concatenate", "pack")
def joined_alone(node: Node) -> Node | None:
    """`concatenate(x) = x`, `pack(x) = reshape(x, -1)`."""
    if len(node.inputs) != 1:
        return None
    source = node.inputs[0]
    flat = node.op.name == "pack" and source.type != node.type
    return call("reshape", source, node.shape) if flat else source


def scalar_operand(node: Node) -> Node | None:
    """`f(full(s, c), y) = f(c, y)` where y alone gives the shape."""
    if not any(s.op.name in ("full", "broadcast_to") and s.ndim for s in node.inputs):
        return None
    if len(node.inputs) < 2:
        return None
    for index, source in enumerate(node.inputs):
        small = _shrunk(source)
        if small is None:
            continue
        inputs = (*node.inputs[:index], small, *node.inputs[index + 1 :])
        found = node.op.apply(inputs, node.attributes, node)
        if found.type == node.type:
            return found
    return None


def broadcast_outside(node: Node) -> Node | None:
    """`f(broadcast_to(x), c) = broadcast_to(f(x, c))`: computed once."""
    wide = [source for source in node.inputs if source.ndim]
    if not wide or any(source.op.name != "broadcast_to" for source in wide):
        return None
    inputs = tuple(s.inputs[0] if s.ndim else s for s in node.inputs)
    found = node.op.apply(inputs, node.attributes, node)
    return call("broadcast_to", found, node.shape)  # type: ignore[no-any-return]


def _shrunk(source: Node) -> Node | None:
    """What broadcasting makes of less: a number, or what was broadcast before."""
    if source.op.name == "full" and source.ndim:
        return literal(source.attributes["fill_value"], source.tensor_type)
    if source.op.name == "broadcast_to":
        return source.inputs[0]
    return None


def constants(node: Node) -> Node | None:
    """`f(c) = c'`: small constants are computed ahead."""
    name = node.op.name
    if name in ("constant", "cast") and not node.inputs:
        return None
    if name == "full" and not node.shape:
        return literal(node.attributes["fill_value"], node.tensor_type)
    if not node.inputs or node.op.level != "primitive":
        return None
    if any(source.op.name != "constant" for source in node.inputs):
        return None
    sizes = [_small(dim) for dim in getattr(node.type, "shape", (None,))]
    if name in ("opaque", "opaque_gradient") or None in sizes:
        return None
    if int(np.prod([size or 0 for size in sizes])) > FOLDED:
        return None
    arrays = [source.attributes["value"].array for source in node.inputs]
    if any(isinstance(item, Dim) for item in node.attributes.values()):
        return None
    from ...graph.node import resolve

    attributes = {key: resolve(value, {}) for key, value in node.attributes.items()}
    with np.errstate(all="ignore"):
        value = node.op.run(np, *arrays, **attributes)
    return constant_node(np.asarray(value, node.dtype.numpy))


def _small(dim: Dim | None) -> int | None:
    return None if dim is None else dim.value


def _same(node: Node, found: Node) -> Node | None:
    """A replacement, if it has the type of what it replaces."""
    return found if found.type == node.type else None


ELEMENTWISE += [scalar_operand, broadcast_outside]
ANY.append(constants)
