"""What attention of many heads shares: projections, masks, and the sum over keys."""

from __future__ import annotations

import math
import string
from functools import reduce
from typing import Any

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..ops.elementwise import broadcast_shapes
from ..registry import call
from .activation import Softmax
from .attention import share
from .core import positive
from .einsum import EinsumDense
from .regularization import Dropout
from .weighted import Weighted

# What the arguments of a layer say of the weights of all its projections.
ROLES = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer",
    "bias_regularizer", "kernel_constraint", "bias_constraint",
)  # fmt: skip


class HeadedAttention(Weighted):
    """What attention of many heads shares: projections, masks and the sum over keys.

    A subclass says how many heads there are in `query_heads` and `value_heads`, their
    sizes in `key_size` and `value_size`, and the sizes of a result in `result_shape`.
    """

    supports_masking = True

    query_heads: int
    value_heads: int
    key_size: int
    value_size: int
    result_shape: tuple[int, ...] | None = None
    attention_axes: Any = None
    inner_activity_regularizer: Any = None  # of the projections

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.dropout = share(self, "dropout", dropout)
        if flash_attention and self.dropout:
            raise Fault(
                "T0204",
                f"`flash_attention` of `{type(self).__name__}` leaves no weights to "
                f"drop, and `dropout` is {dropout}",
                argument="flash_attention",
            )
        if sliding_window is not None:
            positive(self, "sliding_window", sliding_window)
        self.use_bias, self.use_gate = bool(use_bias), bool(use_gate)
        self.sliding_window, self.flash_attention = sliding_window, flash_attention
        self.dropping = Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self.axes = self._attended(len(query_shape))
        wide = (self.query_heads, self.key_size)
        self.query_dense = self._projection("query", query_shape, wide)
        shared = (self.value_heads, self.key_size)
        self.key_dense = self._projection("key", key_shape, shared)
        mixed = (self.query_heads, self.value_size)
        if self.use_gate:
            gate = {"activation": "sigmoid"}
            self.gate_dense = self._projection("gate", query_shape, mixed, **gate)
        values = (self.value_heads, self.value_size)
        self.value_dense = self._projection("value", value_shape, values)
        places = len(self.axes)
        self.softmax = Softmax(tuple(range(-places, 0)), dtype=self.dtype_policy)
        sizes = self.result_shape or query_shape[-1:]
        letters = string.ascii_lowercase[: len(sizes)]
        self.output_dense = self._dense(
            f"...XY,XY{letters}->...{letters}", sizes, letters, "attention_output"
        )
        self.output_dense.build((*query_shape[:-1], *mixed))

    def _projection(self, name: str, shape: Any, sizes: Any, **more: Any) -> Any:
        """A dense layer from features to heads, built."""
        found = self._dense("...x,xnh->...nh", sizes, "nh", name, **more)
        found.build(shape)
        return found

    def _dense(
        self, equation: str, sizes: Any, bias_axes: str, name: str, **more: Any
    ) -> EinsumDense:
        return EinsumDense(
            equation,
            tuple(sizes),
            bias_axes=bias_axes if self.use_bias else None,
            name=name,
            activity_regularizer=self.inner_activity_regularizer,
            dtype=self.dtype_policy,
            **{role: getattr(self, role) for role in ROLES},
            **more,
        )

    def _attended(self, rank: int) -> tuple[int, ...]:
        """The axes of the input that attention runs over; refuses the outer ones."""
        given = self.attention_axes
        if given is None:
            given = tuple(range(1, rank - 1))
        axes = tuple(axis + rank if axis < 0 else axis for axis in given)
        if not axes or any(not 0 < axis < rank - 1 for axis in axes):
            raise Fault(
                "T0303",
                f"`{self.name}` attends over axes between the batch and the features, "
                f"and its query has rank {rank}: {self.attention_axes or 'none there'}",
                argument="attention_axes",
            )
        return axes

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        self._refuse_misfits(query, value, key)
        if self.flash_attention and return_attention_scores:
            raise Fault(
                "T0204",
                f"`{self.name}` has `flash_attention`, which leaves no scores",
                argument="return_attention_scores",
            )
        masks = [self._seen_from(query_mask, query, "query_mask")]
        masks += [self._seen_from(value_mask, value, "value_mask", keys=True)]
        masks += [self._seen_from(key_mask, key, "key_mask", keys=True)]
        masks += [self._aligned(attention_mask, query, key)]
        if self.sliding_window is not None:
            apart = call("abs", call("subtract", *self._places(query, key)))
            masks.append(call("less", apart, self.sliding_window))
        gate = self.gate_dense(query) if self.use_gate else None
        parts = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        kept = [mask for mask in masks if mask is not None]
        if query.ndim == 3 and not self.dropout and not return_attention_scores:
            found, scores = self._fused(*parts, kept, bool(use_causal_mask)), None
        else:
            if use_causal_mask:
                kept.append(call("greater_equal", *self._places(query, key)))
            found, scores = self._apart(*parts, both(kept), training)
        found = self.output_dense(found if gate is None else found * gate)
        return (found, scores) if return_attention_scores else found

    def _fused(
        self, query: Any, key: Any, value: Any, kept: list[Any], causal: bool
    ) -> Any:
        """The heads' results by one op, which shares keys among heads."""
        return call(
            "dot_product_attention",
            query, key, value,
            mask=both(kept),
            scale=1 / math.sqrt(self.key_size),
            is_causal=causal,
        )  # fmt: skip

    def _apart(
        self, query: Any, key: Any, value: Any, kept: Any, training: bool
    ) -> tuple[Any, Any]:
        """The heads' results over any axes, and the weights that they are means by."""
        shared = self.query_heads // self.value_heads
        if shared > 1:
            key, value = (call("repeat", x, shared, axis=-2) for x in (key, value))
        ask, tell, meet = self._letters(query.ndim)
        query = query * (1 / math.sqrt(self.key_size))
        scores = call("einsum", f"{tell},{ask}->{meet}", key, query)
        weights = self.softmax(scores, mask=kept)
        dropped = self.dropping(weights, training=training)
        return call("einsum", f"{meet},{tell}->{ask}", dropped, value), weights

    def _letters(self, rank: int) -> tuple[str, str, str]:
        """Letters for the axes of queries, of keys, and of the scores between them."""
        ask = string.ascii_lowercase[:rank]
        tell = "".join(c.upper() if i in self.axes else c for i, c in enumerate(ask))
        batch = "".join(c for i, c in enumerate(ask[:-1]) if i not in self.axes)
        met = "".join(ask[axis] for axis in self.axes)
        return ask, tell, batch + met + met.upper()

    # Masks, all brought to the axes of the scores: batch, heads, queries, keys.

    def _seen_from(self, mask: Any, x: Any, name: str, keys: bool = False) -> Any:
        """The mask of the places of queries, or of keys."""
        if mask is None:
            return None
        mask, rank, places = call("cast", mask, "bool"), x.ndim - 1, len(self.axes)
        if mask.ndim == rank:
            outer = [axis for axis in range(rank) if axis not in self.axes]
            mask = call("transpose", mask, (*outer, *self.axes))
            mask = call("expand_dims", mask, len(outer))
        elif mask.ndim == 2 and places == 1:
            for _ in range(rank - 1):
                mask = call("expand_dims", mask, 1)
        else:
            raise Fault(
                "T0306",
                f"`{name}` of `{self.name}` is {mask.type}, and {x.type} has "
                f"{rank} axes before its features",
                operands={0: str(mask.type)},
                argument=name,
            )
        for _ in range(places):
            mask = call("expand_dims", mask, mask.ndim - places if keys else -1)
        return mask

    def _aligned(self, mask: Any, query: Any, key: Any) -> Any:
        """`attention_mask`, of which the batch and the axis of heads may be missing."""
        if mask is None:
            return None
        mask, rank = call("cast", mask, "bool"), query.ndim + len(self.axes)
        sizes = query.type.shape[:-1]
        outer = [size for axis, size in enumerate(sizes) if axis not in self.axes]
        asked, told = ([x.type.shape[axis] for axis in self.axes] for x in (query, key))
        shape = (*outer, self.query_heads, *asked, *told)
        wide = mask
        while wide.ndim < rank:
            at = max(wide.ndim - 2 * len(self.axes), 0)
            wide = call("expand_dims", wide, at)
        self._refuse_mask(mask, wide, query.type.with_shape(shape))
        return wide

    def _refuse_mask(self, mask: Any, wide: Any, scores: Any) -> None:
        """Refuse a mask that does not broadcast to the scores."""
        fits = wide.ndim == scores.rank
        if fits:
            try:
                shape = broadcast_shapes(
                    self.name, (scores, wide.type.with_dtype(scores.dtype))
                )
                fits = all(map(equal_dims, shape, scores.shape))
            except Fault:
                fits = False
        if not fits:
            *batch, _ = scores.shape[: -2 * len(self.axes)]
            places = scores.shape[-2 * len(self.axes) :]
            wanted = ", ".join(map(str, (*batch, *places)))
            keys = mask.ndim == len(batch) + len(self.axes)
            help = ("a mask of the values alone is `value_mask`",) if keys else ()
            raise Fault(
                "T0302",
                f"`attention_mask` of `{self.name}` is bool[{wanted}], or has an axis "
                f"for its {self.query_heads} heads after the batch, and this is "
                f"{mask.type}",
                operands={0: str(mask.type)},
                argument="attention_mask",
                help=help,
            )

    def _places(self, query: Any, key: Any) -> tuple[Any, Any]:
        """The places of queries, one below the other, and those of keys."""
        if len(self.axes) > 1:
            raise Fault(
                "T0204",
                f"`{self.name}` attends over {len(self.axes)} axes at once, {self.axes}"
                ", and causal masks and sliding windows need one order of places",
                argument="use_causal_mask",
                help=["name one axis in `attention_axes`"],
            )
        (axis,) = self.axes
        length = query.type.shape[axis]
        rows = (*(1,) * (query.ndim - 1), length, 1)
        places = call("arange", length), call("arange", key.type.shape[axis])
        return call("reshape", places[0], rows), places[1]

    def _refuse_misfits(self, query: Any, value: Any, key: Any) -> None:
        """Refuse tensors of different ranks, and keys of another number than values."""
        for name, x in (("query", query), ("value", value), ("key", key)):
            if x.ndim != query.ndim or x.ndim < 3:
                raise Fault(
                    "T0306",
                    f"`{self.name}` takes [batch, length, features], and further axes "
                    f"where all have them; its query is {query.type}, its {name} "
                    f"{x.type}",
                    operands={0: str(query.type), 1: str(x.type)},
                )
        pairs = zip(value.type.shape[:-1], key.type.shape[:-1], strict=True)
        if not all(equal_dims(left, right) for left, right in pairs):
            raise Fault(
                "T0302",
                f"`{self.name}` has a value for each key: values are {value.type}, "
                f"keys {key.type}",
                operands={1: str(value.type), 2: str(key.type)},
                dims=(*value.type.shape[:-1], *key.type.shape[:-1]),
            )


def both(masks: list[Any]) -> Any:
    """True where all masks are; None for no mask."""
    if not masks:
        return None
    return reduce(lambda one, other: call("logical_and", one, other), masks)
