"""The syntax tree of a `.net` file: frozen nodes, each with its span.

Chains (`a + b - c`, `x |> f |> g`, `f(a)(b)[c]`) are flat, so the depth of a tree is
bounded by the nesting of brackets. The checker gives the nodes their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeAlias

from ..graph.diagnostics import Span


@dataclass(frozen=True, slots=True, eq=False)
class Syntax:
    """Any node."""

    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Name(Syntax):
    """A name, where it is declared or used."""

    text: str


def names_within(tree: object) -> Iterator[Name]:
    """All names in a tree, or in a tuple of trees, as they stand."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack += reversed(node)
        elif isinstance(node, Name):
            yield node
        elif isinstance(node, Syntax):
            stack += reversed([getattr(node, field.name) for field in fields(node)])


@dataclass(frozen=True, slots=True, eq=False)
class Operator(Syntax):
    """An operator between operands."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Syntax):
    """A number, a string, `true` or `false`."""

    value: int | float | str | bool


@dataclass(frozen=True, slots=True, eq=False)
class Tuple(Syntax):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class List(Syntax):
    items: tuple[Expression | Rest, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group(Syntax):
    """An expression in parentheses."""

    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Syntax):
    """Minus signs, or words `not`, before an operand."""

    operators: tuple[Operator, ...]
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Power(Syntax):
    """`a ** b ** c`, grouped from the right; `negations` belong to later operands."""

    operands: tuple[Expression, ...]
    operators: tuple[Operator, ...]
    negations: tuple[tuple[Operator, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Syntax):
    """Operands between operators of one precedence, `and` and `or` among them.

    They are grouped from the left.
    """

    operands: tuple[Expression, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Argument(Syntax):
    """An argument of a call, or an entry of a block of settings."""

    name: Name | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Call(Syntax):
    """`(a, key = b)` behind what is called."""

    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Syntax):
    start: Expression | None
    stop: Expression | None
    step: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Index(Syntax):
    """`[:, 0]` behind what is indexed."""

    items: tuple[Expression | Slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Application(Syntax):
    """A base with calls and indexes behind it, applied in order."""

    base: Expression
    trailers: tuple[Call | Index, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stage(Syntax):
    """`|> function as name`; also the first of the stages that are repeated."""

    function: Expression | Repeat | Fold
    name: Name | None


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Syntax):
    """`repeat 6 as i { stages }`; with `shared`, all turns have one set of weights."""

    count: Expression
    name: Name | None
    shared: bool
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fold(Syntax):
    """`fold f in [64, 128] { stages }`: a turn for each value, with its own weights."""

    name: Name
    values: Expression
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pipe(Syntax):
    first: Expression
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Hole(Syntax):
    """`?`, a place whose type the checker tells."""


@dataclass(frozen=True, slots=True, eq=False)
class If(Syntax):
    """`if condition { value } else { other }`, decided before anything runs."""

    condition: Expression
    value: Expression
    other: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Arm(Syntax):
    """`train => value`."""

    name: Name
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Match(Syntax):
    """`match mode { train => …, infer => … }`."""

    subject: Name
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rest(Syntax):
    """`..S`, the rest of a shape."""

    name: Name


@dataclass(frozen=True, slots=True, eq=False)
class TypeExpression(Syntax):
    """`f32[B, 784]`, or a bare `int` without dims."""

    dtype: Name
    dims: tuple[Expression | Rest, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Ascription(Syntax):
    """`x : f32[B]`, checked."""

    value: Expression
    type: TypeExpression


@dataclass(frozen=True, slots=True, eq=False)
class Guard(Syntax):
    """`x :? f32[B, K]`, checked when it runs."""

    value: Expression
    type: TypeExpression


Expression: TypeAlias = (
    Name
    | Literal
    | Tuple
    | List
    | Group
    | Unary
    | Power
    | Chain
    | Application
    | Pipe
    | Hole
    | If
    | Match
    | Ascription
    | Guard
)


@dataclass(frozen=True, slots=True, eq=False)
class Let(Syntax):
    """`let a = …`, or `let (a, b) = …` when `unpacks`."""

    names: tuple[Name, ...]
    unpacks: bool
    type: TypeExpression | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class ParamStatement(Syntax):
    """`param w: f32[K, N] = he_normal() if flag decay 0.01 frozen`."""

    name: Name
    type: TypeExpression
    value: Expression
    condition: Expression | None
    decay: Expression | None
    frozen: bool


@dataclass(frozen=True, slots=True, eq=False)
class StateStatement(Syntax):
    """`state m: f32[C] = zeros()`: a value that calls may change."""

    name: Name
    type: TypeExpression
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Update(Syntax):
    """`update m := …`, which happens in training only."""

    name: Name
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class LossStatement(Syntax):
    """`loss …` in a body: added to what training minimizes."""

    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Return(Syntax):
    value: Expression


Statement: TypeAlias = (
    Let | ParamStatement | StateStatement | Update | LossStatement | Return
)


@dataclass(frozen=True, slots=True, eq=False)
class Block(Syntax):
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds(Syntax):
    """`in low..high`; without the upper end when not `closed`."""

    low: Expression
    high: Expression
    closed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Choices(Syntax):
    """`in {4, 8, 16}`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Where(Syntax):
    """`where D % H == 0, T > 1`: what callers have to see to."""

    conditions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Syntax):
    """A parameter of a function, layer or model."""

    name: Name
    type: TypeExpression
    default: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Parameters(Syntax):
    items: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Output(Syntax):
    """One result, possibly named."""

    name: Name | None
    type: TypeExpression


