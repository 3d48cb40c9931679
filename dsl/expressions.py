"""Expressions to values: names, literals, operators, pipes, indexes, ascriptions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..graph.diagnostics import Fault, InternalError, Label, Span
from ..graph.dim import Dim, Origin
from ..graph.types import DTYPES
from . import (
    branches,
    calls,
    declared,
    guards,
    holes,
    imports,
    library,
    repeats,
    statics,
)
from . import syntax as s
from .arguments import Given, replacement
from .checker import Checker
from .operations import apply_op
from .scope import Scope
from .tokens import FAILED
from .unknown import unknown
from .values import (
    POISON,
    Hole,
    Instance,
    Library,
    Missing,
    Namespace,
    Poison,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

# Values with a name, which a file may shadow.
CONSTANTS = {"none": None, "inf": math.inf}
OPERATORS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "mod",
    "**": "power",
    "@": "matmul",
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "and": "logical_and",
    "or": "logical_or",
}


class Evaluator:
    """Evaluates the expressions of one block.

    `kinds` are tables of the library that this block looks through first: a loss is
    known inside `train`, an initializer behind `param`.
    """

    def __init__(self, checker: Checker, scope: Scope, kinds: tuple[str, ...] = ()):
        self.checker, self.scope, self.kinds = checker, scope, kinds

    def within(self, scope: Scope) -> Evaluator:
        """An evaluator that knows the same tables and the names of a scope."""
        return Evaluator(self.checker, scope, self.kinds)

    def evaluate(self, expression: s.Expression) -> Value:
        """The value of an expression, poison if it has none."""
        match expression:
            case s.Name():
                return self.name(expression)
            case s.Literal(span, value):
                numeric = isinstance(value, int) and not isinstance(value, bool)
                origin = Origin(f"{value} is written here", span) if numeric else None
                return Static(value, origin)
            case s.Group(_, inner):
                return self.evaluate(inner)
            case s.Tuple() | s.List():
                return self.several(expression)
            case s.Chain():
                return self.chain(expression)
            case s.Unary(_, operators, operand):
                return self.negated(self.evaluate(operand), operators, operand.span)
            case s.Power():
                return self.power(expression)
            case s.Application():
                return self.application(expression, expression.trailers)
            case s.Pipe():
                return self.pipe(expression)
            case s.Ascription() | s.Guard() | s.Hole():
                return self.stated(expression)
            case s.If() | s.Match():
                return branches.decided(self, expression)
        raise InternalError(f"`{type(expression).__name__}` has no meaning yet")

    def name(self, name: s.Name) -> Value:
        """What a name stands for: in the file, else in the library."""
        if name.text == FAILED:
            return POISON
        found = self.scope.get(name.text) or library.find(name.text, self.kinds)
        if isinstance(found, Namespace) or (found is None and "." in name.text):
            return imports.not_lent(self, name)
        if isinstance(found, Missing):
            return branches.missing(self, name, found)
        if found is not None:
            self.checker.see(name.span, found)
            return found
        if name.text in DTYPES:
            return Static(name.text)
        if name.text in CONSTANTS:
            return Static(CONSTANTS[name.text])
        return unknown(self, name)

    def items(self, nest: s.Tuple | s.List) -> Iterator[tuple[Value, Span]]:
        """The values of a nest with their places, the sizes of a `..S` one by one."""
        for item in nest.items:
            if not isinstance(item, s.Rest):
                value = self.evaluate(item)
                alone = isinstance(value, Shape) and isinstance(nest, s.List)
                if alone and isinstance(item, s.Name):
                    value = self._not_spread(item)
                yield value, item.span
                continue
            sizes = declared.rest(self, item)
            if sizes is None:
                yield POISON, item.span
            for size in sizes or ():
                yield Static(size if size.value is None else size.value), item.span

    def _not_spread(self, name: s.Name) -> Value:
        message = f"`{name.text}` is several sizes, and an item of a list is one"
        spread = f"..{name.text}"
        help, fix = (f"write `{spread}`",), replacement(name.span, spread)
        return self.checker.error("T0204", message, name.span, help=help, fix=fix)

    def several(self, nest: s.Tuple | s.List) -> Value:
        values = tuple(value for value, _ in self.items(nest))
        if any(isinstance(value, Poison) for value in values):
            return POISON
        if all(isinstance(value, Static) for value in values):
            return Static(tuple(v.value for v in values if isinstance(v, Static)))
        return Tuple(values)

    def chain(self, chain: s.Chain) -> Value:
        first, *others = chain.operands
        value, span = self.evaluate(first), first.span
        for operator, operand in zip(chain.operators, others, strict=True):
            right = self.evaluate(operand)
            value = self.combine(operator, value, span, right, operand.span)
            span = span.through(operand.span)
            self.checker.see(span, value)
        return value

    def power(self, power: s.Power) -> Value:
        values = [self.evaluate(operand) for operand in power.operands]
        value, span = values[-1], power.operands[-1].span
        for index in range(len(values) - 2, -1, -1):
            value = self.negated(value, power.negations[index + 1], span)
            left = power.operands[index]
            value = self.combine(
                power.operators[index], values[index], left.span, value, span
            )
            span = left.span.through(span)
        return value

    def negated(self, value: Value, signs: Sequence[s.Operator], span: Span) -> Value:
        """A value behind minus signs or words `not`; two of them undo each other."""
        for sign in signs[: 2 - len(signs) % 2]:
            if sign.text == "not":
                value = self.denied(value, sign, span)
                continue
            match value:
                case Static(bool()) | Static(str()):
                    pass
                case Static(int() | float() | Dim() as number):
                    value = Static(-number)
                    continue
                case Tensor() | Poison():
                    given = [Given(None, value, span)]
                    value = apply_op(self, "negative", given, sign.span)
                    continue
            return self.checker.error(
                "T0402", f"`-` needs a number or a tensor, not {describe(value)}", span
            )
        return value

    def denied(self, value: Value, sign: s.Operator, span: Span) -> Value:
        match value:
            case Static(bool() as truth):
                return Static(not truth)
            case Tensor() | Poison():
                given = [Given(None, value, span)]
                return apply_op(self, "logical_not", given, sign.span)
        return self.checker.error(
            "T0402", f"`not` needs a truth value, not {describe(value)}", span
        )

    def combine(
        self, operator: s.Operator, left: Value, a: Span, right: Value, b: Span
    ) -> Value:
        """`left operator right`: static where both are, else an op."""
        if isinstance(left, Hole) or isinstance(right, Hole):
            sides = [Given(None, left, a), Given(None, right, b)]
            holes.operands(self, OPERATORS[operator.text], operator.text, sides)
        if isinstance(left, Poison) or isinstance(right, Poison):
            return POISON
        if isinstance(left, Static) and isinstance(right, Static):
            try:
                value = statics.combine(operator.text, left.value, right.value)
            except Fault as fault:
                return self.checker.refuse(fault, operator.span, {0: a, 1: b})
            span = a.through(b)
            whole = isinstance(value, (int, Dim)) and not isinstance(value, bool)
            text = f"{value} is computed here"
            return Static(value, Origin(text, span) if whole else None)
        given = [Given(None, left, a), Given(None, right, b)]
        name = OPERATORS[operator.text]
        return apply_op(self, name, given, operator.span, operator.text)

    def application(
        self, application: s.Application, trailers: Sequence[s.Call | s.Index]
    ) -> Value:
        """The base with the given trailers applied in order."""
        value = self.evaluate(application.base)
        span = application.base.span
        for trailer in trailers:
            if isinstance(trailer, s.Call):
                value = self.hidden(value, application.base)
                whole = span.through(trailer.span)
                value = calls.call(self, value, trailer, whole)
            else:
                value = self.index(value, span, trailer)
            span = span.through(trailer.span)
            self.checker.see(span, value)
        return value

    def hidden(self, value: Value, base: s.Expression) -> Value:
        """What is called; poison if its name hides a function of the library."""
        if isinstance(value, Tensor) and isinstance(base, s.Name):
            if library.find(base.text, self.kinds) is not None:
                made = value.node.span
                return self.checker.error(
                    "T0501",
                    f"`{base.text}` is {describe(value)} here",
                    base.span,
                    labels=(Label(made, "the tensor is made here"),) if made else (),
                    notes=(f"it hides the library's `{base.text}`",),
                    help=("give one of them another name",),
                )
        return value

    def index(self, value: Value, span: Span, index: s.Index) -> Value:
        items = [self.index_item(item) for item in index.items]
        if isinstance(value, Poison) or any(isinstance(i, Poison) for i in items):
            return POISON
        if isinstance(value, (Tuple, Shape)) or (
            isinstance(value, Static) and isinstance(value.value, tuple)
        ):
            return self.pick(value, items, index)
        if not isinstance(value, Tensor):
            return self.checker.error(
                "T0501", f"{describe(value)} has no elements to index", span
            )
        key = Given(None, Static(tuple(items)), index.span)
        given = [Given(None, value, span), key]
        return apply_op(self, "getitem", given, index.span, "[]")

    def pick(self, value: Value, items: Sequence[object], index: s.Index) -> Value:
        """An item of a tuple."""
        match value:
            case Tuple(parts):
                values: tuple[Value, ...] = parts
            case Shape(dims):
                values = tuple(Static(d if d.value is None else d.value) for d in dims)
            case Static(tuple() as plain):
                values = tuple(map(Static, plain))
            case _:
                values = ()
        key = items[0] if len(items) == 1 else None
        if isinstance(key, int) and -len(values) <= key < len(values):
            return values[key]
        return self.checker.error(
            "T0303", f"a list of {len(values)} values has no such item", index.span
        )

    def index_item(self, item: s.Expression | s.Slice) -> object:
        if isinstance(item, s.Slice):
            parts = (item.start, item.stop, item.step)
            values = [None if p is None else self.position(p) for p in parts]
            if any(isinstance(value, Poison) for value in values):
                return POISON
            return slice(*values)
        return self.position(item)

    def position(self, expression: s.Expression) -> object:
        value = self.evaluate(expression)
        match value:
            case Poison():
                return value
            case Static(bool()):
                pass
            case Static(int() | Dim() | None as number):
                return number
        return self.checker.error(
            "T0204",
            f"an index is a whole number or a range, not {describe(value)}",
            expression.span,
            help=("`take(x, [0, 2], axis = 1)` picks several",),
        )

    def pipe(self, pipe: s.Pipe) -> Value:
        value, span = self.evaluate(pipe.first), pipe.first.span
        for stage in pipe.stages:
            value = self.stage(stage, value, span)
            span = stage.function.span
            self.checker.see(pipe.first.span.through(stage.span), value)
        return value

    def stage(self, stage: s.Stage, value: Value, span: Span) -> Value:
        """Apply a stage to what flows into it, ahead of its other arguments."""
        function = stage.function
        if isinstance(function, (s.Repeat, s.Fold)):
            return repeats.staged(self, function, value, span)
        piped = Given(None, value, span)
        last: s.Call | None = None
        if isinstance(function, s.Application):
            before, trailer = function.trailers[:-1], function.trailers[-1]
            last = trailer if isinstance(trailer, s.Call) else None
            target = self.application(function, before if last else function.trailers)
        else:
            target = self.evaluate(function)
        if last is not None and calls.is_constructor(target):
            where = function.span
            target = calls.call(self, target, last, where)
            last = None
        if stage.name is not None:
            self.give_name(target, stage.name)
        elif isinstance(target, Instance):
            self.checker.body.name_turn(target)
        given = [*calls.flowing(target, piped)]
        given += calls.evaluated(self, last) if last else ()
        return calls.apply(self, target, given, function.span)

    def give_name(self, target: Value, name: s.Name) -> None:
        text = self.checker.body.turned(name.text)
        match target:
            case Instance(given_name=None):
                target.rename(text)
            case Instance(given_name=str() as other) if other != text:
                self.checker.error(
                    "T0504", f"this layer is called `{other}` already", name.span
                )
            case Library() | Tensor() | Static():
                self.checker.error(
                    "T0504",
                    f"`as` names a layer, and this stage is {describe(target)}",
                    name.span,
                    help=("name its result with `let`",),
                )

    def stated(self, expression: s.Ascription | s.Guard | s.Hole) -> Value:
        """What states a type, or asks for one."""
        match expression:
            case s.Ascription():
                return self.ascription(expression)
            case s.Guard():
                return guards.guarded(self, expression)
            case s.Hole():
                return holes.made(self, expression)

    def ascription(self, ascription: s.Ascription) -> Value:
        value = self.evaluate(ascription.value)
        wanted = declared.tensor_type(self, ascription.type)
        if wanted is not None:
            holes.wants(self, value, wanted, "its type is stated", ascription.type.span)
        if wanted is None or isinstance(value, Poison):
            return value
        if not isinstance(value, Tensor):
            return self.checker.error(
                "T0309",
                f"{describe(value)} stands where {wanted} is declared",
                ascription.value.span,
            )
        fits = declared.conform(
            self, wanted, value.type, ascription.value.span, ascription.type.span
        )
        return value if fits else POISON
