"""Questions about sizes: are two equal, where do they differ, what solves an equation.

An answer is yes, no or unknown, and never a guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .dim import Dim, DimLike, Symbol, sorted_symbols

WITNESSES = (1, 2, 3, 7)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
TRIED = 256


def equal(left: DimLike, right: DimLike) -> bool | None:
    """Whether two sizes are equal: yes always, no (for some sizes), or unknown.

    "No" means that a valuation within bounds makes them differ everywhere or that one
    witness does; "unknown" is left only where atoms hide the answer.
    """
    left, right = Dim.of(left), Dim.of(right)
    if left == right:
        return True
    difference = left - right
    if difference.value is not None:
        return difference.value == 0
    low, high = difference.bounds()
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    return False if counterexample(difference, 0) is not None else None


def counterexample(left: DimLike, right: DimLike) -> dict[Symbol, int] | None:
    """Sizes for which the two differ, or None if no witness shows it."""
    left, right = Dim.of(left), Dim.of(right)
    for values in valuations(left, right):
        if left.evaluate(values) != right.evaluate(values):
            return values
    return None


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
    value = max(value, symbol.lower)
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
