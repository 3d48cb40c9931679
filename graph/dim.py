"""Sizes: canonical integer polynomials over symbols, with bounds and provenance.

A `Dim` is a sum of integer multiples of monomials; a monomial is a product of atoms;
an atom is a `Symbol` or a floor, modulus, minimum or maximum of dims that could not be
simplified. Equal dims have equal terms. Where a size was born is kept beside it and
plays no part in equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from operator import index
from typing import TypeAlias

from numpy import bool_

from .diagnostics import Fault
from .immutable import Immutable
from .symbol import Origin as Origin
from .symbol import Symbol as Symbol

LIMIT = 2**31  # every size of a tensor stays below this
TERMS = 64

Monomial: TypeAlias = "tuple[tuple[Atom, int], ...]"
Terms: TypeAlias = "tuple[tuple[Monomial, int], ...]"
DimLike: TypeAlias = "Dim | int"


@dataclass(frozen=True, slots=True)
class Compound:
    """`//`, `%`, `min` or `max` of two dims that does not simplify."""

    kind: str
    left: Dim
    right: Dim

    @property
    def order(self) -> tuple[str, int]:
        return (str(self), -1)

    def __str__(self) -> str:
        if self.kind in ("min", "max"):
            return f"{self.kind}({self.left}, {self.right})"
        return f"{_wrapped(self.left)} {self.kind} {_wrapped(self.right)}"


Atom: TypeAlias = Symbol | Compound


def _wrapped(dim: Dim) -> str:
    text = str(dim)
    return f"({text})" if " " in text else text


@dataclass(frozen=True, slots=True)
class Dim(Immutable):
    """A size: an integer, a symbol, or an expression of them in canonical form."""

    terms: Terms
    origin: Origin | None = None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.value == other
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    @property
    def value(self) -> int | None:
        """The number, if the size is one."""
        if not self.terms:
            return 0
        (monomial, factor), *rest = self.terms
        return factor if not monomial and not rest else None

    @property
    def symbol(self) -> Symbol | None:
        """The symbol, if the size is exactly one symbol."""
        match self.terms:
            case (((((Symbol() as symbol), 1),), 1),):
                return symbol
        return None

    def born(self, origin: Origin | None) -> Dim:
        """The same size with another origin."""
        return Dim(self.terms, origin)

    def history(self) -> Iterator[Origin]:
        """The places this size comes from: its own, else those of its symbols."""
        if self.origin is not None:
            yield from self.origin.trail()
        else:
            yield from (s.origin for s in sorted_symbols(self) if s.origin)

    def symbols(self) -> frozenset[Symbol]:
        """All symbols in the expression."""
        found: set[Symbol] = set()
        stack = [self]
        while stack:
            for monomial, _ in stack.pop().terms:
                for atom, _ in monomial:
                    if isinstance(atom, Symbol):
                        found.add(atom)
                    else:
                        stack += [atom.left, atom.right]
        return frozenset(found)

    def evaluate(self, values: Mapping[Symbol, int]) -> int:
        """The number, given one for each symbol."""
        total = 0
        for monomial, factor in self.terms:
            for atom, power in monomial:
                factor *= _atom_value(atom, values) ** power
            total += factor
        return total

    def substitute(self, values: Mapping[Symbol, Dim]) -> Dim:
        """The size with dims in place of symbols; keeps its origin."""
        if not values or not self.terms or self.value is not None:
            return self
        total = ZERO
        for monomial, factor in self.terms:
            product = Dim.of(factor)
            for atom, power in monomial:
                new = _atom_substitute(atom, values)
                for _ in range(power):
                    product = product * new
            total = total + product
        return total.born(self.origin or total.origin)

    def bounds(self) -> tuple[int | None, int | None]:
        """A lower and an upper bound; None where there is none."""
        low: int | None = 0
        high: int | None = 0
        for monomial, factor in self.terms:
            a, b = _monomial_bounds(monomial)
            a, b = (_times(a, factor), _times(b, factor))
            if factor < 0:
                a, b = b, a
            low = None if low is None or a is None else low + a
            high = None if high is None or b is None else high + b
        return low, high

    def __add__(self, other: DimLike) -> Dim:
        total = dict(self.terms)
        for monomial, factor in Dim.of(other).terms:
            total[monomial] = total.get(monomial, 0) + factor
        return _canonical(total)

    def __mul__(self, other: DimLike) -> Dim:
        other = Dim.of(other)
        if other.value == 1:
            return self
        if self.value == 1:
            return other
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = _merge(left, right)
                total[monomial] = total.get(monomial, 0) + a * b
        return _canonical(total)

    def __sub__(self, other: DimLike) -> Dim:
        return self + Dim.of(other) * -1

    def __rsub__(self, other: DimLike) -> Dim:
        return Dim.of(other) - self

    def __neg__(self) -> Dim:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__

    def __floordiv__(self, other: DimLike) -> Dim:
        divisor = _divisor(self, other, "//")
        if (exact := divide_exactly(self, divisor)) is not None:
            return exact
        if divisor.value is not None and divisor.value > 0:
            whole, rest = _split(self, divisor.value)
            if whole.terms:
                return whole + rest // divisor
        low, high = self.bounds()
        least, _ = divisor.bounds()
        if low is not None and low >= 0 and high is not None and least is not None:
            if high < least:
                return ZERO
        if (least or 0) > 0 and (inner := _quotient(self)) is not None:
            atom, more = inner  # x // a // b is x // (a * b), whatever x is
            return (atom.left + atom.right * more) // (atom.right * divisor)
        return _compound("//", self, divisor, lambda a, b: a // b)

    def __mod__(self, other: DimLike) -> Dim:
        divisor = _divisor(self, other, "%")
        if divide_exactly(self, divisor) is not None:
            return ZERO
        rest = self
        if divisor.value is not None and divisor.value > 0:
            _, rest = _split(self, divisor.value)
        low, high = rest.bounds()
        least, _ = divisor.bounds()
        if low is not None and low >= 0 and high is not None and least is not None:
            if high < least:
                return rest
        return _compound("%", rest, divisor, lambda a, b: a % b)

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, factor in sorted(self.terms, key=_display_order):
            alone = factor == 1 and len(monomial) == 1
            text = " * ".join(
                str(atom) if power == 1 and alone else _power_text(atom, power)
                for atom, power in monomial
            )
            size = abs(factor)
            body = text if text and size == 1 else f"{size} * {text}" if text else size
            sign = "-" if factor < 0 else "+"
            parts += (
                [sign, str(body)]
                if parts
                else [("-" if factor < 0 else "") + str(body)]
            )
        return " ".join(parts) or "0"

    def __repr__(self) -> str:
        return f"Dim({self})"

    @staticmethod
    def of(value: DimLike, origin: Origin | None = None) -> Dim:
        """A dim from an integer, or the dim itself."""
        if isinstance(value, Dim):
            return value.born(origin) if origin else value
        if value.__class__ is not int:
            value = _integer(value)
        if value and not origin:
            return _number(value)
        return Dim((((), value),) if value else (), origin)

    @staticmethod
    def from_symbol(symbol: Symbol) -> Dim:
        """A dim that is exactly one symbol."""
        return Dim(((((symbol, 1),), 1),), symbol.origin)


@lru_cache(4096)
def _number(value: int) -> Dim:
    return Dim((((), value),))


def _integer(value: object) -> int:
    """An integer of another library; a truth value, whose hash is 1 or 0, is none."""
    if isinstance(value, (bool, bool_)):
        raise TypeError(f"a size is an integer, not {value!r}")
    return index(value)  # type: ignore[arg-type]


ZERO = Dim(())
_FEW = 6  # terms, factors and powers of a size that is looked at more closely


def _power_text(atom: Atom, power: int) -> str:
    infix = isinstance(atom, Compound) and atom.kind in ("//", "%")
    text = f"({atom})" if infix else str(atom)
    return text if power == 1 else f"{text}**{power}"


def _display_order(term: tuple[Monomial, int]) -> tuple[int, int, tuple[object, ...]]:
    monomial, factor = term
    degree = sum(power for _, power in monomial)
    return (factor < 0, -degree, tuple(str(atom) for atom, _ in monomial))


def _canonical(total: Mapping[Monomial, int]) -> Dim:
    kept = [(m, f) for m, f in total.items() if f]
    if len(kept) > TERMS:
        raise Fault("T0390", f"a size has more than {TERMS} terms after simplification")
    if any(len(monomial) > TERMS for monomial, _ in kept):
        raise Fault("T0390", f"a size has more than {TERMS} factors")
    kept.sort(key=lambda term: [(a.order, p) for a, p in term[0]])
    return Dim(tuple(kept))


def _merge(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].order))


def _split(dim: Dim, number: int) -> tuple[Dim, Dim]:
    """`dim == number * whole + rest` with small non-negative factors in `rest`."""
    whole = {m: f // number for m, f in dim.terms}
    rest = {m: f % number for m, f in dim.terms}
    return _canonical(whole), _canonical(rest)


def divide_exactly(dim: Dim, divisor: Dim) -> Dim | None:
    """The quotient if the division has no remainder for any sizes, else None."""
    if not dim.terms:
        return ZERO if divisor.value != 0 else None
    if len(divisor.terms) != 1:
        return _divide_polynomial(dim, divisor)
    (lower, factor), total = divisor.terms[0], {}
    for monomial, f in dim.terms:
        powers = dict(monomial)
        for atom, power in lower:
            powers[atom] = powers.get(atom, 0) - power
            if powers[atom] < 0:
                return None
        if f % factor:
            return None
        total[tuple((a, p) for a, p in powers.items() if p)] = f // factor
    return _canonical(total)


def _divide_polynomial(dim: Dim, divisor: Dim) -> Dim | None:
    """Long division by the leading term; each turn removes one monomial."""
    quotient, rest = ZERO, dim
    lead = Dim((max(divisor.terms, key=_lead_order),))
    for _ in range(TERMS):
        if not rest.terms:
            return quotient
        step = divide_exactly(Dim((max(rest.terms, key=_lead_order),)), lead)
        if step is None:
            return None
        quotient, rest = quotient + step, rest - step * divisor
    return None


def _lead_order(term: tuple[Monomial, int]) -> tuple[int, list[tuple[object, int]]]:
    return sum(p for _, p in term[0]), [(a.order, p) for a, p in term[0]]


def _quotient(dim: Dim) -> tuple[Compound, int] | None:
    """A quotient by what is positive, and the number added to it, if that is all."""
    match [term for term in dim.terms if term[0]]:
        case [(((Compound(kind="//") as atom, 1),), 1)]:
            if (atom.right.bounds()[0] or 0) > 0:
                return atom, dict(dim.terms).get((), 0)
    return None


def _divisor(dim: Dim, other: DimLike, sign: str) -> Dim:
    divisor = Dim.of(other)
    if divisor.value == 0:
        raise Fault("T0391", f"a size is divided by zero: `{dim} {sign} 0`")
    return divisor


def _compound(kind: str, left: Dim, right: Dim, rule: Callable[[int, int], int]) -> Dim:
    if left.value is not None and right.value is not None:
        return Dim.of(rule(left.value, right.value))
    return Dim(((((Compound(kind, left, right), 1),), 1),))


def _extreme(kind: str, left: Dim, right: Dim) -> Dim:
    low, high = (left - right).bounds()
    first, second = (left, right) if kind == "max" else (right, left)
    if low is not None and low >= 0:
        return first
    if high is not None and high <= 0:
        return second
    if _never_negative(left - right):
        return first
    if _never_negative(right - left):
        return second
    left, right = sorted((left, right), key=str)
    return _compound(kind, left, right, max if kind == "max" else min)


def _never_negative(dim: Dim) -> bool:
    """Whether a small size is at least 0, with its symbols counted from their least.

    So `B * T - T` is `b * t + b` for B = b + 1 and T = t + 1. `d * (x // d)` is x less
    a rest below d. A "no" means nothing.
    """
    if len(dim.terms) > _FEW or any(len(monomial) > _FEW for monomial, _ in dim.terms):
        return False
    total, shifted = ZERO, dict[Symbol, Dim]()
    for monomial, factor in dim.terms:
        match monomial:
            case ((Compound(kind="//", left=top, right=Dim(value=int(by))), 1),) if (
                by > 0 and factor % by == 0
            ):
                rest = Dim.from_symbol(Symbol("rest", 0, by - 1))
                total = total + (top - rest) * (factor // by)
            case _:
                total = total + Dim(((monomial, factor),))
    for monomial, _ in total.terms:
        for atom, power in monomial:
            if isinstance(atom, Compound) or power > _FEW:
                return False
            upper = None if atom.upper is None else atom.upper - atom.lower
            counted = Dim.from_symbol(Symbol(atom.name, 0, upper))
            shifted[atom] = counted + atom.lower
    low = total.substitute(shifted).bounds()[0]
    return low is not None and low >= 0


def minimum(left: DimLike, right: DimLike) -> Dim:
    """The smaller of two sizes."""
    return _extreme("min", Dim.of(left), Dim.of(right))


def maximum(left: DimLike, right: DimLike) -> Dim:
    """The larger of two sizes."""
    return _extreme("max", Dim.of(left), Dim.of(right))


def ceildiv(left: DimLike, right: DimLike) -> Dim:
    """The quotient rounded up."""
    return (Dim.of(left) + Dim.of(right) - 1) // Dim.of(right)


def product(dims: Iterable[DimLike]) -> Dim:
    """The product of sizes; 1 for none."""
    sizes = [size for size in map(Dim.of, dims) if size.value != 1]
    if len(sizes) == 1:
        return sizes[0]  # with its origin
    numbers = [size.value for size in sizes]
    total = Dim.of(prod(number for number in numbers if number is not None))
    for size, number in zip(sizes, numbers, strict=True):
        if number is None:
            total = total * size
    return total


_RULES: dict[str, Callable[[int, int], int]] = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": min,
    "max": max,
}


def _atom_value(atom: Atom, values: Mapping[Symbol, int]) -> int:
    if isinstance(atom, Symbol):
        return values[atom]
    return _RULES[atom.kind](atom.left.evaluate(values), atom.right.evaluate(values))


def _atom_substitute(atom: Atom, values: Mapping[Symbol, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        return values.get(atom) or Dim.from_symbol(atom)
    left, right = atom.left.substitute(values), atom.right.substitute(values)
    builders: dict[str, Callable[[Dim, Dim], Dim]] = {
        "//": Dim.__floordiv__,
        "%": Dim.__mod__,
        "min": minimum,
        "max": maximum,
    }
    return builders[atom.kind](left, right)


def _times(bound: int | None, factor: int) -> int | None:
    return None if bound is None else bound * factor


def _monomial_bounds(monomial: Monomial) -> tuple[int | None, int | None]:
    low: int | None = 1
    high: int | None = 1
    for atom, power in monomial:
        a, b = _atom_bounds(atom)
        if a is None or a < 0:
            return None, None
        low = None if low is None else low * a**power
        high = None if high is None or b is None else high * b**power
    return low, high


def _atom_bounds(atom: Atom) -> tuple[int | None, int | None]:
    if isinstance(atom, Symbol):
        return atom.lower, atom.upper
    (a, b), (c, d) = atom.left.bounds(), atom.right.bounds()
    if atom.kind == "%":
        return 0, None if d is None else d - 1
    if atom.kind == "//":
        if a is None or a < 0 or c is None or c < 1:
            return None, None
        return 0 if d is None else a // d, None if b is None else b // c
    lows, highs = (
        [x for x in (a, c) if x is not None],
        [x for x in (b, d) if x is not None],
    )
    if atom.kind == "max":
        return max(lows, default=None), max(highs) if len(highs) == 2 else None
    return min(lows) if len(lows) == 2 else None, min(highs, default=None)


def sorted_symbols(*dims: Dim) -> list[Symbol]:
    """The symbols of dims in a stable order."""
    found = frozenset[Symbol]().union(*(dim.symbols() for dim in dims))
    return sorted(found, key=lambda symbol: symbol.order)
