"""Layers that bring numbers to another scale, known beforehand or learned from data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..diagnostics import Fault, TensorTypeError, caller_span
from ..layer import Layer
from ..operand import Operand
from ..registry import call
from .formats import shape_text

__all__ = [
    "Normalization",
    "Rescaling",
]

FUZZ = 1e-7  # the least deviation that data are divided by


class Rescaling(Layer):
    """inputs * scale + offset.

    Input of any dtype, output f32[...] of the same shape; `scale` and `offset` are
    numbers, or arrays that broadcast to the input.

    >>> import numpy as np
    >>> Rescaling(2.0, offset=1.0)(np.array([3.0])).numpy().tolist()
    [7.0]
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        scale, offset = (
            value if isinstance(value, (int, float)) else call("cast", value, dtype)
            for value in (self.scale, self.offset)
        )
        return call("cast", inputs, dtype) * scale + offset


def adapted_batches(data: Any) -> Iterator[Any]:
    """The batches of what a layer learns from: an array is one, a tuple's first counts.

    Lists of numbers or strings are one array. Refuses what holds none.
    """
    if isinstance(data, (np.ndarray, Operand)):
        yield np.asarray(data)
        return
    if not isinstance(data, Iterable) or isinstance(data, (str, bytes, dict)):
        raise Fault("T0204", f"`adapt` takes an array or batches, not {data!r}")
    if _is_plain(data):
        yield _as_array(data)
        return
    found = False
    for item in data:
        batch = item[0] if isinstance(item, (tuple, list)) and item else item
        if not hasattr(batch, "shape"):
            raise Fault(
                "T0204",
                f"`adapt` takes an array or batches that are arrays, and got {batch!r}",
                help=["make one array of it: `np.asarray(data)`"],
            )
        found = True
        yield np.asarray(batch)
    if not found:
        raise Fault("T0204", "`adapt` got no batch to learn from")


def _as_array(data: Any) -> np.ndarray[Any, Any]:
    """Lists as one array; refuses those of unequal lengths."""
    try:
        return np.asarray(data)
    except ValueError:
        raise Fault(
            "T0204",
            "`adapt` takes lists as one array, and these have unequal lengths",
            help=["give rows of one length, or one flat list"],
        ) from None


