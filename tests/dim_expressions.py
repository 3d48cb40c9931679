"""Expressions of sizes, generated: built as a dim, or computed with integers."""

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from tulle.graph.dim import Dim, Symbol, ceildiv, maximum, minimum

SYMBOLS = {"a": Symbol("a"), "b": Symbol("b"), "c": Symbol("c", 2, 9)}
A, B, C = (Dim.from_symbol(symbol) for symbol in SYMBOLS.values())
same_examples = settings(deadline=None, derandomize=True, max_examples=200)

RULES = {
    "+": (lambda x, y: x + y, lambda x, y: x + y),
    "-": (lambda x, y: x - y, lambda x, y: x - y),
    "*": (lambda x, y: x * y, lambda x, y: x * y),
    "//": (lambda x, y: x // y, lambda x, y: x // y),
    "%": (lambda x, y: x % y, lambda x, y: x % y),
    "min": (minimum, min),
    "max": (maximum, max),
    "ceildiv": (ceildiv, lambda x, y: -(-x // y)),
}


@dataclass(frozen=True)
class Expression:
    """A size as a tree: built as a dim, or computed with plain integers."""

    kind: str
    left: Any
    right: Any = None

    def dim(self) -> Dim:
        if self.kind == "number":
            return Dim.of(self.left)
        if self.kind == "symbol":
            return Dim.from_symbol(SYMBOLS[self.left])
        return RULES[self.kind][0](self.left.dim(), self.right.dim())

    def number(self, values: dict[str, int]) -> int:
        if self.kind == "number":
            return self.left
        if self.kind == "symbol":
            return values[self.left]
        left, right = self.left.number(values), self.right.number(values)
        return RULES[self.kind][1](left, right)


numbers = st.integers(-5, 12).map(lambda n: Expression("number", n))
symbols = st.sampled_from("abc").map(lambda name: Expression("symbol", name))
divisors = st.integers(1, 6).map(lambda n: Expression("number", n)) | symbols


def grown(inner):
    plain = st.builds(
        Expression, st.sampled_from(["+", "-", "*", "min", "max"]), inner, inner
    )
    divided = st.builds(
        Expression, st.sampled_from(["//", "%", "ceildiv"]), inner, divisors
    )
    return plain | divided


expressions = st.recursive(numbers | symbols, grown, max_leaves=8)
values = st.fixed_dictionaries(
    {"a": st.integers(1, 40), "b": st.integers(1, 40), "c": st.integers(2, 9)}
)


def at(chosen: dict[str, int]) -> dict[Symbol, int]:
    return {SYMBOLS[name]: value for name, value in chosen.items()}
