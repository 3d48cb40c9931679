"""Calls: whatever is called, applied to what it is called with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..graph import tree
from ..graph.diagnostics import (
    Fault,
    Span,
    TulleError,
    standing_at,
)
from ..graph.layer import Layer
from ..graph.layer_parts import IDS, declared_at
from ..graph.layers.normalization import Affine, RMSNormalization, UnitNormalization
from ..graph.types import DTYPES
from . import externs, foreign, gradients, holes, library, statics
from . import syntax as s
from .arguments import (
    FIXED,
    LISTED,
    Given,
    bind,
    leaves,
    not_tensors,
    raw,
    replacement,
    symbolic,
)
from .checker import WRONG_VALUES
from .measures import apply_measure
from .operations import apply_op, wrapped
from .values import (
    POISON,
    Definition,
    Derivative,
    Instance,
    Library,
    Poison,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from .expressions import Evaluator


NORMALIZING = (Affine, RMSNormalization, UnitNormalization)
CONSTRUCTORS = ("layer", "optimizer", "schedule", "transform")


def evaluated(evaluator: Evaluator, call: s.Call) -> list[Given]:
    """The arguments of a call, evaluated."""
    given = []
    for argument in call.arguments:
        name, value = argument.name, argument.value
        if name is None and (setting := _with_colon(value)):
            name, value = setting
            fault = foreign.colon_fault(
                name.text, argument.value.span, foreign.gap(name.span, value.span),
                value.text,
            )  # fmt: skip
            evaluator.checker.add(fault)
        inner = evaluator
        if kinds := library.kinds_of(name):
            kinds = (*kinds, *evaluator.kinds)
            inner = type(evaluator)(evaluator.checker, evaluator.scope, kinds)
        given.append(Given(name, inner.evaluate(value), value.span))
    return given


def _with_colon(value: s.Expression) -> tuple[s.Name, s.Name] | None:
    """Name and value of `units: width`, which reads as a value of a stated type."""
    match value:
        case s.Ascription(_, s.Name() as name, s.TypeExpression(_, dtype, None)):
            return None if dtype.text in DTYPES else (name, dtype)
    return None


def is_constructor(value: Value) -> bool:
    """Whether calling a value makes a layer or another object with settings."""
    match value:
        case Library(kind):
            return kind in CONSTRUCTORS or kind in library.OF_WEIGHTS
        case Definition(s.LayerItem() | s.ExternItem()):
            return True
    return False


def flowing(target: Value, piped: Given) -> Sequence[Given]:
    """What flows into a stage, as arguments.

    A tuple is one argument of what the library has, and several of what a file
    declares, of which each takes one tensor.
    """
    match target:
        case Instance(item=(s.LayerItem() | s.ExternItem()) as item):
            pass
        case Definition(s.FunctionItem() as item):
            pass
        case _:
            return [piped]
    if isinstance(piped.value, Tuple) and len(item.parameters.items) > 1:
        return [Given(None, value, piped.span) for value in piped.value.items]
    return [piped]


def call(evaluator: Evaluator, target: Value, call: s.Call, span: Span) -> Value:
    """What stands before an argument list, called."""
    given = evaluated(evaluator, call)
    if not is_constructor(target):
        return apply(evaluator, target, given, span)
    match target:
        case Library("transform"):
            return gradients.derivative(evaluator, given, span)
        case Library():
            return construct(evaluator, target, given, span)
        case Definition(s.LayerItem() | s.ExternItem() as item):
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
            return _without_settings(evaluator, made.name, span, made.target)
        case Definition(s.LayerItem() | s.ExternItem() as item):
            return _without_settings(evaluator, item.name.text, span)
        case Definition(s.FunctionItem() as function):
            definitions = evaluator.checker.definitions
            return definitions.inline(evaluator, function, given, span)
        case Derivative():
            return gradients.applied(evaluator, target, given, span)
        case Instance():
            return apply_layer(evaluator, target, given, span)
    help: tuple[str, ...] = ()
    named = target.value if isinstance(target, Static) else None
    if isinstance(named, str) and named in DTYPES:
        help = (f"write `cast(x, {named})`",)
    return evaluator.checker.error(
        "T0501", f"{describe(target)} cannot be applied", span, help=help
    )


def _without_settings(
    evaluator: Evaluator, name: str, span: Span, target: Any = None
) -> Poison:
    title, fix = f"write `{name}(…)`, its settings first", None
    if target is not None and not _needed(target):
        title, fix = f"write `{name}()`", replacement(span, f"{name}()")
    message = f"`{name}` is a layer without its settings"
    return evaluator.checker.error("T0501", message, span, help=(title,), fix=fix)


def _needed(target: Any) -> list[str]:
    """The settings that have no default."""
    known = library.parameters(target).values()
    return [p.name for p in known if p.default is p.empty and p.kind in LISTED]


def size_function(
    evaluator: Evaluator, name: str, given: Sequence[Given], span: Span
) -> Value:
    """`min`, `max`, `ceildiv` and `range` of static values."""
    if any(isinstance(g.value, Poison) for g in given):
        return POISON
    wrong = next((g for g in given if not isinstance(g.value, Static) or g.name), None)
    if wrong is not None:
        message = f"`{name}` needs whole numbers here, not {describe(wrong.value)}"
        return evaluator.checker.error("T0204", message, wrong.span)
    values = [g.value.value for g in given if isinstance(g.value, Static)]
    try:
        if name == "range":
            return Static(statics.counted(values))
        return Static(statics.extreme(name, values))
    except Fault as fault:
        return evaluator.checker.refuse(fault, span)


def construct(
    evaluator: Evaluator, made: Library, given: Sequence[Given], span: Span
) -> Value:
    """A layer, initializer, loss, metric or optimizer with its settings."""
    holes.settings(evaluator, made, given)
    if any(isinstance(g.value, Poison) for g in given):
        return POISON
    if made.kind == "layer" and (again := evaluator.checker.body.again()) is not None:
        return again
    if made.kind == "layer" and (early := _tensor_among(made, given)) is not None:
        return _no_setting(evaluator, made, *early)
    bound = bind(evaluator, made.name, made.target, given, span)
    if bound is None:
        return POISON
    spans = {name: item.span for name, item in bound.items()}
    for name, item in bound.items():
        if isinstance(item.value, (Tensor, Definition)):
            return _no_setting(evaluator, made, name, item)
        if not _held(evaluator, name, item):
            return POISON
    values = {name: raw(item.value) for name, item in bound.items()}
    if not isinstance(values.get("name"), str | None) and made.kind == "layer":
        told = describe(bound["name"].value)
        message = f"the name of a layer is a string, not {told}"
        return evaluator.checker.error("T0204", message, spans["name"])
    try:
        with standing_at(span):
            target = made.target(**values)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        return evaluator.checker.failed(error, span, arguments=spans)
    if not isinstance(target, Layer):
        return Static(target)
    target.span, target.argument_spans = span, spans
    instance = Instance(span, made.name, target, given_name=target.given_name)
    if target.given_name is not None:
        instance.rename(evaluator.checker.body.turned(target.given_name))
    evaluator.checker.own(instance)
    return instance


def _tensor_among(made: Library, given: Sequence[Given]) -> tuple[str, Given] | None:
    """The first tensor, or list of tensors, among settings, and which of them it is."""
    known = library.parameters(made.target)
    names = [name for name, p in known.items() if p.kind in FIXED]
    for place, item in enumerate(given):
        value = item.value
        items = value.items if isinstance(value, Tuple) else (value,)
        if items and all(isinstance(each, Tensor) for each in items):
            if item.name is not None:
                return item.name.text, item
            return names[place] if place < len(names) else "", item
    return None


def _no_setting(
    evaluator: Evaluator, made: Library, setting: str, item: Given
) -> Poison:
    """A tensor or a definition of the file where a setting belongs."""
    what = (
        f"`{setting}` of `{made.name}` is"
        if setting
        else f"settings of `{made.name}` are"
    )
    message = f"{what} set before anything runs"
    several = isinstance(item.value, Tuple)
    note, help = f"this is {describe(item.value)}", ""
    if isinstance(item.value, Definition):
        hidden = item.value.item.name.text
        if library.find(hidden):
            note += ", which hides the library's"
            help = f'the library\'s is meant by its name as a string: `"{hidden}"`'
    elif made.kind == "layer":
        note = "these are tensors" if several else note
        form = f"{made.name}(…)([x, y])" if several else f"x |> {made.name}(…)"
        help = f"a layer is applied to {'them' if several else 'it'}: `{form}`"
    return evaluator.checker.error(
        "T0204", message, item.span, notes=(note,), help=(help,) if help else ()
    )


def _held(evaluator: Evaluator, setting: str, item: Given) -> bool:
    """Layers among the settings of another one belong to it; false if one cannot."""
    values = item.value.items if isinstance(item.value, Tuple) else (item.value,)
    for value in values:
        if isinstance(value, Instance) and value.layer is None:
            message = f"`{setting}` is a layer of the library, not of a file"
            evaluator.checker.error("T0204", message, item.span)
            return False
        if isinstance(value, Instance):
            evaluator.checker.disown(value)
    return True


def apply_layer(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given], span: Span
) -> Value:
    """A layer applied to tensors; one node."""
    parameters = instance.item.parameters if instance.item else None
    holes.arguments(evaluator, instance.title, parameters, given)
    if not_tensors(evaluator, given):
        return POISON
    checker = evaluator.checker
    checker.count(span)
    prepare = _library_operands if instance.item is None else _own_operands
    ready = prepare(evaluator, instance, given, span)
    layer = instance.layer
    if ready is None or layer is None:
        return POISON
    wanted = None
    if isinstance(instance.item, s.ExternItem):
        wanted = externs.results(evaluator, instance, ready, span)
        if wanted is None:
            return POISON
    named = {g.name.text: symbolic(g.value) for g in ready if g.name}
    plain = [symbolic(g.value) for g in ready if not g.name]
    places = dict(enumerate(_symbol_spans(ready)))
    try:
        with standing_at(span):
            _refuse_ids(layer, plain)
            result = layer(*plain, **named)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        # What Python refuses is no fault of sizes: a list stands for a tensor.
        plain_error = error.__cause__ if isinstance(error, TulleError) else error
        told = plain_error is None or isinstance(plain_error, (Fault, TulleError))
        if not told and any(isinstance(g.value, Tuple) for g in ready):
            return _one_wanted(evaluator, instance, ready)
        return checker.failed(error, span, places, layer.argument_spans)
    leaves, structure = tree.flatten(result)
    if not leaves:
        return checker.error("T0204", f"`{instance.title}` returns no tensor", span)
    value = _nested(structure, iter(leaves), span)
    if wanted is None:
        return value
    return externs.conform(evaluator, instance, value, wanted, span)


def _refuse_ids(layer: Layer, operands: Sequence[Any]) -> None:
    """Integers are not normalized here; in Python they are converted, as in Keras."""
    for index, operand in enumerate(operands):
        kind = getattr(operand, "type", None)
        if not isinstance(layer, NORMALIZING) or kind is None or kind.dtype.is_float:
            continue
        raise Fault(
            "T0403",
            f"`{layer.name}` normalizes quantities, and {kind} holds integers",
            operands={index: str(kind)},
            origins=[found for found in [declared_at(operand)] if found],
            help=[IDS],
        )


def _one_wanted(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given]
) -> Poison:
    """A list of tensors for a layer that takes one."""
    item = next(g for g in given if isinstance(g.value, Tuple))
    count = len(item.value.items) if isinstance(item.value, Tuple) else 0
    return evaluator.checker.error(
        "T0501",
        f"`{instance.title}` takes one tensor, and this is a list of {count}",
        item.span,
        help=("take one of them, `[0]`, or join them with `Concatenate()`",),
    )


def _library_operands(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given], span: Span
) -> Sequence[Given] | None:
    """The arguments of a library layer's call, if they fit."""
    layer, title = instance.layer, instance.title
    for item in given:
        if item.name is None and not isinstance(item.value, (Tensor, Tuple)):
            message = f"`{title}` is applied to tensors, not to {describe(item.value)}"
            evaluator.checker.error("T0501", message, item.span)
            return None
        if isinstance(item.value, Tuple):
            parts = leaves(item.value) or ()
            # Among masks `none` stands for a tensor without one.
            tensors = [x for x in parts if item.name is None or x != Static(None)]
            wrong = next((x for x in tensors if not isinstance(x, Tensor)), None)
            if wrong is not None:
                message = f"`{title}` is applied to tensors; here is {describe(wrong)}"
                evaluator.checker.error("T0501", message, item.span)
                return None
    assert layer is not None
    known = library.parameters(layer.call)
    fits = bind(evaluator, title, layer.call, given, span, known) is not None
    return given if fits else None


def _own_operands(
    evaluator: Evaluator, instance: Instance, given: Sequence[Given], span: Span
) -> Sequence[Given] | None:
    """The operands of a layer of the file, which gets its network if it has none."""
    item, definitions = instance.item, evaluator.checker.definitions
    assert item is not None
    ready = definitions.operands(evaluator, instance.title, item, given, span)
    if ready is not None and instance.layer is None:
        definitions.materialize(evaluator, instance, ready, span)
    return ready


def _nested(structure: Any, leaves: Any, span: Span) -> Value:
    if isinstance(structure, (tuple, list)):
        return Tuple(tuple(_nested(item, leaves, span) for item in structure))
    if isinstance(structure, dict):
        return Tuple(tuple(_nested(v, leaves, span) for v in structure.values()))
    return wrapped(next(leaves), span)


def _symbol_spans(given: Sequence[Given]) -> list[Span]:
    spans = []
    for item in sorted(given, key=lambda g: g.name is not None):
        items = item.value.items if isinstance(item.value, Tuple) else (item.value,)
        spans += [item.span for value in items if isinstance(value, Tensor)]
    return spans