def _is_plain(data: Any) -> bool:
    """Whether data are lists of numbers or of strings, which are one array."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (str, int, float, np.generic))


class Normalization(Layer):
    """(x - mean) / sqrt(variance), with the statistics of the data or given ones.

    Input f32[...], output f32[...] of the same shape. `axis` names the axes that have
    statistics of their own, None for one mean and variance of everything. `adapt`
    learns them, as weights `mean` and `variance`, else `mean` and `variance` give
    them: numbers, or arrays along the axes. With `invert` the layer goes back:
    x * sqrt(variance) + mean.

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> layer(np.array([[2.0, 7.0]])).numpy().tolist()
    [[1.0, -1.0]]
    """

    supports_masking = True

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        given = () if axis is None else axis
        self.axis = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        self.input_mean, self.input_variance, self.invert = mean, variance, bool(invert)
        self._check_statistics()

    def _check_statistics(self) -> None:
        mean, variance = self.input_mean, self.input_variance
        if (mean is None) != (variance is None):
            missing = "mean" if mean is None else "variance"
            raise Fault(
                "T0203",
                "`Normalization` takes `mean` and `variance` together, and "
                f"`{missing}` is missing",
                argument=missing,
            )
        if mean is None:
            return
        if np.shape(mean) != np.shape(variance):
            raise Fault(
                "T0204",
                "`mean` and `variance` of `Normalization` have one shape, not "
                f"{np.shape(mean)} and {np.shape(variance)}",
                argument="variance",
            )
        if np.ndim(mean) > len(self.axis):
            raise Fault(
                "T0204",
                f"`mean` of `Normalization` has an axis for each in `axis` = "
                f"{self.axis} at most, and this has shape {np.shape(mean)}",
                argument="mean",
            )

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise Fault(
                "T0303",
                f"`{self.name}` has statistics along axis {self.axis}, and its input "
                f"has shape {shape_text(input_shape)}",
                operands={0: shape_text(input_shape)},
                argument="axis",
            )
        self.rank, self.kept = rank, tuple(sorted(axis % rank for axis in self.axis))
        sizes = tuple(input_shape[axis] for axis in self.kept)
        if None in sizes:
            raise Fault(
                "T0306",
                f"`{self.name}` has a mean for each element along axis {self.axis}, "
                "whose size has to be a number; its input has shape "
                f"{shape_text(input_shape)}",
                operands={0: shape_text(input_shape)},
                help=["`axis=None` has one mean of everything"],
            )
        self.sizes = sizes
        if self.input_mean is None:
            self.adapt_mean = self._state("mean", sizes, "zeros")
            self.adapt_variance = self._state("variance", sizes, "ones")
            self.count = self._state("count", (), "zeros", "int32")
        else:
            self._given_along(input_shape)

    def _state(self, name: str, shape: Any, start: str, dtype: Any = None) -> Any:
        return self.add_weight(shape, start, dtype, trainable=False, name=name)

    def _given_along(self, input_shape: Any) -> None:
        """Refuse given statistics that do not lie along the axes."""
        given = np.shape(self.input_mean)
        wanted = self.sizes[len(self.sizes) - len(given) :]
        if any(n not in (1, m) for n, m in zip(given, wanted, strict=True)):
            raise Fault(
                "T0302",
                f"`{self.name}` has a `mean` of shape {given} for {wanted} elements "
                f"along axis {self.axis} of its input {shape_text(input_shape)}",
                operands={0: shape_text(input_shape)},
                argument="mean",
            )

    def along(self, statistic: Any, rank: int) -> Any:
        """A mean or variance with an axis of size 1 for each that it has not.

        Further axes of the input, of time say, stand in front of those of `adapt`.
        """
        value = call("cast", statistic, self.compute_dtype)
        shape = [1] * min(rank, self.rank)
        for axis, size in zip(self.kept[::-1], value.type.shape[::-1], strict=False):
            shape[axis] = size
        return call("reshape", value, tuple(shape))

    @property
    def mean(self) -> Any:
        """The mean as it lies along an input; None before the layer is built."""
        return self.along(self._statistics()[0], self.rank) if self.built else None

    @property
    def variance(self) -> Any:
        """The variance as it lies along an input; None before the layer is built."""
        return self.along(self._statistics()[1], self.rank) if self.built else None

    def _statistics(self) -> tuple[Any, Any]:
        if self.input_mean is not None:
            return self.input_mean, self.input_variance
        return self.adapt_mean, self.adapt_variance

    def call(self, inputs: Any) -> Any:
        mean, variance = (
            self.along(value, inputs.ndim) for value in self._statistics()
        )
        x = call("cast", inputs, self.compute_dtype)
        deviation = call("maximum", call("sqrt", variance), FUZZ)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def adapt(self, data: Any) -> None:
        """Learn mean and variance from an array, or from batches of one.

        Of a batch that is a tuple the first item counts. What was learned before is
        forgotten. Raises T0204 for other data, and where `mean` was given.

        >>> layer = Normalization(axis=None)
        >>> layer.adapt([np.array([1.0, 2.0]), np.array([6.0])])
        >>> float(layer.mean)
        3.0
        """
        try:
            self._adapt(adapted_batches(data))
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _adapt(self, batches: Iterator[Any]) -> None:
        if self.input_mean is not None:
            raise Fault(
                "T0204",
                f"`{self.name}` was given `mean` and `variance` and cannot learn them",
                help=["leave `mean` and `variance` out"],
            )
        first = next(batches)
        if not self.built:
            self.build(first.shape)
            self.built = True
        mean, variance, count = np.zeros(self.sizes), np.zeros(self.sizes), 0
        for batch in itertools.chain([first], batches):
            others = tuple(i for i in range(batch.ndim) if i not in self.kept)
            self._check_batch(batch)
            new = math.prod(batch.shape[i] for i in others)
            if new == 0:
                continue
            one, share = batch.mean(others, np.float64), new / (count + new)
            between = share * (1 - share) * (one - mean) ** 2
            spread = batch.var(others, np.float64)
            variance = (1 - share) * variance + share * spread + between
            mean, count = mean + share * (one - mean), count + new
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def _check_batch(self, batch: Any) -> None:
        places = [axis for axis in self.kept if axis < batch.ndim]
        found = tuple(batch.shape[axis] for axis in places)
        if found != self.sizes:
            raise Fault(
                "T0302",
                f"`{self.name}` has statistics for {self.sizes} elements along axis "
                f"{self.kept}, and `adapt` got a batch of shape {batch.shape}",
                help=["make a new layer for data of another shape"],
            )
