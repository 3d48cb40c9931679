"""Attention as two kernels, forwards and backwards, which keep no weight of a pair.

What they keep of a row of weights is its peak and the sum of its exponentials; a
library keeps the logarithm of the sum alone. The bodies here are the reference, and do
make the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.op import register
from ..graph.ops.sequence import lowest
from ..graph.registry import OPS
from ..graph.types import TensorType, TupleType
from .kernels import Kernel

Array = Any


class Attending(Kernel):
    """Attention of queries [batch, T, heads, size] over keys, which heads may share.

    Operands behind query, key and value are named by `given`: "bias" and "mask", whose
    axes are [batch, heads, T, S], all but the last perhaps of size 1.
    """

    @staticmethod
    def results(query: TensorType, value: TensorType) -> tuple[TensorType, TensorType]:
        """The types of the result, and of a number a row, both of the query's dtype."""
        batch, rows, heads, _ = query.shape
        found = query.with_shape((batch, rows, heads, value.shape[3]))
        return found, query.with_shape((batch, heads, rows))


def _largest(xp: Any, scores: Array) -> Array:
    """The largest score of each row; CuPy's `max` knows no `initial`."""
    if scores.shape[-1]:
        return xp.max(scores, axis=-1, keepdims=True)
    return xp.full((*scores.shape[:-1], 1), -xp.inf, scores.dtype)


@register
class AttentionForward(Attending):
    """The result, and f32[batch, heads, T] twice: the peak of each row and its sum."""

    name = "attention_forward"

    def infer(self, *types: TensorType, **options: Any) -> TupleType:
        found, kept = self.results(types[0], types[2])
        return TupleType((found, kept, kept))

    def run(self, xp: Any, *arrays: Array, **options: Any) -> tuple[Array, ...]:
        query, key, value, *more = arrays
        scores, _ = _scores(xp, query, key, more, **options)
        top = _largest(xp, scores)
        peak = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        raised = xp.exp(scores - peak)
        total = xp.sum(raised, axis=-1, keepdims=True)
        found = xp.matmul(raised / total, _wide(xp, value, query.shape[2]))
        return _first(found), peak[..., 0], total[..., 0]


@register
class AttentionBackward(Attending):
    """The cotangents of query, key and value.

    Behind the operands of the forward pass stand its three results, and the cotangent
    of the first.
    """

    name = "attention_backward"

    def infer(self, *types: TensorType, **options: Any) -> TupleType:
        return TupleType(tuple(types[:3]))

    def run(
        self, xp: Any, *arrays: Array, scale: float, **options: Any
    ) -> tuple[Array, ...]:
        query, key, value, *more, _, peak, total, cotangent = arrays
        scores, seen = _scores(xp, query, key, more, scale=scale, **options)
        total = xp.where(total < xp.inf, total, xp.nan).astype(total.dtype)
        weights = xp.exp(scores - peak[..., None]) / total[..., None]
        return _cotangents(xp, (query, key, value), cotangent, weights, seen, scale)


@register
class AttentionLogsum(Attending):
    """The result, and f32[batch, heads, T]: of each row log(sum(exp(scores)))."""

    name = "attention_logsum"

    def infer(self, *types: TensorType, **options: Any) -> TupleType:
        found, kept = self.results(types[0], types[2])
        return TupleType((found, kept.with_dtype("float32")))

    def run(self, xp: Any, *arrays: Array, **options: Any) -> tuple[Array, ...]:
        query, key, value = (array.astype("float32") for array in arrays)
        scores, _ = _scores(xp, query, key, (), **options)
        top = _largest(xp, scores)
        peak = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        logsum = peak + xp.log(xp.sum(xp.exp(scores - peak), axis=-1, keepdims=True))
        weights = xp.exp(scores - logsum)
        found = xp.matmul(weights, _wide(xp, value, query.shape[2]))
        return _first(found).astype(arrays[0].dtype), logsum[..., 0]


@register
class AttentionLogsumGradient(Attending):
    """The cotangents of query, key and value.

    Behind these stand the two results of the forward pass, and the cotangent of the
    first.
    """

    name = "attention_logsum_gradient"

    def infer(self, *types: TensorType, **options: Any) -> TupleType:
        return TupleType(tuple(types[:3]))

    def run(
        self, xp: Any, *arrays: Array, scale: float, **options: Any
    ) -> tuple[Array, ...]:
        query, key, value, _, logsum, cotangent = (a.astype("float32") for a in arrays)
        scores, seen = _scores(xp, query, key, (), scale=scale, **options)
        weights = xp.exp(scores - logsum[..., None])
        found = _cotangents(xp, (query, key, value), cotangent, weights, seen, scale)
        return tuple(part.astype(arrays[0].dtype) for part in found)


def _cotangents(
    xp: Any,
    operands: tuple[Array, Array, Array],
    cotangent: Array,
    weights: Array,
    seen: Array | None,
    scale: float,
) -> tuple[Array, ...]:
    """Those of query, key and value, from the weights of all pairs."""
    query, key, value = operands
    heads, shared = query.shape[2], key.shape[2]
    arrived = _first(cotangent)
    raw = xp.matmul(arrived, xp.swapaxes(_wide(xp, value, heads), -1, -2))
    inner = raw * weights
    inner = inner - weights * xp.sum(inner, axis=-1, keepdims=True)
    if seen is not None:
        inner = xp.where(seen, inner, xp.zeros_like(inner))
    to_query = xp.matmul(inner, _wide(xp, key, heads)) * scale
    to_key = xp.matmul(xp.swapaxes(inner, -1, -2), _first(query) * scale)
    to_value = xp.matmul(xp.swapaxes(weights, -1, -2), arrived)
    joined = (_joined(part, shared) for part in (to_key, to_value))
    return _first(to_query), *joined


def _scores(
    xp: Any,
    query: Array,
    key: Array,
    more: Sequence[Array],
    *,
    scale: float,
    is_causal: bool,
    given: Sequence[str],
) -> tuple[Array, Array | None]:
    """The scores of all pairs, and which of them count, if some do not."""
    wide = xp.swapaxes(_wide(xp, key, query.shape[2]), -1, -2)
    scores = xp.matmul(_first(query) * scale, wide)
    named = dict(zip(given, more, strict=True))
    if "bias" in named:
        scores = scores + named["bias"]
    seen = named.get("mask")
    if is_causal:
        rows, columns = scores.shape[-2:]
        below = xp.arange(rows)[:, None] >= xp.arange(columns)
        seen = below if seen is None else xp.logical_and(seen, below)
    if seen is None:
        return scores, None
    short = f"f{scores.dtype.itemsize * 8}"
    return xp.where(seen, scores, scores.dtype.type(lowest(short))), seen


def _first(x: Array) -> Array:
    """Heads in front of places, or behind them again."""
    return x.swapaxes(1, 2)


def _wide(xp: Any, x: Array, heads: int) -> Array:
    """Keys or values, heads in front, as often as heads of queries share them."""
    return xp.repeat(_first(x), heads // x.shape[2], axis=1)


def _joined(x: Array, shared: int) -> Array:
    """The sum over heads that share a key, places in front."""
    batch, heads, places, size = x.shape
    split = x.reshape(batch, shared, heads // shared, places, size)
    return _first(split.sum(axis=2))


FORWARD, BACKWARD = OPS["attention_forward"], OPS["attention_backward"]
LOGSUM, LOGSUM_GRADIENT = OPS["attention_logsum"], OPS["attention_logsum_gradient"]
