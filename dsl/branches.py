"""`if` on static values, and `match mode`."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from ..graph import tree
from ..graph.decide import equal
from ..graph.diagnostics import Fault, Label, TulleError, standing_at
from ..graph.modes import ByMode
from ..graph.nearest import nearest
from ..graph.network import Network
from ..graph.node import Node, topological
from ..graph.tensor import SymbolicTensor, constant_node, held, input_node
from ..graph.types import DTYPES
from . import library, statics
from . import syntax as s
from .arguments import MAX_LEAVES, leaves, replacement, symbolic
from .operations import wrapped
from .owning import Body
from .repeats import same_types
from .scope import Scope
from .values import (
    POISON,
    Instance,
    Missing,
    Poison,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from .expressions import Evaluator

MODES = ("train", "infer")


def decided(evaluator: Evaluator, item: s.If | s.Match) -> Value:
    """The value of a choice."""
    if isinstance(item, s.Match):
        return _matched(evaluator, item)
    return _chosen(evaluator, item)


def _chosen(evaluator: Evaluator, item: s.If) -> Value:
    """The branch that a condition chooses; names are looked up in the other one too."""
    found: s.Expression | None = None
    rest: s.Expression = item
    while isinstance(rest, s.If):
        if found is not None:
            resolve(evaluator, rest.condition)
            resolve(evaluator, rest.value)
        else:
            truth = holds(evaluator, rest.condition)
            if truth is None:
                return POISON
            if truth:
                found = rest.value
            else:
                resolve(evaluator, rest.value)
        rest = rest.other
    if found is None:
        return evaluator.evaluate(rest)
    resolve(evaluator, rest)
    return evaluator.evaluate(found)


def holds(evaluator: Evaluator, condition: s.Expression) -> bool | None:
    """Whether a condition holds; None if that is not known, which is told."""
    value = evaluator.evaluate(condition)
    match value:
        case Static(bool() as truth):
            return truth
        case Tensor():
            evaluator.checker.error(
                "T0512",
                f"`if` is decided before anything runs, and this is {value.type}",
                condition.span,
                help=("`where(condition, a, b)` chooses element by element",),
            )
        case Poison():
            pass
        case _:
            message = f"a condition is `true` or `false`, not {describe(value)}"
            evaluator.checker.error("T0402", message, condition.span)
    return None


def missing(evaluator: Evaluator, name: s.Name, found: Missing) -> Value:
    """The use of a parameter whose condition does not hold."""
    text, place = name.text, found.condition
    line = place.source.line(place.line)[place.column - 1 : place.end_column - 1]
    condition = line if place.line == place.end_line else "…"
    return evaluator.checker.error(
        "T0211",
        f"there is no parameter `{text}` here",
        name.span,
        labels=(Label(place, "this does not hold here"),),
        help=(f"use it under its condition: `if {condition} {{ … }} else {{ … }}`",),
    )


def resolve(evaluator: Evaluator, expression: s.Expression) -> None:
    """Look up the names in an expression that is not evaluated."""
    stack: list[tuple[Any, Evaluator]] = [(expression, evaluator)]
    while stack:
        node, inner = stack.pop()
        if isinstance(node, s.Name):
            if inner.scope.get(node.text) is None:
                inner.name(node)
        elif isinstance(node, tuple):
            stack += [(item, inner) for item in reversed(node)]
        elif isinstance(node, s.Syntax):
            stack += reversed(_parts(node, inner))


def _parts(node: s.Syntax, inner: Evaluator) -> list[tuple[Any, Evaluator]]:
    """What a node is made of, with the names that hold there."""
    match node:
        case s.Argument(_, name, value):
            if kinds := library.kinds_of(name):
                inner = type(inner)(inner.checker, inner.scope, kinds)
            return [(value, inner)]
        case s.Stage(_, function):
            return [(function, inner)]
        case s.Repeat(_, count, name, _, stages):
            return [(count, inner), (stages, _knowing(inner, name))]
        case s.Fold(_, name, values, stages):
            return [(values, inner), (stages, _knowing(inner, name))]
        case s.Arm(_, _, value):
            return [(value, inner)]
        case s.Match(_, _, arms):
            return [(arms, inner)]
        case s.TypeExpression(_, _, dims):
            return [(dims, inner)]
        case s.Rest():
            return []
    return [(getattr(node, field.name), inner) for field in fields(node)]


def _knowing(evaluator: Evaluator, name: s.Name | None) -> Evaluator:
    if name is None:
        return evaluator
    inner = evaluator.within(Scope(evaluator.scope))
    inner.scope[name.text] = POISON
    return inner


# `match mode`.


class Captured(Scope):
    """The names around an arm, with a placeholder for each tensor that it reads."""

    def __init__(self, outer: Scope):
        super().__init__(outer)
        self.originals: dict[Node, Node] = {}  # by placeholder, in the order of use
        self._known: dict[int, tuple[Value, Value]] = {}

    def get(self, name: str) -> Value | None:
        found = super().get(name)
        return None if found is None else self._stand_in(found)

    def _stand_in(self, value: Value) -> Value:
        if not isinstance(value, (Tensor, Tuple)):
            return value
        if id(value) not in self._known:
            made: Value
            if isinstance(value, Tuple):
                made = Tuple(tuple(map(self._stand_in, value.items)))
            else:
                node = value.node
                made = Tensor(input_node(node.name or "x", value.type, node.span))
                self.originals[made.node] = node
            self._known[id(value)] = (value, made)
        return self._known[id(value)][1]


def _matched(evaluator: Evaluator, item: s.Match) -> Value:
    """The arm of the mode in force: a layer that holds a network for each."""
    arms = _arms(evaluator, item)
    if arms is None:
        return POISON
    checker, captured = evaluator.checker, Captured(evaluator.scope)
    inner, found = evaluator.within(captured), dict[str, Value]()
    for name in MODES:
        checker.bodies.append(Body())
        found[name] = inner.evaluate(arms[name].value)
        checker.bodies.pop()
    if any(isinstance(value, Poison) for value in found.values()):
        return POISON
    _numbers(found)
    for name in MODES:
        if not _tensors(evaluator, arms[name], found[name]):
            return POISON
    if not same_types(found["train"], found["infer"]):
        return _differ(evaluator, arms, found)
    return _layer(evaluator, item, captured, found)


def _arms(evaluator: Evaluator, item: s.Match) -> dict[str, s.Arm] | None:
    """The arms by name, if they are those of `mode`."""
    error, head = evaluator.checker.error, item.span.through(item.subject.span)
    if item.subject.text != "mode":
        error(
            "T0511",
            f"`match` chooses by `mode`, not by `{item.subject.text}`",
            item.subject.span,
            help=("write `match mode`; settings are for `if`",),
            fix=replacement(item.subject.span, "mode"),
        )
        return None
    found: dict[str, s.Arm] = {}
    good = True
    for arm in item.arms:
        name = arm.name.text
        if name not in MODES:
            near = nearest(name, MODES)
            help = (f"did you mean `{near}`?",) if near else ()
            fix = replacement(arm.name.span, near) if near else None
            notes = ("the modes are `train` and `infer`",)
            message = f"`{name}` is no mode"
            error("T0511", message, arm.name.span, notes=notes, help=help, fix=fix)
            good = False
        elif name in found:
            label = Label(found[name].name.span, "the first one")
            message = f"the arm `{name}` stands twice"
            error("T0511", message, arm.name.span, labels=(label,))
            good = False
        else:
            found[name] = arm
    missing = [name for name in MODES if name not in found]
    if good and missing:
        message, advice = f"`match mode` has no arm `{missing[0]}`", missing[0]
        error("T0511", message, head, help=(f"add `{advice} => …`",))
    return found if good and not missing else None


def _numbers(found: dict[str, Value]) -> None:
    """Let numbers be scalars, of the element type of the other arm."""
    plain = [value.value for value in found.values() if isinstance(value, Static)]
    kinds = {type(value) for value in plain}
    if not kinds <= {bool, int, float}:
        return
    like = "f32" if float in kinds else "i32" if int in kinds else "bool"
    for value in found.values():
        if isinstance(value, Tensor):
            like = value.type.dtype.short
    for name, value in found.items():
        if isinstance(value, Static) and statics.fits(like, value.value):
            found[name] = Tensor(constant_node(held(value.value, DTYPES[like])))


def _tensors(evaluator: Evaluator, arm: s.Arm, value: Value) -> bool:
    """Whether an arm is a tensor or several."""
    found = leaves(value)
    wrong = next((x for x in found or () if not isinstance(x, Tensor)), None)
    if found is not None and wrong is None:
        return True
    if wrong is None:
        message = f"an arm gives more than {MAX_LEAVES} tensors"
        evaluator.checker.error("T0905", message, arm.value.span)
        return False
    help = ("apply it: `x |> …`",) if not isinstance(wrong, (Static, Tuple)) else ()
    evaluator.checker.error(
        "T0501",
        f"an arm of `match` is a tensor, not {describe(wrong)}",
        arm.value.span,
        help=help,
    )
    return False


def _differ(
    evaluator: Evaluator, arms: dict[str, s.Arm], found: dict[str, Value]
) -> Value:
    shown = [
        str(value.type) if isinstance(value, Tensor) else describe(value)
        for value in found.values()
    ]
    dims = []
    train, infer = found["train"], found["infer"]
    if isinstance(train, Tensor) and isinstance(infer, Tensor):
        if train.type.rank == infer.type.rank:
            pairs = zip(train.type.shape, infer.type.shape, strict=True)
            dims = [dim for pair in pairs if not equal(*pair) for dim in pair]
    message = f"the arms differ: `train` gives {shown[0]}, `infer` gives {shown[1]}"
    told = Fault("T0511", message, dims=dims).diagnostic(arms["infer"].value.span)
    label = Label(arms["train"].value.span, shown[0])
    labels = (label, *told.labels)
    return evaluator.checker.add(replace(told, labels=labels, label=shown[1]))


def _layer(
    evaluator: Evaluator, item: s.Match, captured: Captured, found: dict[str, Value]
) -> Value:
    """The node of a `match`, on what its arms read."""
    nests = [symbolic(found[name]) for name in MODES]
    read = set(topological(x.as_node() for n in nests for x in tree.flatten(n)[0]))
    inputs = [node for node in captured.originals if node in read]
    operands = [captured.originals[node] for node in inputs]
    if not inputs:
        operands = [constant_node(held(0.0, DTYPES["f32"]))]
        inputs = [input_node("nothing", operands[0].tensor_type)]
    checker, head = evaluator.checker, item.span.through(item.subject.span)
    try:
        with standing_at(head):
            again = checker.body.again()
            made = again.layer if again is not None else None
            if made is None:
                symbols = [SymbolicTensor(node) for node in inputs]
                train, infer = (
                    Network(symbols, nest, name=name)
                    for nest, name in zip(nests, MODES, strict=True)
                )
                made = ByMode(train, infer)
                made.span = head
                instance = Instance(head, "match", made)
                checker.own(instance)
                checker.body.name_turn(instance)
            checker.count(head)
            result = made(*map(SymbolicTensor, operands))
    except (Fault, TulleError) as error:
        return checker.failed(error, head)
    return wrapped(result, head)
