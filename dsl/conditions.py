"""`where` clauses and choices: what sizes are taken to fulfil, and what callers prove.

Inside a definition its conditions hold: the sizes that they name are fresh symbols that
know them. Who uses the definition has to see to them, for all sizes that may come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ..graph.advice import settling
from ..graph.decide import RELATIONS, Condition, assumed, counterexample, example, holds
from ..graph.diagnostics import Label, Span
from ..graph.dim import Dim, Origin, Symbol, sorted_symbols
from . import syntax as s
from .scope import Scope
from .values import Poison, Static, describe

if TYPE_CHECKING:
    from .expressions import Evaluator

Conditioned: TypeAlias = s.FunctionItem | s.LayerItem | s.ModelItem | s.ExternItem


@dataclass(frozen=True)
class Clause:
    """A condition with its place; one without sizes is true or false."""

    span: Span
    condition: Condition | None
    truth: bool = True
    names: tuple[tuple[str, Static], ...] = ()  # what it names, and what that is here

    @property
    def values(self) -> str:
        """What the names of the clause stand for."""
        return " and ".join(f"`{name}` is {_shown(v)}" for name, v in self.names)


MAX_CONDITIONS = 64
TRIED = 2**16  # a number below it is gone through for one that divides it


def clauses(evaluator: Evaluator, where: s.Where | None) -> list[Clause] | None:
    """The conditions of a `where`, each for itself; None after a mistake."""
    found: list[Clause] = []
    for expression in where.conditions if where else ():
        for part in _parts(expression):
            clause = _clause(evaluator, part)
            if clause is None:
                return None
            found.append(replace(clause, names=tuple(_names(evaluator, part))))
            if len(found) > MAX_CONDITIONS:
                message = f"a `where` clause has at most {MAX_CONDITIONS} conditions"
                evaluator.checker.error("T0390", message, part.span)
                return None
    return found


def _parts(expression: s.Expression) -> Iterator[s.Expression]:
    """What `and` joins."""
    match expression:
        case s.Chain(_, operands, operators) if operators[0].text == "and":
            for operand in operands:
                yield from _parts(operand)
        case s.Group(_, inner):
            yield from _parts(inner)
        case _:
            yield expression


def _names(
    evaluator: Evaluator, expression: s.Expression
) -> Iterator[tuple[str, Static]]:
    """The names in a condition that stand for something static."""
    for name in dict.fromkeys(node.text for node in s.names_within(expression)):
        value = evaluator.scope.get(name)
        if isinstance(value, Static):
            yield name, value


def _shown(value: Static) -> str:
    plain = value.value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _clause(evaluator: Evaluator, expression: s.Expression) -> Clause | None:
    negated = False
    inner = expression
    while isinstance(inner, s.Group | s.Unary):
        if isinstance(inner, s.Unary):
            if inner.operators[0].text != "not":
                break
            negated ^= len(inner.operators) % 2 == 1
            inner = inner.operand
        else:
            inner = inner.value
    match inner:
        case s.Chain(_, (first, second), (operator,)) if operator.text in RELATIONS:
            sides = evaluator.evaluate(first), evaluator.evaluate(second)
            if any(isinstance(side, Poison) for side in sides):
                return None
            dims = [side.dim() for side in sides if _is_size(side)]  # type: ignore[union-attr]
            if len(dims) == 2:
                plain = Condition(dims[0], operator.text, dims[1])
                told = plain.negated if negated else plain
                asked = Origin(f"`{told}` is asked here", expression.span)
                left = told.left.born(asked)
                return Clause(expression.span, replace(told, left=left))
        case s.Chain(_, operands, operators) if operators[0].text == "or":
            found = _either(evaluator, operands, operators[0])
            return found and replace(found, truth=found.truth is not negated)
    value = evaluator.evaluate(expression)
    match value:
        case Poison():
            return None
        case Static(bool() as truth):
            return Clause(expression.span, None, truth)
    message = f"a condition compares sizes or settings, and this is {describe(value)}"
    evaluator.checker.error("T0204", message, expression.span)
    return None


def _either(
    evaluator: Evaluator, operands: Sequence[s.Expression], operator: s.Operator
) -> Clause | None:
    """What `or` joins, which are conditions on settings."""
    truths = []
    for operand in operands:
        clause = _clause(evaluator, operand)
        if clause is None:
            return None
        condition = clause.condition
        if condition is not None and condition.symbols():
            message = "conditions on sizes are joined by `and`, not by `or`"
            evaluator.checker.error("T0204", message, operator.span)
            return None
        truths.append(clause.truth if condition is None else condition.holds({}))
    return Clause(operands[0].span, None, any(truths))


def _is_size(value: object) -> bool:
    return (
        isinstance(value, Static)
        and isinstance(value.value, (int, Dim))
        and not isinstance(value.value, bool)
    )


# Sizes with conditions.


def assume(evaluator: Evaluator, where: s.Where | None) -> Scope | None:
    """A scope in which conditions hold: the sizes that they name know them.

    Reports a condition that holds for no size, and then gives None.
    """
    found = clauses(evaluator, where)
    if found is None:
        return None
    known = [clause.condition for clause in found if clause.condition]
    named = sorted_symbols(*(side for c in known for side in (c.left, c.right)))
    fresh = {symbol: Dim.from_symbol(_copy(symbol)) for symbol in named}
    scope = Scope(evaluator.scope)
    for name in dict.fromkeys(evaluator.scope if fresh else ()):
        value = evaluator.scope.get(name)
        if isinstance(value, Static) and isinstance(value.value, Dim):
            if value.value.symbols() & fresh.keys():
                dim = value.value.substitute(fresh)
                scope[name] = replace(value, value=dim)
    for clause in found:
        if not _take(evaluator, clause, fresh):
            return None
    return scope


def _copy(symbol: Symbol) -> Symbol:
    made = Symbol(
        symbol.name, symbol.lower, symbol.upper, symbol.rigid, symbol.origin,
        symbol.step, symbol.rest, symbol.members,
    )  # fmt: skip
    made.conditions = symbol.conditions
    return made


def restrict(evaluator: Evaluator, where: s.Where | None) -> bool:
    """Let a declared size know its conditions; False if none can be."""
    found = clauses(evaluator, where)
    return found is not None and all(_take(evaluator, c, {}) for c in found)


def _take(evaluator: Evaluator, clause: Clause, fresh: dict[Symbol, Dim]) -> bool:
    """Attach a condition to the sizes that it names."""
    condition, span = clause.condition, clause.span
    if condition is None or not condition.symbols():
        if clause.truth if condition is None else condition.holds({}):
            return True
        reads = clause.values or "it is false"
        evaluator.checker.error("T0331", f"the condition does not hold: {reads}", span)
        return False
    told = condition.substitute(fresh) if fresh else condition
    told = replace(told, left=told.left.born(condition.left.origin))
    if holds(told.negated) is True:
        message = f"no size fulfils the condition `{condition}`"
        notes = tuple(bounds_of([condition]))
        evaluator.checker.error("T0331", message, span, notes=notes)
        return False
    for symbol in told.symbols():
        if told not in symbol.conditions:
            symbol.conditions = (*symbol.conditions, told)
    return True


def fit(evaluator: Evaluator, where: s.Where | None) -> bool | None:
    """Whether conditions can hold for the numbers that are known; None if wrong."""
    found = clauses(evaluator, where)
    if found is None:
        return None
    plain = [c.condition for c in found if c.condition and not c.condition.symbols()]
    good = all(clause.truth for clause in found)
    return good and all(condition.holds({}) for condition in plain)


# Conditions to prove.


def required(evaluator: Evaluator, item: Conditioned, title: str, span: Span) -> bool:
    """Whether the conditions of a definition are proven for one use; told if not.

    The evaluator knows what the sizes and settings of the definition are here.
    """
    asked = clauses(evaluator, item.where)
    return asked is not None and all(
        _proven(evaluator, clause, title, span) for clause in asked
    )


def _proven(evaluator: Evaluator, clause: Clause, title: str, span: Span) -> bool:
    known = clause.condition
    text = _written(clause.span)
    here = Label(clause.span, f"`{title}` asks for it here")
    if known is None:
        if not clause.truth:
            message = f"`{title}` needs `{text}`, and {clause.values or 'it is false'}"
            labels = (here, *_births(clause, (span, clause.span)))
            help = _divisors(clause)
            evaluator.checker.error("T0331", message, span, labels=labels, help=help)
        return clause.truth
    answer = holds(known)
    if answer is True:
        return True
    told, symbols = str(known), bool(known.symbols())
    message = f"`{title}` needs `{text}`"
    if told != text and symbols:
        message += f", here `{told}`"
    others = assumed(known)
    bad, good = counterexample(known, others), example(known, others)
    code = "T0331" if bad is not None or not symbols else "T0332"
    if not symbols:
        message += f", and {clause.values or 'it is false'}"
    elif bad is not None:
        message += f", which is false for {_valuation(bad)}"
    else:
        message += ", which cannot be decided"
    notes = bounds_of([known])
    if good is not None and symbols:
        notes.append(f"it is true for {_valuation(good)}")
    owner = _owner(evaluator) if good is not None and symbols else None
    help = (f"let `{owner}` ask for it: `where {told}`",) if owner else ()
    help = help if symbols else _divisors(clause)
    evaluator.checker.error(
        code,
        message,
        span,
        labels=(here, *_births(clause, (span, clause.span))),
        notes=tuple(notes),
        help=help,
    )
    return False


def _divisors(clause: Clause) -> tuple[str, ...]:
    """The numbers near the one of `K % heads == 0` that do divide."""
    found = re.fullmatch(r"(\w+) % (\w+) == 0", _written(clause.span))
    if found is None:
        return ()
    values = {n: v.value for n, v in clause.names}
    values = {n: v.value if isinstance(v, Dim) else v for n, v in values.items()}
    whole, part = values.get(found[1]), values.get(found[2])
    if not isinstance(whole, int) or not isinstance(part, int):
        return ()
    if not 0 < part < whole < TRIED:
        return ()
    lower = next((n for n in range(part - 1, 0, -1) if whole % n == 0), None)
    upper = next(n for n in range(part + 1, whole + 1) if whole % n == 0)
    near = f"{upper}" if lower is None else f"{lower} and {upper}"
    return (f"near {part}, {near} divide {whole}",)


def _owner(evaluator: Evaluator) -> str | None:
    """The definition that uses the one whose conditions are asked for."""
    active = [name for _, name in evaluator.checker.active]
    return active[-2] if len(active) > 1 else None


def _births(clause: Clause, told: Sequence[Span]) -> Iterator[Label]:
    """Where the sizes and settings of a condition come from."""
    seen = set(told)
    for _, value in clause.names:
        size = isinstance(value.value, Dim) or value.origin is None
        origins = value.value.history() if isinstance(value.value, Dim) else ()
        for origin in origins if size else (value.origin,):
            if origin and origin.span and origin.span not in seen:
                seen.add(origin.span)
                yield Label(origin.span, origin.text)


def settled_by(left: Dim, right: Dim) -> tuple[list[str], list[str]]:
    """Notes on two sizes that are equal for some values alone, and what would help."""
    asked = Condition(right, "==", left)
    known = assumed(asked)
    good, bad = example(asked, known), counterexample(asked, known)
    if left.symbols() != right.symbols() or good is None:
        return [], []
    notes = bounds_of([asked])
    if bad is not None:
        notes.append(
            f"`{asked}` is true for {_valuation(good)}, not for {_valuation(bad)}"
        )
    else:
        notes.append(f"`{asked}` is true for {_valuation(good)}")
    wanted = next((c for c in settling(left, right) if holds(asked, [c])), asked)
    return notes, [f"ask for it: `where {wanted}`"]


def bounds_of(conditions: Sequence[Condition]) -> list[str]:
    """What is known of the sizes in conditions, in words."""
    dims = [side for c in conditions for side in (c.left, c.right)]
    found = []
    for symbol in sorted_symbols(*dims):
        text = f"`{symbol}` is {symbol.admitted}"
        known = [str(c) for c in symbol.conditions]
        found.append(f"{text}, and {' and '.join(known)}" if known else text)
    return found


def _valuation(values: dict[Symbol, int]) -> str:
    return ", ".join(f"{symbol} = {number}" for symbol, number in values.items())


def _written(span: Span) -> str:
    """The text of a clause as its author wrote it."""
    if span.line != span.end_line:
        return "the condition"
    return span.text
