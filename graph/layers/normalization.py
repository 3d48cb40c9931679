"""Layers that normalize each sample by itself, along axes or in groups."""

from __future__ import annotations

from typing import Any, ClassVar

from ..diagnostics import Fault
from ..dim import Dim
from ..layer import Layer
from ..registry import call
from ..types import TensorType
from ..variable import Variable
from .activation import not_negative
from .weighted import Weighted, check_sizes

__all__ = [
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class Affine(Weighted):
    """What normalizing layers share: a factor `gamma` and an offset `beta`.

    Statistics are computed in float32 at least, whatever the dtype of the layer.
    """

    gamma: Variable | None
    beta: Variable | None

    supports_masking = True

    def __init__(
        self, axis: Any, epsilon: float, center: bool, scale: bool, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.axis, self.epsilon = (
            whole_axes(self, axis),
            not_negative(self, "epsilon", epsilon),
        )
        self.center, self.scale = bool(center), bool(scale)

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """Make `gamma` and `beta`, as far as they are wanted."""
        self.gamma = self.add_role("gamma", shape, **WIDE) if self.scale else None
        self.beta = self.add_role("beta", shape, **WIDE) if self.center else None


# Weights of normalization keep their dtype where a layer computes in a narrower one.
WIDE: dict[str, Any] = {"autocast": False}


def whole_axes(layer: Layer, axis: Any) -> Any:
    """An axis, or a tuple of axes; refuses what is neither."""
    several = isinstance(axis, (list, tuple))
    axes = tuple(axis) if several else (axis,)
    if not axes or any(type(a) is not int for a in axes):
        raise Fault(
            "T0204",
            f"`axis` of `{type(layer).__name__}` is a whole number or a list of them, "
            f"not {axis!r}",
            argument="axis",
        )
    return axes if several else axis


def widened(x: Any) -> Any:
    """A tensor in float32 at least: halves and integers are converted."""
    dtype = x.type.dtype
    return x if dtype.is_float and dtype.size >= 4 else call("cast", x, "float32")


def along(weight: Any, type: TensorType, axes: tuple[int, ...]) -> Any:
    """A weight whose axes stand at `axes` of a tensor, ready to broadcast."""
    if axes == tuple(range(type.rank - len(axes), type.rank)):
        return weight
    shape = [size if i in axes else 1 for i, size in enumerate(type.shape)]
    return call("reshape", weight, tuple(shape))


def static_sizes(
    layer: Layer, shape: Any, axis: Any
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that a layer has weights for, and their sizes, which are numbers."""
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    if any(not -len(shape) <= a < len(shape) for a in axes):
        raise Fault(
            "T0303",
            f"`{layer.name}` has no axis {axis} to work on: "
            f"its input has shape {shape}",
            argument="axis",
        )
    places = tuple(sorted({a % len(shape) for a in axes}))
    if len(places) < len(axes):
        raise Fault(
            "T0303",
            f"`axis` of `{layer.name}` names an axis twice: {axis} of shape {shape}",
            argument="axis",
        )
    sizes = tuple(shape[a] for a in places)
    if None in sizes:
        raise Fault(
            "T0306",
            f"`{layer.name}` has a weight for each element of axis {axis}, whose size "
            f"has to be a number; its input has shape {shape}",
            argument="axis",
        )
    return places, sizes


class LayerNormalization(Affine):
    """Each sample brought to mean 0 and variance 1 along `axis`.

    Input and output f32[...] of one shape; weights `gamma` and `beta` have the sizes
    of the axes. With Keras's old `rms_scaling` the mean stays, and there is no `beta`.
    Source: Ba et al. 2016.

    >>> import numpy as np
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).numpy().tolist()
    [[-1.0, 1.0]]
    """

    further: ClassVar[dict[str, Any]] = {"rms_scaling": False}

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))
        if self.rms_scaling:
            center, scale = False, True
        super().__init__(axis, epsilon, center, scale, **kwargs)

    def build(self, input_shape: Any) -> None:
        self.axes, sizes = static_sizes(self, input_shape, self.axis)
        self.add_affine(sizes)

    def call(self, inputs: Any) -> Any:
        x = widened(inputs)
        if self.rms_scaling:
            variance = call("var", x, axis=self.axes, keepdims=True)
            factor = along(self.gamma, x.type, self.axes)
            found = x * call("rsqrt", variance + self.epsilon) * factor
        else:
            found = call(
                "layer_normalization",
                x, self.gamma, self.beta, self.axes, self.epsilon,
            )  # fmt: skip
        return call("cast", found, self.compute_dtype)


class GroupNormalization(Affine):
    """Groups of channels brought to mean 0 and variance 1, sample by sample.

    Input and output f32[batch, ...] of one shape; weights `gamma` and `beta` have the
    size of `axis`, which `groups` divides. With groups=-1 each channel is a group of
    its own. Source: Wu and He 2018.

    >>> import numpy as np
    >>> x = np.array([[1.0, 3.0, 10.0, 30.0]])
    >>> GroupNormalization(groups=2, epsilon=0.0)(x).numpy().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(one_axis(self, axis), epsilon, center, scale, **kwargs)
        if type(groups) is not int or (groups < 1 and groups != -1):
            raise Fault(
                "T0204",
                "`groups` of `GroupNormalization` is a positive whole number, or -1 "
                f"for a group for each channel, not {groups!r}",
                argument="groups",
            )
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        if self.axis in (0, -len(input_shape)):
            raise Fault(
                "T0303",
                f"`axis` of `{self.name}` is the batch: its input has shape "
                f"{input_shape}, and its groups are made of the channels of a sample",
                argument="axis",
            )
        (self.place,), sizes = static_sizes(self, input_shape, self.axis)
        self.count = sizes[0] if self.groups == -1 else self.groups
        if sizes[0] % self.count:
            raise Fault(
                "T0204",
                f"`groups` of `{self.name}` is {self.count}, which does not divide "
                f"the {sizes[0]} channels of its input of shape {input_shape}",
                argument="groups",
                help=[f"{sizes[0]} has the divisors {divisors(sizes[0])}"],
            )
        self.add_affine(sizes)
        self.channels = sizes[0]

    def call(self, inputs: Any) -> Any:
        x, place = widened(inputs), self.place
        check_sizes(self, x.type, {place: self.channels})
        # Few channels of a group lie side by side, and many groups: these are summed
        # together, down the other axes.
        aside = 1 < place == x.ndim - 1 and self.count > 1
        found = self._by_channels(x) if aside else self._by_groups(x)
        for op, weight in (("multiply", self.gamma), ("add", self.beta)):
            if weight is not None:
                found = call(op, found, along(weight, x.type, (place,)))
        return call("cast", found, self.compute_dtype)

    def _by_groups(self, x: Any) -> Any:
        grouped = self._parted(x)
        axes = tuple(i for i in range(1, grouped.ndim) if i != self.place)
        plain = call("standardize", grouped, axes, self.epsilon)
        return call("reshape", plain, x.type.shape)

    def _by_channels(self, x: Any) -> Any:
        centered = x - self._group_means(x)
        variance = self._group_means(call("square", centered))
        return centered * call("rsqrt", variance + self.epsilon)

    def _group_means(self, x: Any) -> Any:
        """The mean of its group for each channel, by those of the channels."""
        axes = tuple(range(1, self.place))
        means = call("mean", x, axis=axes, keepdims=True)
        grouped = self._parted(means)
        joint = call("mean", grouped, axis=self.place + 1, keepdims=True)
        spread = call("broadcast_to", joint, grouped.type.shape)
        return call("reshape", spread, means.type.shape)

    def _parted(self, x: Any) -> Any:
        """The channels on two axes: the groups, and those of a group."""
        place = self.place
        before, size, after = (
            x.type.shape[:place],
            x.type.shape[place],
            x.type.shape[place + 1 :],
        )
        share = size // self.count
        return call("reshape", x, (*before, Dim.of(self.count), share, *after))


def one_axis(layer: Layer, axis: Any) -> Any:
    """An axis that is not a list of axes."""
    if isinstance(axis, (list, tuple)):
        raise Fault(
            "T0204",
            f"`axis` of `{type(layer).__name__}` is one whole number, not {axis!r}",
            argument="axis",
        )
    return axis


def divisors(size: int) -> str:
    """The divisors of a size, in words, where they are not many."""
    found = [str(n) for n in range(1, size + 1) if size % n == 0]
    return ", ".join(found if len(found) < 13 else [*found[:11], "…", found[-1]])


class RMSNormalization(Weighted):
    """x / sqrt(mean(x²) + epsilon) along `axis`, times the weight `scale`.

    Input and output f32[...] of one shape; `scale` has the sizes of the axes. Masks do
    not go on from here, as in Keras. Source: Zhang and Sennrich 2019.

    >>> import numpy as np
    >>> RMSNormalization(epsilon=0.0)(np.array([[3.0, 3.0]])).numpy().tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = (
            whole_axes(self, axis),
            not_negative(self, "epsilon", epsilon),
        )

    def build(self, input_shape: Any) -> None:
        self.axes, sizes = static_sizes(self, input_shape, self.axis)
        self.scale = self.add_weight(sizes, "ones", name="scale")

    def call(self, x: Any) -> Any:
        wide = widened(x)
        scale = call("cast", self.scale, wide.dtype)
        found = call("rms_normalization", wide, scale, self.axes, self.epsilon)
        return call("cast", found, x.dtype if x.type.dtype.is_float else self.dtype)


class UnitNormalization(Layer):
    """Each sample divided by its length along `axis`; a zero stays.

    Input and output f32[...] of one shape.

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[0.0, 4.0]])).numpy().tolist()
    [[0.0, 1.0]]
    """

    EPSILON = 1e-12  # the least length that is divided by, as in Keras

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = whole_axes(self, axis)

    def call(self, inputs: Any) -> Any:
        x = widened(inputs)
        found = call("normalize", x, axis=self.axis, order=2, epsilon=self.EPSILON)
        return call("cast", found, self.compute_dtype)
