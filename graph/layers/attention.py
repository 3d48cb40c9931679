"""Attention of one head without projections: by products, and additive."""

from __future__ import annotations

from typing import Any

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call
from .merging import several
from .regularization import Dropout

__all__ = [
    "AdditiveAttention",
    "Attention",
]

HIDDEN = 1e9  # what is taken off the score of a hidden key, as in Keras
HIDDEN_HALF = 65504.0  # the same in float16


class Attention(Layer):
    """softmax(query keyᵀ) value, for one head (Luong et al. 2015).

    Takes `[query, value]` or `[query, value, key]`: query f32[..., T, size], value
    f32[..., S, features], key f32[..., S, size], which is the value if not given. The
    result is f32[..., T, features], with the weights f32[..., T, S] as well if
    `return_attention_scores`. `use_scale` multiplies the scores by a learned number;
    those of `score_mode` "concat" are a learned number times sum(tanh(query + key)).

    `mask` is a list: where the first, bool[..., T], is false, the result is 0; where
    the second, bool[..., S], is false, a key does not count. `use_causal_mask` hides
    the keys behind the place of the query.

    >>> import numpy as np
    >>> x = np.array([[[1.0], [1.0]]])
    >>> Attention()([x, x]).numpy().tolist()
    [[[1.0], [1.0]]]
    """

    supports_masking = True
    fusible = True  # whether the scores are products, which one op can do

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise Fault(
                "T0204",
                f"`score_mode` of `{type(self).__name__}` is `dot` or `concat`, "
                f"not {score_mode!r}",
                argument="score_mode",
            )
        self.use_scale, self.score_mode = bool(use_scale), score_mode
        self.dropout = share(self, "dropout", dropout)
        self.dropping = Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        query_shape = several(self, input_shape, 2)[0]
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_scale(query_shape)
        if self.score_mode == "concat":
            name = "concat_score_weight"
            self.concat_score_weight = self.add_weight((), "ones", name=name)

    def add_scale(self, query_shape: Any) -> Any:
        """The weight `scale`."""
        return self.add_weight((), "ones", name="scale")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, key = self._parts(inputs)
        query_mask, kept = self._masks(mask, query)
        causal = bool(use_causal_mask)
        if causal and kept is not None:
            kept, causal = call("logical_and", kept, causal_mask(query, key)), False
        plain = not return_attention_scores and not (training and self.dropout > 0)
        weights = None
        if plain and query.ndim == 3 and self.score_mode == "dot" and self.fusible:
            found = self._fused(query, value, key, kept, causal)
        else:
            scores = self.scores(query, key)
            kept = causal_mask(query, key) if causal else kept
            if kept is not None:
                hidden = HIDDEN_HALF if scores.dtype == "float16" else HIDDEN
                scores = call("where", kept, scores, scores - hidden)
            weights = self.dropping(call("softmax", scores, axis=-1), training=training)
            found = call("matmul", weights, value)
        if query_mask is not None:
            counts = call("expand_dims", call("cast", query_mask, "bool"), -1)
            found = call("where", counts, found, 0.0)
        return (found, weights) if return_attention_scores else found

    def scores(self, query: Any, key: Any) -> Any:
        """How much each query wants each key, before any mask."""
        if self.score_mode == "dot":
            found = call("matmul", query, call("swapaxes", key, -2, -1))
            return found if self.scale is None else found * self.scale
        met = pairs(query, key)
        met = met if self.scale is None else met * self.scale
        return call("sum", call("tanh", met), axis=-1) * self.concat_score_weight

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the query."""
        return None if previous_mask is None else previous_mask[0]

    def _fused(self, query: Any, value: Any, key: Any, kept: Any, causal: bool) -> Any:
        """The result by one op, with a single head."""
        if self.scale is not None:
            query = query * self.scale
        parts = [call("expand_dims", part, 2) for part in (query, key, value)]
        bias = None
        if kept is not None:
            hidden = HIDDEN_HALF if query.dtype == "float16" else HIDDEN
            zero = call("zeros", (), dtype=query.dtype)
            bias = call("expand_dims", call("where", kept, zero, zero - hidden), 1)
        found = call(
            "dot_product_attention", *parts, bias=bias, scale=1.0, is_causal=causal
        )
        return call("squeeze", found, 2)

    def _parts(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Query, value and key; refuses those that do not fit together."""
        given = several(self, inputs, 2)
        if len(given) > 3:
            raise Fault(
                "T0203",
                f"`{self.name}` takes query, value and perhaps key, and got "
                f"{len(given)} tensors",
                operands={0: f"{len(given)} tensors"},
            )
        query, value, key = (*given, given[1])[:3]
        types = {"query": query.type, "value": value.type, "key": key.type}
        for name, type in types.items():
            if type.rank != query.ndim or type.rank < 2:
                raise Fault(
                    "T0306",
                    f"`{self.name}` takes [batch, length, size] each, and its {name} "
                    f"is {type}",
                    operands={0: str(type)},
                )
        refuse_misfits(self.name, types)
        return query, value, key

    def _masks(self, mask: Any, query: Any) -> tuple[Any, Any]:
        """The mask of the queries, and that of the keys with an axis for queries."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= 3:
            raise Fault(
                "T0203",
                f"`mask` of `{self.name}` is a list of the masks of query and value; "
                "either may be None",
                argument="mask",
            )
        kept = mask[1]
        if kept is not None:
            kept = call("cast", kept, "bool")
            kept = call("expand_dims", kept, -2) if kept.ndim < query.ndim else kept
        return mask[0], kept


class AdditiveAttention(Attention):
    """softmax(sum(scale * tanh(query + key))) value (Bahdanau et al. 2015).

    Tensors and masks are those of `Attention`; the weight `scale` f32[size] is left out
    without `use_scale`.

    >>> import numpy as np
    >>> x = np.array([[[1.0], [1.0]]])
    >>> AdditiveAttention()([x, x]).numpy().tolist()
    [[[1.0], [1.0]]]
    """

    fusible = False

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def add_scale(self, query_shape: Any) -> Any:
        size = query_shape[-1]
        if size is None:
            raise Fault(
                "T0306",
                f"`{self.name}` has a weight for each feature of the query, whose size "
                f"has to be a number; the query has shape {query_shape}",
                operands={0: str(query_shape)},
            )
        return self.add_weight((size,), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        met = call("tanh", pairs(query, key))
        if self.scale is None:
            return call("sum", met, axis=-1)
        return call("matmul", met, self.scale)


def pairs(query: Any, key: Any) -> Any:
    """query + key for each pair: [..., T, S, size]."""
    return call("expand_dims", query, -2) + call("expand_dims", key, -3)


def causal_mask(query: Any, key: Any, axes: tuple[int, int] = (-2, -2)) -> Any:
    """bool[T, S]: true where a key is not behind the place of the query."""
    rows, columns = query.type.shape[axes[0]], key.type.shape[axes[1]]
    places = call("expand_dims", call("arange", rows), 1)
    return call("greater_equal", places, call("arange", columns))


def refuse_misfits(name: str, types: dict[str, Any]) -> None:
    """Refuse keys of another size than the queries, or of another number than values.

    Query, value and key are f32[..., length, size] by these names.
    """
    query, value, key = types["query"], types["value"], types["key"]
    if not equal_dims(query.shape[-1], key.shape[-1]):
        raise Fault(
            "T0301",
            f"`{name}` multiplies queries and keys of one size: {query.shape[-1]} of "
            f"{query}, and {key.shape[-1]} of {key}",
            operands={0: f"query {query}, key {key}"},
            dims=(query.shape[-1], key.shape[-1]),
            help=["project one of them first, as `MultiHeadAttention` does"],
        )
    if not equal_dims(value.shape[-2], key.shape[-2]):
        raise Fault(
            "T0302",
            f"`{name}` has a value for each key: {value.shape[-2]} of {value}, and "
            f"{key.shape[-2]} of {key}",
            operands={0: f"value {value}, key {key}"},
            dims=(value.shape[-2], key.shape[-2]),
        )


def share(layer: Layer, name: str, value: Any) -> float:
    """A share of what there is, from 0 up to 1."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise Fault(
            "T0204",
            f"`{name}` of `{type(layer).__name__}` is a number from 0 to 1, "
            f"not {value!r}",
            argument=name,
        )
    return float(value)
