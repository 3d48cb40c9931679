"""Ops written with other ops; some with a gradient of their own, which is stable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..decide import equal
from ..diagnostics import Fault
from ..dim import Dim
from ..kinds import Axes
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..types import I32, TensorType
from .elementwise import (
    Interval,
    broadcast_shapes,
    dtype_clash,
    floats_needed,
    signature,
)
from .reduce import (
    Reduction,
    kept,
    may_be_empty,
    normal_axes,
    normal_axis,
    refuse_empty,
    spread,
)

Types = tuple[TensorType, ...]


class Composite(Op):
    """An op on floating-point operands, given by its expansion."""

    level = "composite"
    operand_dtypes = "float"
    domain: ClassVar[tuple[Interval, ...]] = ((-2.0, 2.0),)

    def infer(self, *types: Any, **attributes: Any) -> TensorType:
        return common_floats(self.name, types)


def common_floats(name: str, types: Types) -> TensorType:
    """The type that floating-point operands of one dtype broadcast to."""
    for index, other in enumerate(types):
        if not other.dtype.is_float:
            raise floats_needed(name, other, index)
        if other.dtype != types[0].dtype:
            raise dtype_clash(name, types[0], index, other)
    return types[0].with_shape(broadcast_shapes(name, types))


class Formula(Composite):
    """A formula on each element."""

    formula: Any = None

    def expand(self, node: Node) -> Node:
        found: Node = self.formula(*node.inputs, **node.attributes)
        return found


def formula_op(
    name: str, doc: str, formula: Callable[..., Any], **options: Any
) -> None:
    """Enter an activation: a formula of one tensor, with named options."""
    fields = {
        "__doc__": doc,
        "name": name,
        "formula": staticmethod(formula),
        "arguments": signature(name, ["x"], **options),
    }
    register(type(name, (Formula,), fields))


def _cut(x: Node) -> Any:
    """x where it is negative, else 0; no exponential of it overflows."""
    return call("where", x > 0, 0.0, x)


formula_op(
    "elu",
    "x where positive, else alpha * (exp(x) - 1).",
    lambda x, alpha: call("where", x > 0, x, alpha * call("expm1", _cut(x))),
    alpha=1.0,
)
formula_op(
    "selu",
    "The scaled elu that keeps mean 0 and variance 1 (Klambauer et al. 2017).",
    lambda x: 1.0507009873554805 * call("elu", x, 1.6732632423543772),
)
formula_op(
    "leaky_relu",
    "x where positive, else negative_slope * x.",
    lambda x, negative_slope: call("where", x > 0, x, negative_slope * x),
    negative_slope=0.2,
)
formula_op(
    "relu6",
    "x cut to the interval from 0 to 6.",
    lambda x: call("where", x >= 6, 6.0, call("relu", x)),
)
formula_op(
    "hard_sigmoid",
    "x / 6 + 0.5 cut to the interval from 0 to 1.",
    lambda x: call("relu6", x + 3) / 6,
)
formula_op("silu", "x * sigmoid(x).", lambda x: x * call("sigmoid", x))
formula_op("log_sigmoid", "log(sigmoid(x)).", lambda x: -call("softplus", -x))
formula_op("softsign", "x / (1 + |x|).", lambda x: x / (call("abs", x) + 1))
formula_op(
    "mish",
    "x * tanh(softplus(x)) (Misra 2019).",
    lambda x: x * call("tanh", call("softplus", x)),
)
formula_op(
    "gelu",
    "x times the normal distribution function of x (Hendrycks and Gimpel 2016).",
    lambda x, approximate: _gelu(x, approximate),
    approximate=True,
)


@register
class ExactGelu(Formula):
    """`gelu` as an activation: exact unless told otherwise."""

    name = "exact_gelu"
    public = False
    formula = staticmethod(
        lambda x, approximate: call("gelu", x, approximate=approximate)
    )

    def arguments(self, x: Any, approximate: bool = False) -> Any:
        return (x,), {"approximate": approximate}


def _gelu(x: Node, approximate: bool) -> Any:
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (call("tanh", inner) + 1)
    return 0.5 * x * (call("erf", x * math.sqrt(0.5)) + 1)


class Normalized(Composite):
    """A composite along axes, by default the last; None is all of them."""

    def arguments(self, x: Any, axis: Axes | None = -1) -> Any:
        return (x,), {"axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {"axis": normal_axes(self.name, attributes["axis"], types[0])}

    def infer(self, x: TensorType, axis: tuple[int, ...]) -> TensorType:
        return common_floats(self.name, (x,))


def _peak(x: Node, axis: tuple[int, ...]) -> Any:
    """The largest elements, or -inf where there are none."""
    options = {"axis": axis, "keepdims": True}
    if any(may_be_empty(x.shape[one]) for one in axis):
        options["initial"] = True
    return OPS["max"].apply((x,), options)


def _weights(x: Node, axis: Any) -> tuple[Any, Any, Any]:
    """x without its peak, the exponentials of that, and their sums.

    The sum of a row is NaN where its peak is infinite.
    """
    shifted = x - _peak(x, axis)
    raised = call("exp", shifted)
    return shifted, raised, call("sum", raised, axis=axis, keepdims=True)


@register
class Softmax(Normalized):
    """exp(x) / sum(exp(x)) along axes, computed without overflow.

    Of a row with +inf, or of -inf throughout, all results are NaN, as the formula says.
    """

    def vjp(self, node: Node, cotangent: Node) -> Results:
        inner = cotangent * node
        total = call("sum", inner, axis=node.attributes["axis"], keepdims=True)
        return (inner - node * total,)

    def expand(self, node: Node) -> Node:
        _, raised, total = _weights(node.inputs[0], node.attributes["axis"])
        found: Node = raised / total
        return found


@register
class LogSoftmax(Normalized):
    """log(softmax(x)) along axes, computed without overflow; NaN where softmax is."""

    name = "log_softmax"

    def vjp(self, node: Node, cotangent: Node) -> Results:
        total = call("sum", cotangent, axis=node.attributes["axis"], keepdims=True)
        return (cotangent - call("softmax", *node.inputs, **node.attributes) * total,)

    def expand(self, node: Node) -> Node:
        shifted, _, total = _weights(node.inputs[0], node.attributes["axis"])
        found: Node = shifted - call("log", total)
        return found


@register
class Logsumexp(Reduction):
    """log(sum(exp(x))) over axes, computed without overflow."""

    level = "composite"
    operand_dtypes = "float"
    writes = False

    def infer(self, x: TensorType, axis: tuple[int, ...], keepdims: bool) -> TensorType:
        if not x.dtype.is_float:
            raise floats_needed(self.name, x)
        refuse_empty(self.name, x, axis)
        return super().infer(x, axis, keepdims)

    def needs(self, node: Node) -> Mapping[int, int]:
        return dict.fromkeys(node.attributes["axis"], 1)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        source = node.inputs[0]
        return (spread(node, cotangent) * call("exp", source - kept(node)),)

    def expand(self, node: Node) -> Node:
        (x,), axis = node.inputs, node.attributes["axis"]
        _, _, total = _weights(x, axis)
        peak = _peak(x, axis)
        found: Node = call(
            "where", call("isfinite", peak), call("log", total) + peak, peak
        )
        return call("reshape", found, node.shape) if found.ndim != node.ndim else found


FUZZ = 1e-7  # how near probabilities come to 0 and 1, as in Keras


class Crossentropy(Composite):
    """-log of the probability that the output gives to the target."""

    domain = ((0.1, 0.9), (0.1, 0.9))

    def arguments(
        self, target: Any, output: Any, from_logits: bool = False, axis: int = -1
    ) -> Any:
        return (target, output), {"from_logits": from_logits, "axis": axis}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[1].rank, types[1])
        return {**attributes, "axis": axis}


def _alike(one: tuple[Dim, ...], two: tuple[Dim, ...]) -> bool:
    """Whether two shapes are equal for all sizes."""
    if len(one) != len(two):
        return False
    return all(equal(a, b) is True for a, b in zip(one, two, strict=True))


def _unequal(name: str, target: TensorType, output: TensorType, want: Any) -> Fault:
    return Fault(
        "T0302",
        f"the target of `{name}` is {want} for an output {output}, not {target}",
        operands={0: str(target), 1: str(output)},
        dims=(*target.shape, *output.shape),
    )


@register
class CategoricalCrossentropy(Crossentropy):
    """-sum(target * log(output)) along an axis, output divided by its sum first."""

    name = "categorical_crossentropy"

    def infer(
        self, target: TensorType, output: TensorType, from_logits: bool, axis: int
    ) -> TensorType:
        common_floats(self.name, (target, output))
        if not _alike(target.shape, output.shape):
            raise _unequal(self.name, target, output, output)
        return output.with_shape((*output.shape[:axis], *output.shape[axis + 1 :]))

    def expand(self, node: Node) -> Node:
        (target, output), options = node.inputs, node.attributes
        axis = options["axis"]
        if options["from_logits"]:
            logs = call("log_softmax", output, axis)
        else:
            logs = call("log", _probabilities(output, axis))
        found: Node = -call("sum", target * logs, axis=axis)
        return found


def _probabilities(output: Node, axis: int) -> Any:
    whole = call("sum", output, axis=axis, keepdims=True)
    return call("clip", output / whole, FUZZ, 1 - FUZZ)


@register
class SparseCategoricalCrossentropy(Crossentropy):
    """-log(output[target]) along an axis; the target holds class numbers.

    Target i32[...] and output f32[..., classes]. Raises `DataError` for a class that
    the output has not.
    """

    name = "sparse_categorical_crossentropy"
    unified = slice(1, 2)

    def infer(
        self, target: TensorType, output: TensorType, from_logits: bool, axis: int
    ) -> TensorType:
        common_floats(self.name, (output,))
        shape = (*output.shape[:axis], *output.shape[axis + 1 :])
        if not target.dtype.is_integer:
            wanted = TensorType(I32, shape)
            raise _unequal(self.name, target, output, wanted)
        if not _alike(target.shape, shape):
            raise _unequal(self.name, target, output, target.with_shape(shape))
        return output.with_shape(shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (target, output), options = node.inputs, node.attributes
        if not options["from_logits"]:
            return None
        axis = options["axis"]
        classes = output.shape[axis]
        hot = call("one_hot", target, classes, axis, output.dtype)
        wide = call("expand_dims", cotangent, axis)
        return None, (call("softmax", output, axis) - hot) * wide

    def expand(self, node: Node) -> Node:
        (target, output), options = node.inputs, node.attributes
        axis = options["axis"]
        place = call("expand_dims", target, axis)
        if options["from_logits"]:
            total = call("logsumexp", output, axis=axis, keepdims=True)
            found = total - call("take_along_axis", output, place, axis)
        else:
            chances = _probabilities(output, axis)
            found = -call("log", call("take_along_axis", chances, place, axis))
        result: Node = call("squeeze", found, axis)
        return result


@register
class BinaryCrossentropy(Composite):
    """-target * log(output) - (1 - target) * log(1 - output), element by element."""

    name = "binary_crossentropy"
    domain = ((0.1, 0.9), (0.1, 0.9))

    def arguments(self, target: Any, output: Any, from_logits: bool = False) -> Any:
        return (target, output), {"from_logits": from_logits}

    def infer(
        self, target: TensorType, output: TensorType, from_logits: bool
    ) -> TensorType:
        common_floats(self.name, (target, output))
        if not _alike(target.shape, output.shape):
            raise _unequal(self.name, target, output, output)
        return output

    def vjp(self, node: Node, cotangent: Node) -> Results:
        target, output = node.inputs
        if not node.attributes["from_logits"]:
            return None
        return -(cotangent * output), cotangent * (call("sigmoid", output) - target)

    def expand(self, node: Node) -> Node:
        target, output = node.inputs
        if node.attributes["from_logits"]:
            # Exact on both sides, where softplus(x) - x * target would cancel.
            tail = call("log1p", call("exp", -call("abs", output)))
            return call("relu", output) - output * target + tail  # type: ignore[no-any-return]
        cut = call("clip", output, FUZZ, 1 - FUZZ)
        hit, miss = call("log", cut), call("log", 1 - cut)
        found: Node = -(target * hit + (1 - target) * miss)
        return found
