"""Calls: arguments against signatures, ops and layers applied, faults put in place."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import tree
from ..graph.diagnostics import (
    Diagnostic,
    Edit,
    Fault,
    Fix,
    Span,
    TulleError,
    standing_at,
)
from ..graph.dim import Dim
from ..graph.layer import Layer
from ..graph.node import Node
from ..graph.op import Op, as_node, unpack
from ..graph.registry import OPS
from ..graph.tensor import SymbolicTensor, constant_node
from ..graph.trace import Trace, tracing
from . import library, statics
from . import syntax as s
from .checker import WRONG_VALUES
from .scope import listed, nearest
from .values import (
    POISON,
    Definition,
    Instance,
    Library,
    Poison,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from .expressions import Evaluator


@dataclass(frozen=True, slots=True)
class Given:
    """An argument as given: its name if it has one, its value and place."""

    name: s.Name | None
    value: Value
    span: Span


def joined(first: Span, last: Span) -> Span:
    """From the start of one place to the end of another."""
    return Span(first.source, first.line, first.column, last.end_line, last.end_column)


def replacement(span: Span, text: str) -> Fix:
    return Fix(f"write `{text}`", (Edit(span, text),))


def arguments(evaluator: Evaluator, call: s.Call) -> list[Given]:
    """The arguments of a call, evaluated."""
    return [
        Given(a.name, evaluator.evaluate(a.value), a.value.span) for a in call.arguments
    ]


def is_constructor(value: Value) -> bool:
    """Whether calling a value makes a layer or another object with settings."""
    match value:
        case Library(kind):
            return kind in ("layer", "initializer", "optimizer")
        case Definition(s.LayerItem()):
            return True
    return False


def call(
    evaluator: Evaluator, target: Value, place: Span, call: s.Call, span: Span
) -> Value:
    """What stands before an argument list, called; `place` is where it stands."""
    given = arguments(evaluator, call)
    if not is_constructor(target):
        return apply(evaluator, target, given, span)
    match target:
        case Library():
            return construct(evaluator, target, given, span)
        case Definition(s.LayerItem() as item):
            return evaluator.checker.definitions.blueprint(evaluator, item, given, span)
    return POISON


def apply(
    evaluator: Evaluator, target: Value, given: Sequence[Given], span: Span
) -> Value:
    """A function or layer applied to its arguments."""
    match target:
        case Poison():
            return POISON
        case Library("op", name):
            first = given[0].value if given else None
            if name in library.SIZES and isinstance(first, Static):
                return size_function(evaluator, name, given, span)
            return apply_op(evaluator, name, given, span)
        case Library("size", name):
            return size_function(evaluator, name, given, span)
        case Library("loss" | "metric"):
            return apply_measure(evaluator, target, given, span)
        case Library() as made if is_constructor(made):
            return _without_settings(evaluator, made.name, span)
        case Definition(s.LayerItem() as item):
            return _without_settings(evaluator, item.name.text, span)
        case Definition(s.FunctionItem() as function):
            definitions = evaluator.checker.definitions
            return definitions.inline(evaluator, function, given, span)
        case Instance():
            return apply_layer(evaluator, target, given, span)
    return evaluator.checker.error(
        "T0501", f"{describe(target)} cannot be applied", span
    )


def measure(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> tuple[list[Given], dict[str, Any]] | None:
    """Target and prediction of a loss or metric, and its settings."""
    if not_tensors(evaluator, given):
        return None
    bound = bind(evaluator, made.name, made.target, given, span)
    if bound is None:
        return None
    operands, settings = [], {}
    for index, (name, item) in enumerate(bound.items()):
        if isinstance(item.value, Tensor) != (name in ("y_true", "y_pred")):
            wanted = "a tensor" if index < 2 else "fixed before anything runs"
            message = f"`{name}` of `{made.name}` is {wanted}"
            note = f"this is {describe(item.value)}"
            evaluator.checker.error("T0204", message, item.span, notes=(note,))
            return None
        if isinstance(item.value, Tensor):
            operands.append(item)
        else:
            settings[name] = raw(item.value)
    return operands, settings


def apply_measure(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> Value:
    """A loss, which is one number, or a metric, a number for each sample."""
    found = measure(evaluator, made, given, span)
    if found is None:
        return POISON
    operands, settings = found
    spans = {g.name.text: g.span for g in given if g.name}
    try:
        with standing_at(span), tracing(Trace(training=False)):
            values = [symbolic(item.value) for item in operands]
            if made.kind == "loss":
                result = library.training_class("loss", made.name)(**settings)(*values)
            else:
                result = made.target(*values, **settings)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        places = {index: item.span for index, item in enumerate(operands)}
        _show_origin(error, operands, places)
        return evaluator.checker.failed(error, span, places, spans)
    return wrapped(result, span)


def _show_origin(
    error: Exception, operands: Sequence[Given], places: dict[int, Span]
) -> None:
    """Point at what made the prediction, where that is what is wrong with it."""
    fault: Fault | None = getattr(error, "fault", None)
    prediction = operands[-1].value
    if fault is None or fault.code != "T0602" or not isinstance(prediction, Tensor):
        return
    place = prediction.node.span
    if place is not None:
        fault.operands = {1: "the probabilities are made here"}
        places[1] = place


def _without_settings(evaluator: Evaluator, name: str, span: Span) -> Poison:
    title = f"write `{name}(…)`, its settings first"
    return evaluator.checker.error(
        "T0501", f"`{name}` is a layer without its settings", span, help=(title,)
    )


def size_function(
    evaluator: Evaluator, name: str, given: Sequence[Given], span: Span
) -> Value:
    """`min`, `max` and `ceildiv` of static values."""
    if any(isinstance(g.value, Poison) for g in given):
        return POISON
    wrong = next((g for g in given if not isinstance(g.value, Static) or g.name), None)
    if wrong is not None:
        message = f"`{name}` needs whole numbers here, not {describe(wrong.value)}"
        return evaluator.checker.error("T0204", message, wrong.span)
    values = [g.value.value for g in given if isinstance(g.value, Static)]
    try:
        return Static(statics.extreme(name, values))
    except Fault as fault:
        return evaluator.checker.refuse(fault, span)


def bind(
    evaluator: Evaluator,
    title: str,
    target: Any,
    given: Sequence[Given],
    span: Span,
    parameters: Mapping[str, inspect.Parameter] | None = None,
) -> dict[str, Given] | None:
    """Arguments by parameter name; None if some do not fit, which is told."""
    known = library.parameters(target) if parameters is None else parameters
    usage = library.usage(title, target) if parameters is None else ""
    positional = [n for n, p in known.items() if p.kind is not p.KEYWORD_ONLY]
    found: dict[str, Given] = {}
    before = len(evaluator.checker.faults)
    for index, item in enumerate(given):
        name = item.name.text if item.name else None
        place = item.name.span if item.name else item.span
        if name is None and index >= len(positional):
            message = f"`{title}` takes {len(positional)} arguments, not {len(given)}"
            evaluator.checker.error("T0202", message, place, notes=_notes(usage))
            break
        name = name or positional[index]
        if name not in known:
            _unknown(evaluator, title, name, place, known, usage)
        elif name in found:
            evaluator.checker.error("T0202", f"`{name}` is given twice", place)
        else:
            found[name] = item
    missing = [n for n, p in known.items() if p.default is p.empty and n not in found]
    if missing and len(evaluator.checker.faults) == before:
        message = f"`{title}` needs {listed(missing)}"
        evaluator.checker.error("T0203", message, span, notes=_notes(usage))
    return found if len(evaluator.checker.faults) == before else None


def _notes(usage: str) -> tuple[str, ...]:
    return (f"its form is {usage}",) if usage else ()


def _unknown(
    evaluator: Evaluator,
    title: str,
    name: str,
    place: Span,
    known: Mapping[str, inspect.Parameter],
    usage: str,
) -> None:
    near = nearest(name, known)
    notes = _notes(usage) or (
        f"it takes {listed(known)}" if known else "it takes none",
    )
    evaluator.checker.error(
        "T0202",
        f"`{title}` has no argument `{name}`",
        place,
        notes=notes,
        help=(f"did you mean `{near}`?",) if near else (),
        fix=replacement(place, near) if near else None,
    )


def raw(value: Value) -> Any:
    """A value as Python hands it to the library."""
    match value:
        case Tensor(node):
            return node
        case Static(Dim() as dim):
            return dim if dim.value is None else dim.value
        case Static(plain):
            return plain
        case Shape(dims):
            return tuple(d if d.value is None else d.value for d in dims)
        case Tuple(items):
            return tuple(map(raw, items))
        case Library("op", name):
            return name
        case Instance(layer=Layer() as layer):
            return layer
    return value


def construct(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> Value:
    """A layer, initializer, loss, metric or optimizer with its settings."""
    if any(isinstance(g.value, Poison) for g in given):
        return POISON
    bound = bind(evaluator, made.name, made.target, given, span)
    if bound is None:
        return POISON
    spans = {name: item.span for name, item in bound.items()}
    for name, item in bound.items():
        if isinstance(item.value, (Tensor, Definition)):
            message = f"`{name}` of `{made.name}` is set before anything runs"
            note = f"this is {describe(item.value)}"
            return evaluator.checker.error("T0204", message, item.span, notes=(note,))
    values = {name: raw(item.value) for name, item in bound.items()}
    try:
        with standing_at(span):
            target = made.target(**values)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        return evaluator.checker.failed(error, span, arguments=spans)
    if not isinstance(target, Layer):
        return Static(target)
    target.span, target.argument_spans = span, spans
    return Instance(span, made.name, target, given_name=target.given_name)


def _sources(given: Sequence[Given]) -> list[tuple[Any, Span]]:
    """What may become an operand, with its place."""
    found: list[tuple[Any, Span]] = []
    for item in given:
        items = item.value.items if isinstance(item.value, Tuple) else (item.value,)
        found += [(raw(value), item.span) for value in items]
    return found


def operand_spans(operands: Sequence[Any], given: Sequence[Given]) -> dict[int, Span]:
    """The place of each operand."""
    sources, spans = _sources(given), dict[int, Span]()
    for index, operand in enumerate(operands):
        for place, (value, span) in enumerate(sources):
            if value is operand:
                spans[index] = span
                del sources[place]
                break
    return spans


def not_tensors(evaluator: Evaluator, given: Sequence[Given]) -> bool:
    """Whether an argument is a layer or function where tensors belong; told if so."""
    for item in given:
        match item.value:
            case Poison():
                return True
            case Instance(span, title):
                applied = f"{title}(…)(x)"
                evaluator.checker.add(
                    Diagnostic(
                        "T0501",
                        f"a layer `{title}` stands where a tensor is needed",
                        item.span,
                        labels=tuple(_made(span, item.span)),
                        help=(f"apply it: `x |> {title}(…)` or `{applied}`",),
                    )
                )
                return True
            case Library("layer") | Definition():
                message = f"{describe(item.value)} stands where a tensor is needed"
                evaluator.checker.error("T0501", message, item.span)
                return True
    return False


def _made(span: Span, place: Span) -> list[Any]:
    from ..graph.diagnostics import Label

    return [Label(span, "the layer is made here")] if span != place else []


def apply_op(
    evaluator: Evaluator,
    name: str,
    given: Sequence[Given],
    span: Span,
    title: str | None = None,
) -> Value:
    """An op of the registry on tensors and static values."""
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
            operands, attributes = op.arguments(**plain)
            places = operand_spans(operands, given)
            _static_attributes(title, attributes)
            result = _dispatch(op, title, operands, attributes)
    except Fault as fault:
        fault.message = fault.message.replace(f"`{name}`", f"`{title}`")
        return evaluator.checker.refuse(fault, span, places, spans)
    except (TulleError, *WRONG_VALUES) as error:
        return evaluator.checker.failed(error, span, places, spans)
    return wrapped(result, span)


def _static_attributes(title: str, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        items = value if isinstance(value, tuple) else (value,)
        if any(isinstance(item, Node) for item in items):
            raise Fault(
                "T0204",
                f"`{key}` of `{title}` is fixed before anything runs, and a tensor is not",
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
            raise Fault("T0204", f"`{title}` needs a tensor in place of `{operand}`")
        if like is None and not isinstance(operand, Node):
            found.append(_constant(operand))
            like = found[-1].tensor_type
        else:
            found.append(as_node(operand, like))
    return unpack(op.apply(tuple(found), attributes), SymbolicTensor)


def _constant(value: bool | int | float) -> Node:
    kinds: dict[type, str] = {bool: "bool", int: "int32", float: "float32"}
    return constant_node(np.asarray(value, kinds[type(value)]))


def wrapped(result: Any, span: Span) -> Value:
    """What a rule returned, as a value; new nodes learn their place."""
    if isinstance(result, (tuple, list)):
        return Tuple(tuple(wrapped(item, span) for item in result))
    node = result if isinstance(result, Node) else result.as_node()
    if node.span is None:
        object.__setattr__(node, "span", span)
    return Tensor(node)


def apply_layer(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given], span: Span
) -> Value:
    """A layer applied to tensors; one node."""
    if not_tensors(evaluator, given):
        return POISON
    checker = evaluator.checker
    checker.count(span)
    if instance.item is not None:
        ordered = checker.definitions.operands(
            evaluator, instance.title, instance.item.parameters, given, span
        )
        if ordered is None:
            return POISON
        given = ordered
        if instance.layer is None:
            checker.definitions.materialize(evaluator, instance, given, span)
    layer = instance.layer
    if layer is None:
        return POISON
    named = {g.name.text: symbolic(g.value) for g in given if g.name}
    if instance.item is None:
        known = library.parameters(layer.call)
        if bind(evaluator, instance.title, layer.call, given, span, known) is None:
            return POISON
    plain = [symbolic(g.value) for g in given if not g.name]
    operands, _ = tree.flatten((plain, named))
    places = dict(enumerate(_symbol_spans(given)))
    try:
        with standing_at(span):
            result = layer(*plain, **named)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        return checker.failed(error, span, places, layer.argument_spans)
    leaves, structure = tree.flatten(result)
    if not leaves:
        return checker.error("T0204", f"`{instance.title}` returns no tensor", span)
    return _nested(structure, iter(leaves), span)


def _nested(structure: Any, leaves: Any, span: Span) -> Value:
    if isinstance(structure, (tuple, list)):
        return Tuple(tuple(_nested(item, leaves, span) for item in structure))
    if isinstance(structure, dict):
        return Tuple(tuple(_nested(v, leaves, span) for v in structure.values()))
    return wrapped(next(leaves), span)


def symbolic(value: Value) -> Any:
    """A value as a layer takes it: symbols in place of nodes."""
    if isinstance(value, Tensor):
        return SymbolicTensor(value.node)
    if isinstance(value, Tuple):
        return [symbolic(item) for item in value.items]
    return raw(value)


def _symbol_spans(given: Sequence[Given]) -> list[Span]:
    spans = []
    for item in sorted(given, key=lambda g: g.name is not None):
        items = item.value.items if isinstance(item.value, Tuple) else (item.value,)
        spans += [item.span for value in items if isinstance(value, Tensor)]
    return spans
