"""Rows of normalization and attention."""

import math
from typing import Any

import numpy as np
from op_row import Row


def turned(part: Any, x: Any, axis: Any) -> Any:
    """A part with the sizes of some axes, to be broadcast against x."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    axes = {a % x.ndim for a in axes}
    return np.reshape(part, [n if i in axes else 1 for i, n in enumerate(x.shape)])


def batch_norm(
    x: Any, mean: Any, variance: Any, axis: int, epsilon: float = 1e-3
) -> Any:
    mean, variance = turned(mean, x, axis), turned(variance, x, axis)
    return (x - mean) / np.sqrt(variance + epsilon)


def layer_norm(x: Any, *parts: Any, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    mean = x.mean(axis=axis, keepdims=True)
    square = (x * x).mean(axis=axis, keepdims=True) - mean * mean
    found = (x - mean) / np.sqrt(square + epsilon)
    gamma, beta = [turned(part, x, axis) for part in parts] or (1, 0)
    return found * gamma + beta


def rms_norm(x: Any, *scale: Any, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    found = x / np.sqrt((x**2).mean(axis=axis, keepdims=True) + epsilon)
    return found * turned(scale[0], x, axis) if scale else found


def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float = 1e-7) -> Any:
    size = np.abs(x)
    if math.isinf(order):
        length = size.max(axis=axis, keepdims=True)
    else:
        length = (size**order).sum(axis=axis, keepdims=True) ** (1 / order)
    return x / np.maximum(length, epsilon)


def attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Query by query, in loops."""
    batch, rows, heads, size = query.shape
    group = heads // key.shape[2]
    found = np.zeros((batch, rows, heads, value.shape[3]))
    scale = size**-0.5 if scale is None else scale
    whole = (batch, heads, rows, key.shape[1])
    bias = np.zeros(whole) if bias is None else np.broadcast_to(bias, whole)
    keep = np.ones(whole, bool) if mask is None else np.broadcast_to(mask, whole)
    for b, t, h in np.ndindex(batch, rows, heads):
        scores = key[b, :, h // group] @ query[b, t, h] * scale
        if attn_logits_soft_cap:
            scores = attn_logits_soft_cap * np.tanh(scores / attn_logits_soft_cap)
        scores = scores + bias[b, h, t]
        kept = keep[b, h, t] & (np.arange(len(scores)) <= t if is_causal else True)
        weights = np.where(kept, np.exp(scores), 0.0)
        if not kept.any():
            weights = np.ones(len(scores))
        found[b, t, h] = weights / weights.sum() @ value[b, :, h // group]
    return found


PLAIN = ("A B 2 C", "A 4 2 C", "A 4 2 3")
ROWS = (
    Row("batch_normalization", batch_norm, ("A B C", "C", "C"), {"axis": -1}),
    Row("batch_normalization", batch_norm, ("A B C", "B", "B"),
        {"axis": 1, "epsilon": 0.1}),
    Row("standardize", layer_norm, ("A B C",), {"axis": (1, 2), "epsilon": 0.1}),
    Row("layer_normalization", layer_norm, ("A B C", "C", "C"), {"epsilon": 1e-3}),
    Row("layer_normalization", layer_norm, ("A B C", "B C", "B C"), {"axis": (1, 2)}),
    Row("layer_normalization", layer_norm, ("A B",)),
    Row("rms_normalization", rms_norm, ("A B C", "C")),
    Row("rms_normalization", rms_norm, ("A B C",), {"axis": 1, "epsilon": 0.1}),
    Row("normalize", normalize, ("A B",)),
    Row("normalize", normalize, ("A B C",), {"axis": 1, "order": 1}),
    Row("normalize", normalize, ("A B",), {"order": 3}),
    Row("normalize", normalize, ("A B",), {"axis": 1, "order": math.inf}),
    Row("dot_product_attention", attention, PLAIN),
    Row("dot_product_attention", attention, ("A B 4 C", *PLAIN[1:]),
        {"is_causal": True, "scale": 0.3}),
    Row("dot_product_attention", attention, (*PLAIN, "2 B 4", "A 1 B 4"),
        {"attn_logits_soft_cap": 1.5}, kinds="ffffb", nan=False),
)  # fmt: skip
