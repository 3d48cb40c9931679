"""Reductions of the parser to syntax nodes: one method for each rule of the grammar.

The parser calls a method as soon as a rule is complete, so nothing here recurses. All
tokens of a rule are among its children, hence a span runs from the first to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..graph.diagnostics import Span
from . import syntax as s
from .tokens import Token

Child: TypeAlias = Any  # a Token or a syntax node; each rule knows which


def spanned(children: Sequence[Child]) -> Span:
    """From the first child to the last."""
    found: Span = children[0].span.through(children[-1].span)
    return found


def name_of(token: Token) -> s.Name:
    """A token as a name."""
    return s.Name(token.span, token.text)


def _named(children: Sequence[Child]) -> s.Name | None:
    """The name behind `as`, if there is one."""
    if not children:
        return None
    found = children[0]
    return found if isinstance(found, s.Name) else name_of(found)


def names(children: Sequence[Child]) -> list[s.Name]:
    """The tokens among the children that are names."""
    return [name_of(c) for c in children if _is(c, "NAME")]


def _is(child: Child, *kinds: str) -> bool:
    return isinstance(child, Token) and child.type in kinds


def _nodes(children: Sequence[Child], kind: Any = s.Syntax) -> tuple[Any, ...]:
    return tuple(c for c in children if isinstance(c, kind))


def _first(children: Sequence[Child], kind: Any) -> Any:
    return next((c for c in children if isinstance(c, kind)), None)


def _operators(children: Sequence[Child]) -> tuple[s.Operator, ...]:
    return tuple(s.Operator(c.span, c.text) for c in children if isinstance(c, Token))


def _after(children: Sequence[Child], kind: str) -> Any:
    """The child behind a token, or None."""
    for index, child in enumerate(children):
        if _is(child, kind):
            return children[index + 1]
    return None


class Builder:
    """The methods that the parser calls, with all tokens of the rule."""

    def file(self, c: list[Child]) -> s.File:
        return s.File(spanned(c), c[0], tuple(c[1:]))

    def edition(self, c: list[Child]) -> s.Edition:
        return s.Edition(spanned(c), int(c[1].text[:18]))

    def import_item(self, c: list[Child]) -> s.Import:
        path = self.string_literal(c[1:2])
        if isinstance(c[2], tuple):
            return s.Import(spanned([c[0], c[2][-1]]), path, None, c[2])
        return s.Import(spanned(c), path, name_of(c[3]), ())

    def dim_item(self, c: list[Child]) -> s.DimItem:
        bounds = _first(c, (s.Bounds, s.Choices))
        value, where = _after(c, "EQUAL"), _first(c, s.Where)
        return s.DimItem(spanned(c), name_of(c[1]), bounds, value, where)

    def config_item(self, c: list[Child]) -> s.ConfigItem:
        bounds = _first(c, s.Bounds)
        return s.ConfigItem(spanned(c), name_of(c[1]), c[3], c[5], bounds)

    def const_item(self, c: list[Child]) -> s.ConstItem:
        return s.ConstItem(spanned(c), name_of(c[1]), c[3], c[5])

    def fn_item(self, c: list[Child]) -> s.FunctionItem:
        generics, (parameters,) = _first(c, s.Generics), _nodes(c, s.Parameters)
        result = _first(c, s.Result)
        return s.FunctionItem(
            spanned(c), name_of(c[1]), generics, parameters, result,
            _first(c, s.Where), c[-1],
        )  # fmt: skip

    def layer_item(self, c: list[Child]) -> s.LayerItem:
        return s.LayerItem(spanned(c), *self._signature(c[1:]), c[-1])

    def extern_item(self, c: list[Child]) -> s.ExternItem:
        return s.ExternItem(spanned(c), *self._signature(c[2:]))

    def _signature(self, c: list[Child]) -> tuple[s.Name, Any, Any, Any, Any, Any]:
        """Name, generics, settings, parameters, result and conditions of a layer."""
        settings, parameters = _nodes(c, s.Parameters)
        kinds = (s.Generics, s.Result, s.Where)
        generics, result, where = (_first(c, kind) for kind in kinds)
        return name_of(c[0]), generics, settings, parameters, result, where

    def model_item(self, c: list[Child]) -> s.ModelItem:
        where = _first(c, s.Where)
        return s.ModelItem(spanned(c), name_of(c[1]), c[2], c[4], where, c[-1])

    def train_item(self, c: list[Child]) -> s.TrainItem:
        return s.TrainItem(spanned(c), name_of(c[1]), c[2], _nodes(c[3:]))

    def bounds(self, c: list[Child]) -> s.Bounds:
        return s.Bounds(spanned(c), c[0], c[2], c[1].type == "RANGE")

    def choices(self, c: list[Child]) -> s.Choices:
        return s.Choices(spanned(c), _nodes(c))

    def where_clause(self, c: list[Child]) -> s.Where:
        return s.Where(spanned(c), _nodes(c))

    def generics(self, c: list[Child]) -> s.Generics:
        items = tuple(name_of(x) if _is(x, "NAME") else x for x in c)
        return s.Generics(spanned(c), _nodes(items))

    def parameters(self, c: list[Child]) -> s.Parameters:
        return s.Parameters(spanned(c), _nodes(c))

    def parameter(self, c: list[Child]) -> s.Parameter:
        return s.Parameter(spanned(c), name_of(c[0]), c[2], _after(c, "EQUAL"))

    def result(self, c: list[Child]) -> s.Result:
        if len(c) == 1:
            return s.Result(spanned(c), (s.Output(c[0].span, None, c[0]),), False)
        return s.Result(spanned(c), _nodes(c), True)

    def output(self, c: list[Child]) -> s.Output:
        name = name_of(c[0]) if len(c) == 3 else None
        return s.Output(spanned(c), name, c[-1])

    def type_expression(self, c: list[Child]) -> s.TypeExpression:
        dims = _nodes(c[1:]) if len(c) > 1 else None
        return s.TypeExpression(spanned(c), name_of(c[0]), dims)

    def rest(self, c: list[Child]) -> s.Rest:
        return s.Rest(spanned(c), name_of(c[1]))

    def block(self, c: list[Child]) -> s.Block:
        return s.Block(spanned(c), _nodes(c))

    def let_statement(self, c: list[Child]) -> s.Let:
        unpacks = isinstance(c[1], tuple)
        bound = c[1] if unpacks else (name_of(c[1]),)
        return s.Let(spanned(c), bound, unpacks, _after(c, "COLON"), c[-1])

    def names(self, c: list[Child]) -> tuple[s.Name, ...]:
        return tuple(names(c))

    def param_statement(self, c: list[Child]) -> s.ParamStatement:
        return s.ParamStatement(
            spanned(c), name_of(c[1]), c[3], c[5], _after(c, "IF"),
            _after(c, "DECAY"), any(_is(x, "FROZEN") for x in c),
        )  # fmt: skip

    def state_statement(self, c: list[Child]) -> s.StateStatement:
        return s.StateStatement(spanned(c), name_of(c[1]), c[3], c[5])

    def update_statement(self, c: list[Child]) -> s.Update:
        return s.Update(spanned(c), name_of(c[1]), c[3])

    def loss_statement(self, c: list[Child]) -> s.LossStatement:
        return s.LossStatement(spanned(c), c[1])

    def return_statement(self, c: list[Child]) -> s.Return:
        return s.Return(spanned(c), c[1])

    def loss_section(self, c: list[Child]) -> s.LossSection:
        return s.LossSection(spanned(c), c[1])

    def optimizer_section(self, c: list[Child]) -> s.OptimizerSection:
        return s.OptimizerSection(spanned(c), c[1])

    def metrics_section(self, c: list[Child]) -> s.MetricsSection:
        return s.MetricsSection(spanned(c), _nodes(c))

    def freeze_section(self, c: list[Child]) -> s.FreezeSection:
        patterns = [self.string_literal([x]) for x in c if _is(x, "STRING")]
        return s.FreezeSection(spanned(c), tuple(patterns))

    def clip_section(self, c: list[Child]) -> s.ClipSection:
        return s.ClipSection(spanned(c), _nodes(c))

    def run_section(self, c: list[Child]) -> s.RunSection:
        return s.RunSection(spanned(c), _nodes(c))

    def ascription(self, c: list[Child]) -> s.Ascription:
        return s.Ascription(spanned(c), c[0], c[2])

    def guard(self, c: list[Child]) -> s.Guard:
        return s.Guard(spanned(c), c[0], c[2])

    def pipe(self, c: list[Child]) -> s.Pipe:
        return s.Pipe(spanned(c), c[0], tuple(c[1:]))

    def stage(self, c: list[Child]) -> s.Stage:
        return s.Stage(spanned(c), c[1], _named(c[3:]))

    def first_stage(self, c: list[Child]) -> s.Stage:
        return s.Stage(spanned(c), c[0], _named(c[2:]))

    def stage_name(self, c: list[Child]) -> s.Name:
        """`block[2]`, as the turns of a `repeat` are called."""
        return s.Name(spanned(c), "".join(token.text for token in c))

    def stages(self, c: list[Child]) -> tuple[s.Stage, ...]:
        return tuple(c)

    def repeat_stage(self, c: list[Child]) -> s.Repeat:
        token = _after(c, "AS")
        shared = any(_is(x, "SHARED") for x in c)
        name = name_of(token) if token else None
        return s.Repeat(spanned(c), c[1], name, shared, c[-2])

    def fold_stage(self, c: list[Child]) -> s.Fold:
        return s.Fold(spanned(c), name_of(c[1]), c[3], c[5])

    def plain_name(self, c: list[Child]) -> s.Name:
        return name_of(c[0])

    def _chain(self, c: list[Child]) -> s.Chain:
        return s.Chain(spanned(c), tuple(c[::2]), _operators(c[1::2]))

    comparison = sum = product = conjunction = disjunction = _chain
    count = count_product = _chain

    def unary(self, c: list[Child]) -> s.Unary:
        return s.Unary(spanned(c), _operators(c[:-1]), c[-1])

    negation = unary

    def power(self, c: list[Child]) -> s.Power:
        operands, operators, negations = [c[0]], list[s.Operator](), [()]
        signs: list[s.Operator] = []
        for child in c[1:]:
            if _is(child, "DOUBLE_STAR"):
                operators += _operators([child])
            elif _is(child, "MINUS"):
                signs += _operators([child])
            else:
                operands.append(child)
                negations.append(tuple(signs))  # type: ignore[arg-type]
                signs = []
        return s.Power(spanned(c), tuple(operands), tuple(operators), tuple(negations))

    def application(self, c: list[Child]) -> s.Application:
        return s.Application(spanned(c), c[0], tuple(c[1:]))

    count_item = application

    def call(self, c: list[Child]) -> s.Call:
        arguments = (
            x if isinstance(x, s.Argument) else s.Argument(x.span, None, x)
            for x in _nodes(c)
        )
        return s.Call(spanned(c), tuple(arguments))

    def keyword_argument(self, c: list[Child]) -> s.Argument:
        return s.Argument(spanned(c), name_of(c[0]), c[2])

    def index(self, c: list[Child]) -> s.Index:
        return s.Index(spanned(c), _nodes(c))

    def slice_item(self, c: list[Child]) -> s.Slice:
        parts: list[Child] = [None]
        for child in c:
            if _is(child, "COLON"):
                parts.append(None)
            else:
                parts[-1] = child
        return s.Slice(spanned(c), *[*parts, None][:3])

    def name(self, c: list[Child]) -> s.Name:
        return name_of(c[0])

    def hole(self, c: list[Child]) -> s.Hole:
        return s.Hole(spanned(c))

    def if_expression(self, c: list[Child]) -> s.If:
        other = c[7] if _is(c[6], "LBRACE") else c[6]
        return s.If(spanned(c), c[1], c[3], other)

    def match_expression(self, c: list[Child]) -> s.Match:
        return s.Match(spanned(c), name_of(c[1]), _nodes(c, s.Arm))

    def arm(self, c: list[Child]) -> s.Arm:
        return s.Arm(spanned(c), name_of(c[0]), c[2])

    def integer_literal(self, c: list[Child]) -> s.Literal:
        # Longer ones have been refused; Python refuses to convert very long ones.
        return s.Literal(c[0].span, int(c[0].text[:18]))

    def float_literal(self, c: list[Child]) -> s.Literal:
        return s.Literal(c[0].span, float(c[0].text))

    def string_literal(self, c: list[Child]) -> s.Literal:
        return s.Literal(c[0].span, c[0].text[1:-1])

    def boolean_literal(self, c: list[Child]) -> s.Literal:
        return s.Literal(c[0].span, c[0].type == "TRUE")

    def group(self, c: list[Child]) -> s.Group:
        return s.Group(spanned(c), c[1])

    def tuple_literal(self, c: list[Child]) -> s.Tuple:
        return s.Tuple(spanned(c), _nodes(c))

    def list_literal(self, c: list[Child]) -> s.List:
        return s.List(spanned(c), _nodes(c))
