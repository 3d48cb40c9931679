"""Ops of the registry applied in a text; dtypes are never converted in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.conversion import as_node, unpack
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
from ..graph.op import Op
from ..graph.operand import Operand
from ..graph.pairing import refuse_pairs
from ..graph.registry import OPS
from ..graph.size_origins import note_origin
from ..graph.tensor import SymbolicTensor, constant_node, held
from ..graph.types import DType, TensorType, dtype_of
from . import holes
from .arguments import Given, bind, called, not_tensors, operand_spans, raw
from .checker import WRONG_VALUES
from .values import (
    POISON,
    Library,
    Tensor,
    Tuple,
    Value,
    describe,
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
            named = {
                plain[key]: describe(item.value)
                for key, item in bound.items()
                if isinstance(item.value, Library) and isinstance(plain[key], str)
            }
            operands, attributes = called(op.arguments, plain)
            places = operand_spans(operands, given)
            _static_attributes(title, attributes)
            result = _dispatch(op, title, operands, attributes, named)
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


def _dispatch(
    op: Op,
    title: str,
    operands: Sequence[Any],
    attributes: Any,
    named: Mapping[str, str],
) -> Any:
    """The op on tensors and plain values; `named` says what names stand for."""
    nodes = [o for o in operands[op.unified] if isinstance(o, Node)]
    like = nodes[0].tensor_type if nodes else None
    alike = range(len(operands))[op.unified] if op.operand_dtypes != "any" else ()
    fractions = op.operand_dtypes == "float" or getattr(op, "floats", False)
    alone = "float32" if fractions else "int32"  # of a whole number beside no tensor
    found = []
    for index, operand in enumerate(operands):
        if isinstance(operand, (list, tuple)) and operand:
            beside = like if index in alike else None
            array = _array(title, index, operand, beside)
            found.append(constant_node(array))
            like = like or found[-1].tensor_type
            continue
        if isinstance(operand, Dim):
            dtype = like.dtype.name if like else alone
            size = OPS["size"]
            found.append(size.apply((), size.arguments(operand, dtype)[1]))
            continue
        if like is not None:
            _check_kind(title, index, operand, like.dtype)
        if not isinstance(operand, (Operand, bool, int, float)):
            shown = "`none`" if operand is None else "a list of values"
            if isinstance(operand, str):
                shown = named.get(operand, "a string")
            raise Fault(
                "T0204",
                f"`{title}` needs tensors and numbers, not {shown}",
                operands={index: shown},
            )
        if like is None and not isinstance(operand, Operand):
            found.append(_constant(operand, alone))
            like = found[-1].tensor_type
        else:
            found.append(as_node(operand, like))
    if op.elementwise:
        refuse_pairs(op.name, [node.tensor_type for node in found], found)
    made = op.apply(tuple(found), attributes)
    if isinstance(made, Node):
        note_origin(made, caller_span(), title)
    return unpack(made, SymbolicTensor)


def _check_kind(title: str, index: int, value: Any, dtype: DType) -> None:
    """Refuse a plain value that is of another kind than the tensors beside it."""
    if isinstance(value, bool) and dtype.kind != "b":
        raise Fault("T0402", f"`{title}` has {dtype} and `{str(value).lower()}`")
    if isinstance(value, float) and not dtype.is_float:
        raise Fault(
            "T0402",
            f"`{title}` has {dtype} and the fraction {value}",
            operands={index: f"{value} is no {dtype}"},
            help=["`cast(…, f32)` makes fractions of whole numbers"],
        )


def _array(title: str, index: int, values: Any, like: TensorType | None) -> Any:
    """A list of numbers, or a list of such lists, in the dtype of what is beside it."""
    items = list(_items(values))
    if not all(isinstance(item, (bool, int, float)) for item in items):
        raise Fault(
            "T0204",
            f"`{title}` needs tensors and numbers, and this list holds something else",
            operands={index: "a list"},
        )
    try:
        array = np.array(values)
    except ValueError:
        raise Fault(
            "T0204",
            f"the lists in a list for `{title}` differ in their lengths",
            operands={index: "a list"},
        ) from None
    if like is None:
        kinds = {"b": "bool", "i": "int32"}
        return array.astype(kinds.get(array.dtype.kind, "float32"))
    for item in items:
        _check_kind(title, index, item, like.dtype)
    numbers = [held(item, like.dtype) for item in items]
    return np.array(numbers).reshape(array.shape)


def _items(values: Any) -> Iterator[Any]:
    """The items of nested lists, in order."""
    stack = [values]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack += reversed(item)
        else:
            yield item


def _constant(value: bool | int | float, whole: str) -> Node:
    kinds: dict[type, str] = {bool: "bool", int: whole, float: "float32"}
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
