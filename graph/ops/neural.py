"""Normalization, as composites."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..configuration import epsilon as default_epsilon
from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim
from ..kinds import Axes, wrong_value
from ..node import Node
from ..op import Results, register
from ..registry import OPS, call
from ..types import TensorType
from .composite import Composite, Types, common_floats
from .elementwise import Interval
from .reduce import normal_axes, normal_axis


class Optional(Composite):
    """A composite of which some operands may be left out; `given` names the others."""

    def named(self, node: Node) -> dict[str, Node]:
        """The optional operands of a node by name."""
        given = node.attributes["given"]
        return dict(
            zip(given, node.inputs[-len(given) :] if given else (), strict=True)
        )


def present(**operands: Any) -> tuple[list[Any], tuple[str, ...]]:
    """The operands that are given, and their names."""
    found = {key: value for key, value in operands.items() if value is not None}
    return list(found.values()), tuple(found)


def _affine(
    name: str, x: TensorType, sizes: tuple[Dim, ...], parts: Types, given: Any
) -> None:
    """Refuse factors and offsets that have not the sizes of the axes."""
    common_floats(name, (x.with_shape(()), *(part.with_shape(()) for part in parts)))
    for index, (key, part) in enumerate(zip(given, parts, strict=True), 1):
        fits = part.rank == len(sizes) and all(map(equal_dims, part.shape, sizes))
        if not fits:
            raise Fault(
                "T0302",
                f"`{key}` of `{name}` is {x.with_shape(sizes)} for {x}, not {part}",
                operands={0: str(x), index: str(part)},
                dims=(*sizes, *part.shape),
            )


def _beside(x: Node, part: Node, axes: tuple[int, ...]) -> Any:
    """A part with the sizes of some axes, to be broadcast against x."""
    shape = [d if i in axes else Dim.of(1) for i, d in enumerate(x.shape)]
    return call("reshape", part, tuple(shape))


@register
class BatchNormalization(Optional):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, along one axis.

    Input f32[...], the others with the size of `axis`.

    >>> x, one = [[1.0], [3.0]], [1.0]
    >>> call("batch_normalization", x, one, one, -1, epsilon=0.0).numpy().tolist()
    [[0.0], [2.0]]
    """

    name = "batch_normalization"
    domain: ClassVar[tuple[Interval, ...]] = ((-2.0, 2.0), (-1.0, 1.0), (0.5, 2.0))

    def arguments(
        self,
        x: Any,
        mean: Any,
        variance: Any,
        axis: int,
        offset: Any = None,
        scale: Any = None,
        epsilon: float = 1e-3,
    ) -> Any:
        more, given = present(offset=offset, scale=scale)
        options = {"axis": axis, "epsilon": epsilon, "given": given}
        return (x, mean, variance, *more), options

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axis = normal_axis(self.name, attributes["axis"], types[0].rank, types[0])
        return {**attributes, "axis": axis}

    def infer(
        self, *types: TensorType, axis: int, epsilon: float, given: Any
    ) -> TensorType:
        x = types[0]
        names = ("mean", "variance", *given)
        _affine(self.name, x, (x.shape[axis],), types[1:], names)
        return x

    def expand(self, node: Node) -> Node:
        x, mean, variance = node.inputs[:3]
        named, axes = self.named(node), (node.attributes["axis"],)
        spread = call("rsqrt", variance + node.attributes["epsilon"])
        if "scale" in named:
            spread = spread * named["scale"]
        found = (x - _beside(x, mean, axes)) * _beside(x, spread, axes)
        if "offset" in named:
            found = found + _beside(x, named["offset"], axes)
        result: Node = found
        return result


@register
class Standardize(Composite):
    """(x - mean) / sqrt(variance + epsilon), over axes."""

    public = False

    def arguments(self, x: Any, axis: Any, epsilon: float) -> Any:
        return (x,), {"axis": axis, "epsilon": epsilon}

    def infer(self, x: TensorType, axis: Any, epsilon: float) -> TensorType:
        return common_floats(self.name, (x,))

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x,), axis = node.inputs, node.attributes["axis"]
        inner = call("mean", cotangent, axis=axis, keepdims=True)
        slope = call("mean", cotangent * node, axis=axis, keepdims=True)
        return ((cotangent - inner - node * slope) * self._spread(x, node.attributes),)

    def expand(self, node: Node) -> Node:
        (x,), axis = node.inputs, node.attributes["axis"]
        mean = call("mean", x, axis=axis, keepdims=True)
        found: Node = (x - mean) * self._spread(x, node.attributes)
        return found

    def _spread(self, x: Node, options: Any) -> Any:
        variance = call("var", x, axis=options["axis"], keepdims=True)
        return call("rsqrt", variance + options["epsilon"])


