"""Questions about sizes: yes, no or unknown, and never a guess."""

import pytest
from dim_expressions import SYMBOLS, A, B, C, at, expressions, same_examples, values
from hypothesis import given

from tulle.graph.decide import Condition, counterexample, equal, solve, valuations
from tulle.graph.dim import Dim, Symbol, maximum, product


@same_examples
@given(expressions, expressions, values)
def test_equal_is_true_to_values(left, right, chosen):
    """Yes holds at every valuation; no comes with a witness, or holds everywhere."""
    answer = equal(left.dim(), right.dim())
    if answer is True:
        assert left.number(chosen) == right.number(chosen)
    if answer is False:
        witness = counterexample(Condition(left.dim(), "==", right.dim()))
        if witness is None:
            assert left.number(chosen) != right.number(chosen)
        else:
            full = at(chosen) | witness
            named = {name: full[symbol] for name, symbol in SYMBOLS.items()}
            assert left.number(named) != right.number(named)


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (A * 2, A + A, True),
        (A, B, False),
        (A, 1, False),
        (A + 1, 1, False),  # by bounds: a is at least 1
        (C, 10, False),
        (maximum(A, B), maximum(B, A), True),
        # Both are a for every a, which no rule here finds.
        ((A * A + A) // (A + 1) * 1, A, True),
        ((A + 1) // 2 + A // 2, A, None),
    ],
)
def test_answers(left, right, answer):
    assert equal(left, right) is answer


def test_sizes_that_both_sides_are_multiplied_by_say_nothing():
    listed = Dim.from_symbol(Symbol("h", members=[4, 8, 16]))
    other = Dim.from_symbol(Symbol("o", members=[4, 8, 18]))
    assert equal(B * A * listed, B * A * 4 * (listed // 4)) is True
    assert equal(B * other, B * 4 * (other // 4)) is False
    empty = Dim.from_symbol(Symbol("e", 0))
    assert equal(empty * listed, empty * 4 * (listed // 4)) is not False


@same_examples
@given(expressions, expressions)
def test_valuations_are_admissible(left, right):
    for witness in valuations(left.dim(), right.dim()):
        for symbol, value in witness.items():
            assert symbol.lower <= value <= (symbol.upper or value)


def test_many_symbols():
    """More symbols than are tried out together are still all given a value."""
    dims = [Dim.from_symbol(Symbol(f"s{i}")) for i in range(9)]
    assert equal(product(dims), product(dims[::-1])) is True
    assert equal(product(dims), product(dims[1:])) is False
    assert equal(product(dims), product([*dims[:-1], 2])) is False
    total = sum(dims, Dim.of(0))
    assert equal(total, total - dims[0] + dims[1]) is False


def test_division_by_zero_is_no_witness():
    assert equal(A // (B - 1), A) is False
    assert all(values[SYMBOLS["b"]] > 1 for values in valuations(A // (B - 1)))


@pytest.mark.parametrize(
    ("dim", "number", "solution"),
    [
        (A, 7, 7),
        (A * 3 + 2, 11, 3),
        (A * 3, 11, None),
        (A * A, 9, None),
        (A * B, 6, None),
        (A + B, 6, None),
        (A // 2, 3, None),
        (Dim.of(3), 3, None),
    ],
)
def test_solve(dim, number, solution):
    found = solve(dim, number)
    assert found == (None if solution is None else (SYMBOLS["a"], solution))
