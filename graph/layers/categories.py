"""Layers that turn numbers into categories, and categories into indicators."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..diagnostics import Fault, TensorTypeError, caller_span
from ..layer import Layer
from ..ops.windows import one_of
from ..registry import call
from .core import positive
from .preprocessing import adapted_batches

__all__ = [
    "CategoryEncoding",
    "Discretization",
]

Array = np.ndarray[Any, Any]


def refuse_sparse(layer: Layer, sparse: Any) -> None:
    """Tensors are dense."""
    if sparse:
        raise Fault(
            "T0204",
            f"`{type(layer).__name__}` gives dense tensors; there are no sparse ones",
            argument="sparse",
            help=["leave `sparse` out"],
        )


def one_hot(ids: Any, depth: int, dtype: Any) -> Any:
    """An indicator for each id; a last axis of size 1 is taken away first."""
    if ids.ndim > 1 and ids.type.shape[-1].value == 1:
        ids = call("squeeze", ids, -1)
    return call("one_hot", ids, depth, dtype=dtype)


def over_sample(reduction: str) -> Callable[[Any, int, Any], Any]:
    """Indicators of all ids of a sample, put together by an op."""

    def encoded(ids: Any, depth: int, dtype: Any, weights: Any = None) -> Any:
        found = call("one_hot", ids, depth, dtype=dtype)
        if weights is not None:
            found = found * call("expand_dims", call("cast", weights, dtype), -1)
        axis = 1 if ids.ndim > 1 else 0
        if found.type.shape[axis].value == 0:  # a sample of no ids
            return call("sum", found, axis=axis)
        return call(reduction, found, axis=axis)

    return encoded


ENCODINGS: dict[str, Callable[..., Any]] = {
    "multi_hot": over_sample("max"),
    "one_hot": one_hot,
    "count": over_sample("sum"),
}


def as_ids(inputs: Any) -> Any:
    """Whole numbers, as a tensor with at least one axis."""
    ids = inputs if not inputs.type.dtype.is_float else call("cast", inputs, "int32")
    return call("expand_dims", ids, -1) if ids.ndim == 0 else ids


class CategoryEncoding(Layer):
    """Ids from 0 on as indicators of `num_tokens` categories.

    Input i32[batch, n]; `output_mode` says what comes out:
    `multi_hot`, f32[batch, num_tokens], 1 for each id that is there; `one_hot`,
    f32[batch, n, num_tokens], or [batch, num_tokens] where n is 1; `count`,
    f32[batch, num_tokens], how often each id is there, each counted as
    `count_weights` says. Other ids leave zeros.

    >>> import numpy as np
    >>> CategoryEncoding(3, "count")(np.array([[0, 2, 2]])).numpy().tolist()
    [[1.0, 0.0, 2.0]]
    """

    takes_ids = True

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if num_tokens is None:
            raise Fault(
                "T0203",
                "`CategoryEncoding` needs `num_tokens`, how many categories there are",
                argument="num_tokens",
            )
        refuse_sparse(self, sparse)
        self.num_tokens = positive(self, "num_tokens", num_tokens)
        mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = one_of(
            "CategoryEncoding", "output_mode", mode, tuple(ENCODINGS)
        )

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        encode = ENCODINGS[self.output_mode]
        ids, extra = as_ids(inputs), {}
        if count_weights is not None:
            if self.output_mode != "count":
                raise Fault(
                    "T0204",
                    f"`{self.name}` weighs ids with `output_mode` `count` only, and "
                    f"this is `{self.output_mode}`",
                    argument="count_weights",
                )
            extra = {"weights": count_weights}
        return encode(ids, self.num_tokens, self.compute_dtype, **extra)


class Discretization(Layer):
    """The number of the bin of each element, or an indicator of it.

    Input f32[...]; with `output_mode` `int` output i32[...], the bins counted from 0,
    where bin i holds what is at least border i - 1 and below border i; else f32, see
    `CategoryEncoding`. The borders are `bin_boundaries`, or `adapt` learns `num_bins`
    bins that hold about as many elements each, up to `epsilon`.

    >>> import numpy as np
    >>> Discretization([0.0, 1.0])(np.array([-1.0, 0.5, 2.0])).numpy().tolist()
    [0, 1, 2]
    """

    takes_ids = True

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        refuse_sparse(self, sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise Fault(
                "T0203",
                "`Discretization` takes either `bin_boundaries`, or `num_bins` and an "
                "`adapt`",
                argument="num_bins",
            )
        if not isinstance(epsilon, (int, float)) or not 0 < epsilon < 1:
            raise Fault(
                "T0204",
                f"`epsilon` of `Discretization` lies between 0 and 1, not {epsilon!r}",
                argument="epsilon",
            )
        self.num_bins = (
            None if num_bins is None else positive(self, "num_bins", num_bins)
        )
        self.bin_boundaries = (
            None if bin_boundaries is None else borders(bin_boundaries)
        )
        self.epsilon = epsilon
        self.output_mode = one_of(
            "Discretization", "output_mode", output_mode, ("int", *ENCODINGS)
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the borders that were learned."""
        return {**super().get_config(), "bin_boundaries": self.bin_boundaries}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with the settings and the learned borders of a configuration."""
        learned = dict(config)
        found = learned.pop("bin_boundaries", None)
        if config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**learned)
        layer.bin_boundaries = found
        return layer

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise Fault(
                "T0606",
                f"`{self.name}` has no borders yet",
                help=[
                    "let it learn them: `layer.adapt(data)`; or give `bin_boundaries`"
                ],
            )
        bins = call("digitize", inputs, np.asarray(self.bin_boundaries, np.float32))
        if self.output_mode == "int":
            return bins
        depth = len(self.bin_boundaries) + 1
        return ENCODINGS[self.output_mode](as_ids(bins), depth, self.compute_dtype)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the borders from an array, or from batches of one.

        Of an iterable of batches the first `steps` are used. What was learned before is
        forgotten. Raises T0204 for other data, and where `bin_boundaries` was given.

        >>> layer = Discretization(num_bins=2)
        >>> layer.adapt(np.arange(10.0))
        >>> layer.bin_boundaries
        [4.0]
        """
        try:
            if self.num_bins is None:
                raise Fault(
                    "T0204",
                    f"`{self.name}` was given `bin_boundaries` and cannot learn them",
                    help=["give `num_bins` instead"],
                )
            summary = np.zeros((2, 0), np.float32)
            for number, batch in enumerate(adapted_batches(data)):
                if steps is not None and number >= steps:
                    break
                new = summarized(np.asarray(batch, np.float32), self.epsilon)
                both = np.concatenate((new, summary), axis=1)
                merged = both[:, np.argsort(both[0])]
                summary = compressed(merged, self.epsilon)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        self.bin_boundaries = compressed(summary, 1.0 / self.num_bins)[0, :-1].tolist()


def borders(values: Iterable[Any]) -> list[float]:
    """The argument `bin_boundaries`: numbers in rising order."""
    found = [float(value) for value in values]
    if any(not a <= b for a, b in itertools.pairwise(found)):
        raise Fault(
            "T0204",
            f"`bin_boundaries` of `Discretization` rise, and these are {found}",
            argument="bin_boundaries",
            help=[f"sorted: {sorted(found)}"],
        )
    return found


def summarized(values: Array, epsilon: float) -> Array:
    """About 1 / epsilon of the sorted values, each with how many it stands for."""
    ordered = np.sort(values.ravel())
    step = max(ordered.size * epsilon, 1)
    chosen = ordered[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def compressed(summary: Array, epsilon: float) -> Array:
    """Fewer values: those at every share `epsilon` of the weight, and their weights."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    values = np.interp(shares, weights / weights[-1], summary[0])
    sums = np.interp(shares, weights / weights[-1], weights)
    return np.stack([values, np.diff(sums, prepend=0.0)]).astype(np.float32)
