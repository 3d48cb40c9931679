"""Ops on sequences: attention, and connectionist temporal classification."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim
from ..kinds import NUMBER, TRUTH, wrong_value
from ..node import Node
from ..op import Results, register
from ..registry import OPS, call
from ..types import BOOL, I32, TensorType, TupleType
from .composite import Composite, common_floats
from .elementwise import broadcast_shapes, floats_needed
from .neural import Optional, present

CAP, FLASH = NUMBER.optional(), TRUTH.optional()


@register
class DotProductAttention(Optional):
    """softmax(query keyᵀ scale + bias) value, head by head (Vaswani et al. 2017).

    Query f32[batch, T, heads, size], key and value f32[batch, S, heads, size] (fewer
    heads are shared); bias and mask broadcast to [batch, heads, T, S], and a mask is
    true where a key counts. `scale` is 1 / sqrt(size) by default. `flash_attention`
    chooses a way to compute and is ignored.
    """

    name = "dot_product_attention"
    unified = slice(0, 3)

    def arguments(
        self,
        query: Any,
        key: Any,
        value: Any,
        bias: Any = None,
        mask: Any = None,
        scale: float | None = None,
        is_causal: bool = False,
        flash_attention: bool | None = None,
        attn_logits_soft_cap: float | None = None,
    ) -> Any:
        cap = CAP.read("attn_logits_soft_cap", attn_logits_soft_cap, self.name)
        FLASH.read("flash_attention", flash_attention, self.name)
        more, given = present(bias=bias, mask=mask)
        return (query, key, value, *more), {
            "scale": scale,
            "is_causal": is_causal,
            "soft_cap": cap,
            "given": given,
        }

    def infer(
        self,
        *types: TensorType,
        scale: Any,
        is_causal: bool,
        soft_cap: Any,
        given: Any,
    ) -> TensorType:
        query, key, value = types[:3]
        common_floats(self.name, tuple(t.with_shape(()) for t in types[:3]))
        self._check_shapes(query, key, value)
        scores = query.with_shape(
            (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
        )
        for name, type in zip(given, types[3:], strict=True):
            if (name == "mask") != (type.dtype == BOOL):
                wanted = "of truth values" if name == "mask" else "of numbers"
                raise Fault(
                    "T0402", f"the {name} of `{self.name}` is {wanted}, not {type}"
                )
            shape = broadcast_shapes(self.name, (scores, type.with_dtype(query.dtype)))
            if len(shape) != 4 or not all(map(equal_dims, shape, scores.shape)):
                raise Fault(
                    "T0302",
                    f"the {name} of `{self.name}` broadcasts to {scores}, not {type}",
                )
        return query.with_shape((*query.shape[:3], value.shape[3]))

    def _check_shapes(
        self, query: TensorType, key: TensorType, value: TensorType
    ) -> None:
        for index, type in enumerate((query, key, value)):
            if type.rank != 4:
                raise Fault(
                    "T0306",
                    f"`{self.name}` takes [batch, length, heads, size], not {type}",
                    operands={index: str(type)},
                )
        heads, shared = query.shape[2], key.shape[2]
        fits = (
            equal_dims(query.shape[0], key.shape[0])
            and equal_dims(query.shape[3], key.shape[3])
            and all(map(equal_dims, key.shape[:3], value.shape[:3]))
            and (shared.value != 0 and heads % shared == Dim.of(0))
        )
        if not fits:
            raise Fault(
                "T0302",
                f"query, key and value of `{self.name}` do not fit: {query}, {key} "
                f"and {value}",
                operands={0: str(query), 1: str(key), 2: str(value)},
                notes=[
                    "batch and size are equal, keys and values go together, and the "
                    "heads of the query are a multiple of theirs"
                ],
            )

    def vjp(self, node: Node, cotangent: Node) -> Results:
        gradient = OPS["dot_product_attention_gradient"]
        whole = gradient.apply((*node.inputs, cotangent), node.attributes)
        places = moving(source.tensor_type for source in node.inputs)
        found: list[Node | None] = [None] * len(node.inputs)
        for index, place in enumerate(places):
            found[place] = OPS["item"].apply((whole,), {"index": index})
        return found

    def expand(self, node: Node) -> Node:
        query, key, value = node.inputs[:3]
        batch, rows, heads, size = query.shape
        columns, shared = key.shape[1], key.shape[2]
        group = heads // shared
        # Queries of the heads that share a key stand below each other.
        queries = call("transpose", query, (0, 2, 1, 3))
        queries = call("reshape", queries, (batch, shared, group * rows, size))
        scale = node.attributes["scale"]
        scale = _root(size, query) if scale is None else float(scale)
        scores = call("matmul", queries * scale, call("transpose", key, (0, 2, 3, 1)))
        scores = call("reshape", scores, (batch, heads, rows, columns))
        weights = call("softmax", self._masked(scores, node), -1)
        weights = call("reshape", weights, (batch, shared, group * rows, columns))
        mixed = call("matmul", weights, call("transpose", value, (0, 2, 1, 3)))
        mixed = call("reshape", mixed, (batch, heads, rows, value.shape[3]))
        found: Node = call("transpose", mixed, (0, 2, 1, 3))
        return found

    def _masked(self, scores: Any, node: Node) -> Any:
        options, named = node.attributes, self.named(node)
        if options["soft_cap"]:
            cap = float(options["soft_cap"])
            scores = call("tanh", scores / cap) * cap
        if "bias" in named:
            scores = scores + call("cast", named["bias"], scores.dtype)
        mask = named.get("mask")
        if options["is_causal"]:
            rows, columns = scores.shape[2:]
            below = call("expand_dims", _count(rows), 1) >= _count(columns)
            mask = below if mask is None else call("logical_and", mask, below)
        if mask is None:
            return scores
        return call("where", mask, scores, lowest(scores.dtype.short))


@register
class DotProductAttentionGradient(Composite):
    """The cotangents of the operands of attention that are floats.

    Operands are those of attention, and behind them the cotangent of its result. What
    computes it may make the weights again instead of keeping them.
    """

    name = "dot_product_attention_gradient"
    public = False
    operand_dtypes = "any"

    def infer(self, *types: TensorType, **attributes: Any) -> Any:
        return TupleType(tuple(types[place] for place in moving(types[:-1])))

    def expand(self, node: Node) -> Node:
        from ..differentiate import by_expansion

        *operands, cotangent = node.inputs
        whole = OPS["dot_product_attention"].apply(tuple(operands), node.attributes)
        parts = by_expansion(whole, cotangent)
        return OPS["tuple"].apply(tuple(part for part in parts if part is not None))


def moving(types: Iterable[TensorType]) -> list[int]:
    """The places of the operands that have a cotangent."""
    return [place for place, type in enumerate(types) if type.dtype.is_float]


def lowest(short: str) -> float:
    """The score of a key that does not count, in a dtype of this short name."""
    return -0.7 * {"f16": 65504.0, "f64": 1.7e308}.get(short, 3.3e38)


def _count(size: Dim) -> Any:
    attributes = {
        "start": Dim.of(0),
        "count": size,
        "step": 1,
        "dtype": I32,
    }
    return OPS["arange"].apply((), attributes)


def _root(size: Dim, like: Node) -> Any:
    """1 / sqrt(size), also of a symbolic size."""
    if size.value is not None:
        return 1 / math.sqrt(max(size.value, 1))
    count = OPS["size"].apply((), {"value": size, "dtype": like.dtype})
    return call("rsqrt", count)


@register
class CtcLoss(Composite):
    """-log of the probability that frames spell a target (Graves et al. 2006).

    Target i32[batch, L], output f32[batch, T, classes] before softmax, lengths
    i32[batch]; `mask_index` is the class of no label. Result f32[batch].
    """

    name = "ctc_loss"
    unified = slice(1, 2)

    def arguments(
        self,
        target: Any,
        output: Any,
        target_length: Any,
        output_length: Any,
        mask_index: int = 0,
    ) -> Any:
        return (target, output, target_length, output_length), {
            "mask_index": mask_index
        }

    def infer(self, *types: TensorType, mask_index: int) -> TensorType:
        target, output, labels, frames = types
        if not output.dtype.is_float:
            raise floats_needed(self.name, output, 1)
        for index, type in ((0, target), (2, labels), (3, frames)):
            if not type.dtype.is_integer:
                raise Fault(
                    "T0402",
                    f"`{self.name}` counts and spells with integers, not {type}",
                    operands={index: str(type)},
                )
        ranks = [type.rank for type in types]
        batches = [type.shape[0] for type in types if type.rank]
        if ranks != [2, 3, 1, 1] or not all(equal_dims(b, batches[0]) for b in batches):
            raise Fault(
                "T0306",
                f"`{self.name}` takes [batch, labels], [batch, frames, classes], "
                f"[batch] and [batch], not {', '.join(map(str, types))}",
            )
        classes = output.shape[2]
        if not mask_index >= 0 or (classes.value or mask_index + 1) <= mask_index:
            words = f"one of {classes} classes, counted from 0"
            raise wrong_value(self.name, "mask_index", words, mask_index)
        return output.with_shape(output.shape[:1])

    def expand(self, node: Node) -> Node:
        from ..ctc import ctc_loss

        return ctc_loss(node.inputs, node.attributes["mask_index"])
