"""Sizes: canonical form never changes a value; bounds, substitution and printing."""

import pytest
from dim_expressions import SYMBOLS, A, B, C, at, expressions, same_examples, values
from hypothesis import assume, given
from hypothesis import strategies as st

from tulle.graph.diagnostics import Fault
from tulle.graph.dim import (
    ZERO,
    Dim,
    Origin,
    Symbol,
    ceildiv,
    divide_exactly,
    maximum,
    minimum,
    product,
)


@same_examples
@given(expressions, values)
def test_canonical_form_keeps_the_value(expression, chosen):
    assert expression.dim().evaluate(at(chosen)) == expression.number(chosen)


@same_examples
@given(expressions, values)
def test_bounds_hold(expression, chosen):
    low, high = expression.dim().bounds()
    number = expression.number(chosen)
    assert low is None or low <= number
    assert high is None or number <= high


@same_examples
@given(expressions, values)
def test_printing_is_python(expression, chosen):
    """The printed form, read as Python, has the value."""
    text = str(expression.dim())
    found = eval(text, {"min": min, "max": max, "__builtins__": {}}, chosen)
    assert found == expression.number(chosen)


@same_examples
@given(expressions, expressions, values)
def test_substitution(expression, inner, chosen):
    """Putting a dim in place of a symbol is evaluating in two steps."""
    number = inner.number(chosen)
    assume(number >= 1)
    replaced = expression.dim().substitute({SYMBOLS["a"]: inner.dim()})
    assert replaced.evaluate(at(chosen)) == expression.number({**chosen, "a": number})


@same_examples
@given(expressions, expressions, expressions)
def test_canonical_laws(x, y, z):
    """Equal polynomials are equal dims, however they were written."""
    x, y, z = x.dim(), y.dim(), z.dim()
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)
    assert x * (y + z) == x * y + x * z
    assert x - x == 0
    assert hash(x * y) == hash(y * x)


@same_examples
@given(expressions, expressions)
def test_exact_division(x, y):
    x, y = x.dim(), y.dim()
    assume(y.terms)
    found = divide_exactly(x * y, y)
    if found is not None:
        assert found * y == x * y
    if len(y.terms) == 1:
        assert found == x


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (ZERO, "0"),
        (Dim.of(7), "7"),
        (A, "a"),
        (A * 2 + 1, "2 * a + 1"),
        (1 - A, "1 - a"),
        (A * A * B, "a**2 * b"),
        ((A + 1) * (B - 2), "a * b + b - 2 * a - 2"),
        ((A + 1) // 2, "(a + 1) // 2"),
        (A % 2 * 3, "3 * (a % 2)"),
        (A * (B // 2), "a * (b // 2)"),
        (minimum(A, B), "min(a, b)"),
        (minimum(A * B, A + 1), "min(a * b, a + 1)"),
        (minimum(A * C, 3 * A), "min(3 * a, a * c)"),
        (minimum(3 * ((A + 1) // 3), A), "min(3 * ((a + 1) // 3), a)"),
        (minimum(A * B, A + B), "min(a * b, a + b)"),
    ],
)
def test_text(dim, text):
    assert str(dim) == text


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (A * 6 // 2, A * 3),
        ((A * 4 + 3) // 2, A * 2 + 1),
        (A * B // B, A),
        ((A * A - 1) // (A - 1), A + 1),
        (A * 4 % 2, ZERO),
        ((A * 4 + 3) % 4, Dim.of(3)),
        (C % 10, C),
        (C // 10, ZERO),
        (maximum(A, 1), A),
        (minimum(A * B, A), A),
        (maximum(A * B, A), A * B),
        (minimum(A * C, 2 * A), 2 * A),
        (minimum(2 * (A // 2), A), 2 * (A // 2)),
        (minimum(A * B + 1, A + B), A + B),
        (maximum(A, 0), A),
        (minimum(A + 1, A), A),
        (maximum(C, 9), Dim.of(9)),
        (ceildiv(A * 2, 2), A),
        (product([A, 2, B]), A * B * 2),
        (product([]), Dim.of(1)),
        (product([2, 1, 3]), Dim.of(6)),
        (product([A, 0, 2]), ZERO),
    ],
)
def test_simplification(dim, expected):
    assert dim == expected


def test_symbols_of_one_name_differ():
    other = Dim.from_symbol(Symbol("a"))
    assert other != A
    assert len((A + other).symbols()) == 2
    assert Dim.from_symbol(SYMBOLS["a"]) == A


def test_origins():
    """Provenance is told and plays no part in equality."""
    symbol = Symbol("n", origin=Origin("n is declared here"))
    dim = Dim.from_symbol(symbol) * 2
    assert [origin.text for origin in dim.history()] == ["n is declared here"]
    born = dim.born(Origin("made here"))
    assert born == dim
    assert hash(born) == hash(dim)
    assert [origin.text for origin in born.history()] == ["made here"]
    assert born.substitute({symbol: Dim.of(3)}).origin == Origin("made here")
    assert product([1, born, 1]).origin == Origin("made here")


def test_faults():
    with pytest.raises(Fault, match="divided by zero"):
        Dim.of(3) // 0
    with pytest.raises(Fault, match="divided by zero"):
        A % 0
    many = sum((Dim.from_symbol(Symbol(f"s{i}")) for i in range(12)), ZERO)
    with pytest.raises(Fault, match="more than 64 terms"):
        many * many


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-9, 9), st.integers(1, 300))
def test_a_quotient_of_a_quotient_is_one(first, second, more, number):
    symbol = Symbol("x")
    x = Dim.from_symbol(symbol)
    found = (x // first + more) // second
    assert found.evaluate({symbol: number}) == (number // first + more) // second
    assert "//" not in str(found).replace("//", "", 1)


def test_the_most_factors_of_a_size():
    dims = [Dim.from_symbol(Symbol(f"D{i}")) for i in range(65)]
    most = Dim.of(1)
    for dim in dims[:64]:
        most = most * dim
    assert len(most.terms[0][0]) == 64
    assert len((most * dims[0]).terms[0][0]) == 64
    with pytest.raises(Fault, match="more than 64 factors"):
        most * dims[64]
