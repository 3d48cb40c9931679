"""Questions about sizes: are two equal, where do they differ, what solves an equation.

An answer is yes, no or unknown, and never a guess.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .dim import (
    Compound,
    Dim,
    DimLike,
    Symbol,
    divide_exactly,
    maximum,
    minimum,
    sorted_symbols,
)

WITNESSES = (1, 2, 3, 7)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
TRIED = 256
CONDITIONS = 64  # at most so many are looked at
RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Condition:
    """A relation between sizes that is taken to hold: one `where` clause."""

    left: Dim
    relation: str  # ==, !=, <, <=, >, >=
    right: Dim

    def holds(self, values: Mapping[Symbol, int]) -> bool:
        """Whether it holds for numbers."""
        return RELATIONS[self.relation](
            self.left.evaluate(values), self.right.evaluate(values)
        )

    def substitute(self, values: Mapping[Symbol, Dim]) -> Condition:
        return Condition(
            self.left.substitute(values), self.relation, self.right.substitute(values)
        )

    def symbols(self) -> frozenset[Symbol]:
        """All symbols on both sides."""
        return self.left.symbols() | self.right.symbols()

    @property
    def negated(self) -> Condition:
        """What holds exactly where this does not."""
        return Condition(self.left, NEGATED[self.relation], self.right)

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


def equal(
    left: DimLike, right: DimLike, where: Sequence[Condition] = ()
) -> bool | None:
    """Whether two sizes are equal: yes always, no (for some sizes), or unknown.

    "No" means that a valuation within bounds makes them differ everywhere or that one
    witness does; "unknown" is left only where atoms hide the answer. Both keep to what
    the symbols admit and to the conditions given.
    """
    left, right = Dim.of(left), Dim.of(right)
    return True if left == right else holds(Condition(left, "==", right), where)


def real_sizes(*shapes: Sequence[Dim]) -> list[Condition]:
    """That sizes of tensors are not negative, where their bounds do not say so.

    What made such a tensor refuses the data that would make it so.
    """
    found = []
    for dim in dict.fromkeys(dim for shape in shapes for dim in shape):
        low, _ = dim.bounds()
        if dim.value is None and (low is None or low < 0):
            found.append(Condition(dim, ">=", Dim.of(0)))
    return found


def holds(asked: Condition, where: Sequence[Condition] = ()) -> bool | None:
    """Whether a relation holds: yes for all sizes, no for some or all, or unknown.

    What the symbols themselves are taken to fulfil is known besides `where`.
    """
    known = assumed(asked, where)
    if asked in known:
        return True
    left, right, clauses = _reduced(asked.left, asked.right, known)
    first, second, others = _divided(left, right, clauses)
    first, second = _settled(first, others), _settled(second, others)
    answer = _by_bounds(first - second, asked.relation, others)
    if answer is not None:
        return answer
    reduced = Condition(left, asked.relation, right)
    if counterexample(reduced, clauses) is not None:
        return False
    return _listed(_without_common_factors(reduced), clauses)


def _without_common_factors(asked: Condition) -> Condition:
    """An equation without the sizes above 0 that all of it is multiplied by."""
    rest = asked.left - asked.right
    if asked.relation != "==" or not rest.terms:
        return asked
    common = set.intersection(*({atom for atom, _ in part} for part, _ in rest.terms))
    for symbol in sorted_symbols(rest):
        if symbol in common and symbol.lower > 0:
            rest = divide_exactly(rest, Dim.from_symbol(symbol)) or rest
    return Condition(rest, "==", Dim.of(0))


def assumed(asked: Condition, where: Sequence[Condition] = ()) -> list[Condition]:
    """The conditions given and those of all symbols that they and a question name."""
    found = dict.fromkeys(where)
    waiting = [asked, *where]
    while waiting and len(found) < CONDITIONS:
        for symbol in sorted_symbols(*_sides([waiting.pop()])):
            fresh = [c for c in symbol.conditions if c not in found]
            found.update(dict.fromkeys(fresh))
            waiting += fresh
    return list(found)


def _settled(dim: Dim, clauses: Sequence[Condition]) -> Dim:
    """A size whose minima and maxima are decided where conditions decide them."""
    if not clauses:
        return dim
    total = Dim.of(0)
    for monomial, factor in dim.terms:
        found = Dim.of(factor)
        for atom, power in monomial:
            part = Dim((((((atom, 1)),), 1),))
            if isinstance(atom, Compound) and atom.kind in ("min", "max"):
                part = _extreme(atom, clauses)
            for _ in range(power):
                found = found * part
        total = total + found
    return total


def _extreme(atom: Compound, clauses: Sequence[Condition]) -> Dim:
    left, right = _settled(atom.left, clauses), _settled(atom.right, clauses)
    low, high = _tightened(left - right, clauses)
    larger = left if low is not None and low >= 0 else None
    if high is not None and high <= 0:
        larger = right
    if larger is None:
        return (minimum if atom.kind == "min" else maximum)(left, right)
    return larger if atom.kind == "max" else left + right - larger


def _by_bounds(
    difference: Dim, relation: str, clauses: Sequence[Condition]
) -> bool | None:
    """The answer to `difference relation 0` as far as bounds tell it."""
    low, high = _tightened(difference, clauses)
    if low is not None and low == high:
        return RELATIONS[relation](low, 0)
    if low is not None and low > 0:
        return relation in (">", ">=", "!=")
    if high is not None and high < 0:
        return relation in ("<", "<=", "!=")
    if low == 0 and relation in (">=", "<"):
        return relation == ">="
    if high == 0 and relation in ("<=", ">"):
        return relation == "<="
    return None


def _tightened(
    difference: Dim, clauses: Sequence[Condition]
) -> tuple[int | None, int | None]:
    """Bounds of a size: its own, or those that an inequality known to hold gives."""
    lows, highs = ([bound] for bound in difference.bounds())
    for clause in clauses:
        gap, least = clause.left - clause.right, int(clause.relation in (">", "<"))
        if clause.relation in ("<", "<="):
            gap = -gap
        elif clause.relation not in (">", ">="):
            continue
        # `gap >= least`: what is left over has bounds of its own.
        below, above = (difference - gap).bounds()[0], (difference + gap).bounds()[1]
        lows.append(None if below is None else below + least)
        highs.append(None if above is None else above - least)
    return (
        max((bound for bound in lows if bound is not None), default=None),
        min((bound for bound in highs if bound is not None), default=None),
    )


def _divided(
    left: Dim, right: Dim, clauses: Sequence[Condition]
) -> tuple[Dim, Dim, list[Condition]]:
    """The sizes with `divisor * quotient` for what is known to divide evenly.

    The quotient is any size within the bounds of what it is a part of.
    """
    clauses = list(clauses)
    for index in range(len(clauses)):
        found = _multiple(clauses[index])
        if found is not None:
            left, right = left.substitute(found), right.substitute(found)
            clauses = [clause.substitute(found) for clause in clauses]
            for symbol, value in found.items():
                clauses.append(Condition(value, ">=", Dim.of(symbol.lower)))
                if symbol.upper is not None:
                    clauses.append(Condition(value, "<=", Dim.of(symbol.upper)))
    return left, right, clauses


def _multiple(clause: Condition) -> dict[Symbol, Dim] | None:
    """A symbol as a multiple, from `(symbol + rest) % divisor == 0`."""
    match clause.left.terms:
        case (((((Compound("%", total, divisor)), 1),), 1),) if clause.right == 0:
            pass
        case _:
            return None
    for monomial, factor in total.terms:
        match monomial:
            case ((Symbol() as symbol, 1),) if factor == 1:
                rest = total - Dim.from_symbol(symbol)
                if symbol in rest.symbols() | divisor.symbols():
                    continue
                (low, high), least = total.bounds(), divisor.bounds()[0]
                if low is None or low < 0 or least is None or least < 1:
                    continue
                lower, upper = int(low > 0), None
                if divisor.value is not None:
                    lower = -(-low // divisor.value)
                    upper = None if high is None else high // divisor.value
                if upper is not None and upper < lower:
                    continue  # no multiple is that small
                name = f"({total}) / {divisor}"
                quotient = Dim.from_symbol(Symbol(name, lower, upper))
                return {symbol: divisor * quotient - rest}
    return None


def _reduced(
    left: Dim, right: Dim, where: Sequence[Condition]
) -> tuple[Dim, Dim, list[Condition]]:
    """The sizes with steps written out and equations of the conditions put in."""
    clauses = list(where)
    for clause in where:
        if clause.relation == "==":
            difference = (clause.left - clause.right).substitute({})
            found = _isolated(difference)
            if found is not None:
                left, right = left.substitute(found), right.substitute(found)
                clauses = [c.substitute(found) for c in clauses]
    symbols = sorted_symbols(left, right, *_sides(clauses))
    steps = {symbol: _stepped(symbol) for symbol in symbols if symbol.step > 1}
    clauses = [clause.substitute(steps) for clause in clauses]
    return left.substitute(steps), right.substitute(steps), clauses


def _isolated(difference: Dim) -> dict[Symbol, Dim] | None:
    """A symbol without bounds to keep that an equation gives: it stands alone."""
    for monomial, factor in difference.terms:
        match monomial:
            case ((Symbol() as symbol, 1),) if factor in (1, -1):
                rest = Dim.from_symbol(symbol) - difference * factor
                plain = symbol.upper is None and symbol.step == 1
                low = rest.bounds()[0]
                if plain and symbol not in rest.symbols():
                    if low is not None and low >= symbol.lower:
                        return {symbol: rest}
    return None


def _stepped(symbol: Symbol) -> Dim:
    """A symbol with a step as `step * k + rest`, `k` being free."""
    step, rest = symbol.step, symbol.rest
    upper = None if symbol.upper is None else (symbol.upper - rest) // step
    members = None
    if symbol.members is not None:
        members = [(member - rest) // step for member in symbol.members]
    lower = (symbol.lower - rest) // step
    count = Symbol(symbol.name, lower, upper, symbol.rigid, members=members)
    return Dim.from_symbol(count) * step + rest


def _sides(clauses: Sequence[Condition]) -> list[Dim]:
    return [side for clause in clauses for side in (clause.left, clause.right)]


def _listed(asked: Condition, where: Sequence[Condition]) -> bool | None:
    """Whether it holds at every valuation, where those can be gone through."""
    symbols = sorted_symbols(*_sides([asked, *where]))
    ranges = [_all_values(symbol) for symbol in symbols]
    if math.prod(len(r) or TRIED + 1 for r in ranges) > TRIED:
        return None
    for numbers in itertools.product(*ranges):
        values = dict(zip(symbols, numbers, strict=True))
        if not all(_defined(dim, values) for dim in _sides([asked, *where])):
            return None
        if all(clause.holds(values) for clause in where) and not asked.holds(values):
            return False
    return True


def _all_values(symbol: Symbol) -> Sequence[int]:
    """All values of a symbol that has few; nothing if there are many."""
    if symbol.members is not None:
        return symbol.members
    if symbol.upper is None or symbol.upper - symbol.lower > TRIED * symbol.step:
        return ()
    return range(symbol.lower, symbol.upper + 1, symbol.step)


def counterexample(
    asked: Condition, where: Sequence[Condition] = ()
) -> dict[Symbol, int] | None:
    """Sizes for which a relation fails, or None if no witness shows it."""
    return example(asked.negated, where)


def example(
    asked: Condition, where: Sequence[Condition] = ()
) -> dict[Symbol, int] | None:
    """Sizes for which a relation holds, or None if no witness shows it."""
    sides = _sides([asked, *where])
    for values in itertools.chain(valuations(*sides), _more_valuations(sides)):
        if all(clause.holds(values) for clause in (*where, asked)):
            return values
    return None


def _more_valuations(dims: Sequence[Dim]) -> Iterator[dict[Symbol, int]]:
    """The first values of each symbol, as many as may be tried."""
    symbols = sorted_symbols(*dims)
    count = int(TRIED ** (1 / max(len(symbols), 1)))
    choices = [sorted({_clamp(s.lower + i, s) for i in range(count)}) for s in symbols]
    for numbers in itertools.product(*choices):
        values = dict(zip(symbols, numbers, strict=True))
        if all(_defined(dim, values) for dim in dims):
            yield values


def valuations(*dims: Dim) -> Iterator[dict[Symbol, int]]:
    """A few admissible values for the symbols of dims: small ones, then mixed ones."""
    symbols = sorted_symbols(*dims)
    choices = [sorted({_clamp(w, s) for w in WITNESSES} | {s.lower}) for s in symbols]
    mixed = [_clamp(PRIMES[i % len(PRIMES)], s) for i, s in enumerate(symbols)]
    small = itertools.islice(itertools.product(*choices), TRIED)
    for numbers in itertools.chain(small, [mixed, mixed[::-1]]):
        values = {s: _clamp(n, s) for s, n in zip(symbols, numbers, strict=True)}
        if all(_defined(dim, values) for dim in dims):
            yield values


def _defined(dim: Dim, values: dict[Symbol, int]) -> bool:
    """Whether the size divides by nothing that is zero there."""
    try:
        dim.evaluate(values)
    except ZeroDivisionError:
        return False
    return True


def _clamp(value: int, symbol: Symbol) -> int:
    """The admitted value near a number."""
    if symbol.members is not None:
        return min(symbol.members, key=lambda member: abs(member - value))
    value = max(value, symbol.lower)
    value += (symbol.rest - value) % symbol.step
    return value if symbol.upper is None else min(value, symbol.upper)


def solve(dim: Dim, number: int) -> tuple[Symbol, int] | None:
    """The value of the only symbol in a linear dim that makes it a number."""
    constant, found = 0, None
    for monomial, factor in dim.terms:
        match monomial:
            case ():
                constant = factor
            case ((Symbol() as symbol, 1),) if found is None:
                found = (symbol, factor)
            case _:
                return None
    if found is None or (number - constant) % found[1]:
        return None
    return found[0], (number - constant) // found[1]


def solve_all(equations: Sequence[tuple[Dim, int]]) -> dict[Symbol, int]:
    """The symbols that linear equations determine together, in whatever order.

    Equations that are not linear are left out; so is what has no whole solution.
    """
    rows: list[dict[Symbol | None, Fraction]] = []
    for dim, number in equations:
        row = _linear(dim - number)
        if row is not None:
            rows.append(row)
    solved: dict[Symbol, dict[Symbol | None, Fraction]] = {}
    for row in rows:
        for symbol, known in solved.items():
            _eliminate(row, symbol, known)
        pivot = next((s for s in row if s is not None), None)
        if pivot is None:
            continue
        factor = row[pivot]
        row = {symbol: value / factor for symbol, value in row.items()}
        for known in solved.values():
            _eliminate(known, pivot, row)
        solved[pivot] = row
    found: dict[Symbol, int] = {}
    for symbol, row in solved.items():
        value = -row.get(None, Fraction(0))
        alone = all(other is None or other is symbol for other in row)
        if alone and value.denominator == 1:
            found[symbol] = int(value)
    return found


def _linear(dim: Dim) -> dict[Symbol | None, Fraction] | None:
    """The factor of each symbol, and under None the constant."""
    row: dict[Symbol | None, Fraction] = {}
    for monomial, factor in dim.terms:
        match monomial:
            case ():
                row[None] = Fraction(factor)
            case ((Symbol() as symbol, 1),):
                row[symbol] = Fraction(factor)
            case _:
                return None
    return row


def _eliminate(
    row: dict[Symbol | None, Fraction],
    symbol: Symbol,
    known: Mapping[Symbol | None, Fraction],
) -> None:
    """Take the multiple of a row away that removes a symbol."""
    factor = row.get(symbol)
    if factor is None or row is known:
        return
    for key, value in known.items():
        rest = row.get(key, Fraction(0)) - factor * value
        if rest:
            row[key] = rest
        else:
            row.pop(key, None)