class AlongAxes(Optional):
    """A normalization over axes, then a factor and an offset of their sizes."""

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        axes = normal_axes(self.name, attributes["axis"], types[0])
        epsilon = attributes["epsilon"]
        epsilon = default_epsilon() if epsilon is None else epsilon
        return {**attributes, "axis": axes, "epsilon": epsilon}

    def infer(
        self, *types: TensorType, axis: Any, epsilon: float, given: Any
    ) -> TensorType:
        x = types[0]
        sizes = tuple(x.shape[i] for i in axis)
        _affine(self.name, x, sizes, types[1:], given)
        return x


@register
class LayerNormalization(AlongAxes):
    """Mean 0 and variance 1 over axes, times `gamma`, plus `beta` (Ba et al. 2016).

    Input f32[...], gamma and beta with the sizes of the axes.

    >>> call("layer_normalization", [1.0, 3.0], epsilon=0.0).numpy().tolist()
    [-1.0, 1.0]
    """

    name = "layer_normalization"

    def arguments(
        self,
        x: Any,
        gamma: Any = None,
        beta: Any = None,
        axis: Axes = -1,
        epsilon: float | None = None,
    ) -> Any:
        more, given = present(gamma=gamma, beta=beta)
        return (x, *more), {"axis": axis, "epsilon": epsilon, "given": given}

    def expand(self, node: Node) -> Node:
        x, named, axes = node.inputs[0], self.named(node), node.attributes["axis"]
        attributes = {"axis": axes, "epsilon": node.attributes["epsilon"]}
        found = OPS["standardize"].apply((x,), attributes)
        if "gamma" in named:
            found = found * _beside(x, named["gamma"], axes)
        if "beta" in named:
            found = found + _beside(x, named["beta"], axes)
        return found


@register
class RmsNormalization(AlongAxes):
    """x / sqrt(mean(x²) + epsilon) over axes, times `scale` (Zhang and Sennrich 2019).

    >>> call("rms_normalization", [3.0, 3.0], epsilon=0.0).numpy().tolist()
    [1.0, 1.0]
    """

    name = "rms_normalization"

    def arguments(
        self,
        x: Any,
        scale: Any = None,
        axis: Axes = -1,
        epsilon: float | None = None,
    ) -> Any:
        more, given = present(scale=scale)
        return (x, *more), {"axis": axis, "epsilon": epsilon, "given": given}

    def expand(self, node: Node) -> Node:
        x, named, axes = node.inputs[0], self.named(node), node.attributes["axis"]
        power = call("mean", call("square", x), axis=axes, keepdims=True)
        found: Node = x * call("rsqrt", power + node.attributes["epsilon"])
        if "scale" in named:
            found = found * _beside(x, named["scale"], axes)
        return found


@register
class Normalize(Composite):
    """x divided by its norm of some order over axes, or by epsilon if that is more.

    >>> call("normalize", [3.0, 1.0], order=1).numpy().tolist()
    [0.75, 0.25]
    """

    domain: ClassVar[tuple[Interval, ...]] = ((0.5, 2.0),)

    def arguments(
        self,
        x: Any,
        axis: Axes | None = -1,
        order: float = 2,
        epsilon: float | None = None,
    ) -> Any:
        return (x,), {"axis": axis, "order": order, "epsilon": epsilon}

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        order, epsilon = attributes["order"], attributes["epsilon"]
        if not order >= 1:
            raise wrong_value(self.name, "order", "a number from 1 on", order)
        return {
            "axis": normal_axes(self.name, attributes["axis"], types[0]),
            "order": float(order),
            "epsilon": default_epsilon() if epsilon is None else float(epsilon),
        }

    def infer(
        self, x: TensorType, axis: Any, order: float, epsilon: float
    ) -> TensorType:
        return common_floats(self.name, (x,))

    def expand(self, node: Node) -> Node:
        (x,), options = node.inputs, node.attributes
        axis, order, least = options["axis"], options["order"], options["epsilon"]
        if order == 2:
            total = call("sum", call("square", x), axis=axis, keepdims=True)
            found: Node = x * call("rsqrt", call("maximum", total, least * least))
            return found
        size = call("abs", x)
        if math.isinf(order):
            length = call("max", size, axis=axis, keepdims=True)
        elif order == 1:
            length = call("sum", size, axis=axis, keepdims=True)
        else:
            total = call("sum", call("power", size, order), axis=axis, keepdims=True)
            length = call("power", total, 1 / order)
        result: Node = x / call("maximum", length, least)
        return result
