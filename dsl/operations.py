"""Ops of the registry applied in a text; dtypes are never converted in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..graph.births import place
from ..graph.diagnostics import (
    Fault,
    Span,
    TulleError,
    caller_span,
    standing_at,
)
from ..graph.dim import Dim
from ..graph.masking import get_mask
from ..graph.node import Node
from ..graph.op import Op, as_node, unpack
from ..graph.pairing import refuse_pairs
from ..graph.registry import OPS
from ..graph.tensor import SymbolicTensor, constant_node, held
from ..graph.types import dtype_of
from . import holes
from .arguments import Given, bind, called, not_tensors, operand_spans, raw
from .checker import WRONG_VALUES
from .values import (
    POISON,
    Tensor,
    Tuple,
    Value,
)

if TYPE_CHECKING:
    from .expressions import Evaluator


def apply_op(
    evaluator: Evaluator,
    name: str,
    given: Sequence[Given],
    span: Span,
    title: str | None = None,
) -> Value:
    """An op of the registry on tensors and static values."""
    holes.operands(evaluator, name, title or name, given)
    if not_tensors(evaluator, given):
        return POISON
    op, title = OPS[name], title or name
    bound = bind(evaluator, title, op, given, span)
    if bound is None:
        return POISON
    spans = {key: item.span for key, item in bound.items()}
    places: dict[int, Span] = {}
    evaluator.checker.count(span)
    try:
        with standing_at(span):
            plain = {key: raw(item.value) for key, item in bound.items()}
            operands, attributes = called(op.arguments, plain)
            places = operand_spans(operands, given)
            _static_attributes(title, attributes)
            result = _dispatch(op, title, operands, attributes)
    except Fault as fault:
        fault.message = fault.message.replace(f"`{name}`", f"`{title}`")
        return evaluator.checker.refuse(fault, span, places, spans)
    except (TulleError, *WRONG_VALUES) as error:
        if "Node" in str(error):
            message = f"`{title}` has a tensor where a setting belongs"
            return evaluator.checker.error("T0204", message, span)
        return evaluator.checker.failed(error, span, places, spans)
    return wrapped(result, span)


def _static_attributes(title: str, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        items = value if isinstance(value, tuple) else (value,)
        if any(isinstance(item, Node) for item in items):
            raise Fault(
                "T0204",
                f"`{key}` of `{title}` is fixed before anything runs, "
                "and a tensor is not",
                argument=key,
            )


def _dispatch(op: Op, title: str, operands: Sequence[Any], attributes: Any) -> Any:
    nodes = [o for o in operands[op.unified] if isinstance(o, Node)]
    like = nodes[0].tensor_type if nodes else None
    found = []
    for index, operand in enumerate(operands):
        if isinstance(operand, Dim):
            dtype = like.dtype.name if like else "int32"
            size = OPS["size"]
            found.append(size.apply((), size.arguments(operand, dtype)[1]))
            continue
        if like is not None and isinstance(operand, bool) and like.dtype.kind != "b":
            shown = str(operand).lower()
            raise Fault("T0402", f"`{title}` has {like.dtype} and `{shown}`")
        if like is not None and isinstance(operand, float) and not like.dtype.is_float:
            raise Fault(
                "T0402",
                f"`{title}` has {like.dtype} and the fraction {operand}",
                operands={index: f"{operand} is no {like.dtype}"},
                help=["`cast(…, f32)` makes fractions of whole numbers"],
            )
        if not isinstance(operand, (Node, bool, int, float)):
            shown = "a string" if isinstance(operand, str) else "a list of values"
            shown = "`none`" if operand is None else shown
            raise Fault("T0204", f"`{title}` needs tensors and numbers, not {shown}")
        if like is None and not isinstance(operand, Node):
            found.append(_constant(operand))
            like = found[-1].tensor_type
        else:
            found.append(as_node(operand, like))
    if op.elementwise:
        refuse_pairs(op.name, [node.tensor_type for node in found], found)
    made = op.apply(tuple(found), attributes)
    if isinstance(made, Node):
        place(made, caller_span(), title)
    return unpack(made, SymbolicTensor)


def _constant(value: bool | int | float) -> Node:
    kinds: dict[type, str] = {bool: "bool", int: "int32", float: "float32"}
    return constant_node(held(value, dtype_of(kinds[type(value)])))


def wrapped(result: Any, span: Span) -> Value:
    """What a rule returned, as a value; new nodes learn their place."""
    if isinstance(result, (tuple, list)):
        return Tuple(tuple(wrapped(item, span) for item in result))
    node = result if isinstance(result, Node) else result.as_node()
    if node.span is None:
        object.__setattr__(node, "span", span)
    mask = get_mask(result)
    return Tensor(node, None if mask is None else mask.as_node())
