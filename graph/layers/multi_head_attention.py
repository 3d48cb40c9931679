"""Attention of many heads, each with its own keys and values or sharing them."""

from __future__ import annotations

from typing import Any

from .. import regularizers
from ..diagnostics import Fault
from .attention_heads import HeadedAttention
from .core import positive

__all__ = [
    "GroupQueryAttention",
    "MultiHeadAttention",
]


class MultiHeadAttention(HeadedAttention):
    """Attention of `num_heads` heads between projections (Vaswani et al. 2017).

    Query f32[batch, T, n], value f32[batch, S, m] and key f32[batch, S, k], which is
    the value if not given; further axes may stand before the features, and
    `attention_axes` says over which attention runs (all, if not told). The result is
    f32[batch, T, n], or ends in `output_shape`; with `return_attention_scores` the
    weights f32[batch, heads, T, S] come too. Weights are `query/kernel` [n, heads,
    key_dim], `key/kernel`, `value/kernel` [m, heads, value_dim] and
    `attention_output/kernel` [heads, value_dim, n], each with its `bias`; `use_gate`
    adds `gate`, whose sigmoid of the query multiplies what the heads found.

    A key counts where `attention_mask`, bool[batch, T, S], `value_mask` and `key_mask`,
    bool[batch, S], all say so; `use_causal_mask` hides the keys behind the query's
    place, `sliding_window` those that are as far from it. Masks that tensors carry are
    used by themselves; that of the query is, as in Keras, the one it carries.
    `flash_attention` is Keras's choice of a way to compute.

    >>> import numpy as np
    >>> x = np.ones((2, 5, 6), "float32")
    >>> MultiHeadAttention(num_heads=2, key_dim=3)(x, x).shape
    (2, 5, 6)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed, **kwargs
        )
        # As in Keras, it is the projections whose activity counts, not the layer's own.
        self.inner_activity_regularizer = regularizers.get(activity_regularizer)
        self.num_heads = positive(self, "num_heads", num_heads)
        self.key_dim = positive(self, "key_dim", key_dim)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = positive(self, "value_dim", value_dim)
        self.query_heads = self.value_heads = self.num_heads
        self.key_size, self.value_size = self.key_dim, self.value_dim
        self.result_shape = several_sizes(self, output_shape)
        self.attention_axes = several_axes(self, attention_axes)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("query_mask", None)
        return super().__call__(*args, **kwargs)


class GroupQueryAttention(HeadedAttention):
    """Attention whose query heads share the heads of keys (Ainslie et al. 2023).

    Query f32[batch, T, n], value f32[batch, S, m] and key f32[batch, S, k], which is
    the value if not given; the result is f32[batch, T, n]. The `num_query_heads` are a
    multiple of `num_key_value_heads`, and those that stand together share one. Weights,
    masks and the other arguments are those of `MultiHeadAttention`, but `query_mask`
    may be passed.

    >>> import numpy as np
    >>> x = np.ones((2, 5, 6), "float32")
    >>> GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 6)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.inner_activity_regularizer = self.activity_regularizer
        self.head_dim = positive(self, "head_dim", head_dim)
        self.num_query_heads = positive(self, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive(
            self, "num_key_value_heads", num_key_value_heads
        )
        if self.num_query_heads % self.num_key_value_heads:
            raise Fault(
                "T0204",
                f"`num_query_heads` of `GroupQueryAttention` is {num_query_heads}, and "
                f"{num_key_value_heads} heads of keys are not shared evenly by those",
                argument="num_query_heads",
                help=["make it a multiple of `num_key_value_heads`"],
            )
        self.query_heads, self.value_heads = num_query_heads, num_key_value_heads
        self.key_size = self.value_size = self.head_dim

    def _refuse_misfits(self, query: Any, value: Any, key: Any) -> None:
        super()._refuse_misfits(query, value, key)
        if query.ndim != 3:
            raise Fault(
                "T0306",
                f"`{self.name}` takes [batch, length, features], not {query.type}",
                operands={0: str(query.type)},
            )


def several_sizes(layer: HeadedAttention, value: Any) -> tuple[int, ...] | None:
    """`output_shape` as a tuple of sizes, None where it is not given."""
    if value is None:
        return None
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return tuple(positive(layer, "output_shape", size) for size in sizes) or None


def several_axes(layer: HeadedAttention, value: Any) -> tuple[int, ...] | None:
    """`attention_axes` as a tuple, None where it is not given."""
    if value is None:
        return None
    axes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not axes or len(set(axes)) < len(axes) or any(type(a) is not int for a in axes):
        raise Fault(
            "T0204",
            f"`attention_axes` of `{type(layer).__name__}` is an axis or a list of "
            f"different ones, not {value!r}",
            argument="attention_axes",
        )
    return axes