@dataclass(frozen=True, slots=True, eq=False)
class Result(Syntax):
    """What follows `->`; several outputs stand in parentheses."""

    outputs: tuple[Output, ...]
    several: bool


@dataclass(frozen=True, slots=True, eq=False)
class Generics(Syntax):
    items: tuple[Name | Rest, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Edition(Syntax):
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Import(Syntax):
    """`import "blocks.net" as blocks`, or the names that are taken over."""

    path: Literal
    alias: Name | None
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DimItem(Syntax):
    name: Name
    bounds: Bounds | Choices | None
    value: Expression | None
    where: Where | None


@dataclass(frozen=True, slots=True, eq=False)
class ConfigItem(Syntax):
    name: Name
    type: TypeExpression
    value: Expression
    bounds: Bounds | None


@dataclass(frozen=True, slots=True, eq=False)
class ConstItem(Syntax):
    name: Name
    type: TypeExpression
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class FunctionItem(Syntax):
    name: Name
    generics: Generics | None
    parameters: Parameters
    result: Result
    where: Where | None
    body: Block | Expression


@dataclass(frozen=True, slots=True, eq=False)
class LayerItem(Syntax):
    name: Name
    generics: Generics | None
    settings: Parameters
    parameters: Parameters
    result: Result
    where: Where | None
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class ExternItem(Syntax):
    """The signature of a layer that the host gives."""

    name: Name
    generics: Generics | None
    settings: Parameters
    parameters: Parameters
    result: Result
    where: Where | None


@dataclass(frozen=True, slots=True, eq=False)
class ModelItem(Syntax):
    name: Name
    parameters: Parameters
    result: Result
    where: Where | None
    body: Block


Definition: TypeAlias = FunctionItem | LayerItem | ExternItem | ModelItem


@dataclass(frozen=True, slots=True, eq=False)
class LossSection(Syntax):
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class OptimizerSection(Syntax):
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class MetricsSection(Syntax):
    entries: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FreezeSection(Syntax):
    """`freeze "encoder/*"`: the parameters that training leaves alone."""

    patterns: tuple[Literal, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ClipSection(Syntax):
    """`clip { norm = 1.0 }`: bounds of gradients."""

    entries: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RunSection(Syntax):
    entries: tuple[Argument, ...]


Section: TypeAlias = (
    LossSection
    | OptimizerSection
    | MetricsSection
    | FreezeSection
    | ClipSection
    | RunSection
)


@dataclass(frozen=True, slots=True, eq=False)
class TrainItem(Syntax):
    model: Name
    parameters: Parameters
    sections: tuple[Section, ...]


Item: TypeAlias = (
    Import
    | DimItem
    | ConfigItem
    | ConstItem
    | FunctionItem
    | LayerItem
    | ExternItem
    | ModelItem
    | TrainItem
)


@dataclass(frozen=True, slots=True, eq=False)
class File(Syntax):
    edition: Edition
    items: tuple[Item, ...]
    lost: tuple[str, ...] = ()  # names of declarations that are not well formed
