"""Sizes with conditions: what symbols admit, `where` clauses, systems of equations."""

import itertools

import numpy as np
import pytest
from dim_expressions import RULES, same_examples
from hypothesis import given
from hypothesis import strategies as st

import tulle
from tulle.graph.decide import (
    RELATIONS,
    Condition,
    equal,
    example,
    holds,
    solve_all,
    valuations,
)
from tulle.graph.diagnostics import Fault, TulleError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.match import match_types
from tulle.graph.types import tensor_type

T = Symbol("T", step=2)
K = Symbol("K", members=(4, 8, 16))
N = Symbol("N", 1, 12, step=3, rest=1)
F = Symbol("F")
SYMBOLS = (T, K, N, F)
ADMITTED = {
    T: range(2, 40, 2),
    K: (4, 8, 16),
    N: (1, 4, 7, 10),
    F: range(1, 20),
}
t, k, n, f = map(Dim.from_symbol, SYMBOLS)

atoms = st.sampled_from([t, k, n, f]) | st.integers(-3, 9).map(Dim.of)


def grown(inner):
    plain = st.tuples(st.sampled_from(["+", "-", "*", "min", "max"]), inner, inner)
    divided = st.tuples(st.sampled_from(["//", "%"]), inner, st.integers(1, 8))
    return (plain | divided).map(lambda x: RULES[x[0]][0](x[1], x[2]))


dims = st.recursive(atoms, grown, max_leaves=5)
chosen = st.fixed_dictionaries({s: st.sampled_from(list(ADMITTED[s])) for s in SYMBOLS})
conditions = st.lists(
    st.builds(Condition, atoms, st.sampled_from(list(RELATIONS)), atoms), max_size=2
)


def test_what_symbols_admit():
    for symbol in SYMBOLS:
        found = [number for number in range(40) if symbol.admits(number)]
        assert found[:3] == list(ADMITTED[symbol])[:3]
    assert (T.lower, N.lower, N.upper) == (2, 1, 10)
    assert Symbol("x", 0, 7, step=4, rest=2).upper == 6
    assert (T.admitted, K.admitted) == ("at least 2 with T % 2 == 0", "in {4, 8, 16}")


@pytest.mark.parametrize(
    "options",
    [{"members": ()}, {"members": (3,), "step": 2}, {"step": 0},
     {"lower": 1, "upper": 2, "step": 5, "rest": 4}],
)  # fmt: skip
def test_symbols_that_admit_nothing(options):
    with pytest.raises(Fault):
        Symbol("x", **options)


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (t % 2, 0, True),
        (t // 2 * 2, t, True),
        ((t + 1) // 2, t // 2, True),
        (t % 4, 0, False),
        (n % 3, 1, True),
        (k % 4, 0, True),
        (k % 8, 0, False),
        (Dim.of(32) % k, 0, True),
        (Dim.of(24) % k, 0, False),
        ((k - 4) * (k - 8) * (k - 16), 0, True),
        (f % 2, 0, False),
        (k, 5, False),
    ],
)
def test_answers(left, right, answer):
    assert equal(left, right) is answer


LEAST = 3  # examples that the condition of a test has to hold for


@pytest.mark.parametrize(
    ("left", "right", "where", "answer"),
    [
        (f, t * 2, [Condition(f, "==", t * 2)], True),
        (f // 2, t, [Condition(f, "==", t * 2)], True),
        (f, 3, [Condition(f, "==", Dim.of(3))], True),
        (f % 2, 0, [Condition(f % 2, "==", Dim.of(0))], True),
        (f, 1, [Condition(f, ">", Dim.of(1))], False),
        (k, 4, [Condition(k, "<", Dim.of(8))], True),
        (k, 8, [Condition(k, "!=", Dim.of(4)), Condition(k, "<", Dim.of(9))], True),
    ],
)
def test_answers_under_conditions(left, right, where, answer):
    assert equal(left, right, where) is answer


def test_yes_holds_wherever_the_conditions_do():
    met = []

    @same_examples
    @given(dims, dims, conditions, chosen)
    def run(left, right, where, values):
        if equal(left, right, where) is True and all(c.holds(values) for c in where):
            met.append(left)
            assert left.evaluate(values) == right.evaluate(values)

    run()
    assert len(met) > LEAST


pairs = st.tuples(atoms, atoms).filter(lambda pair: pair[1].bounds()[0] > 0)
divisible = pairs.map(lambda pair: Condition(pair[0] % pair[1], "==", Dim.of(0)))
linear = st.builds(Condition, atoms, st.sampled_from(list(RELATIONS)), atoms)
divided = pairs.map(lambda pair: pair[0] // pair[1] * pair[1])
sizes = st.one_of(dims, divided)


def test_a_size_that_divides_evenly_keeps_its_bounds():
    size = Symbol("N", 64, 1024)
    n = Dim.from_symbol(size)
    size.conditions = (Condition(n % 6, "==", Dim.of(0)),)
    assert holds(Condition(n, ">=", Dim.of(64))) is True
    assert holds(Condition(n, "<=", Dim.of(1024))) is True
    assert holds(Condition(n // 2, ">=", Dim.of(33))) is True  # 66 is the first
    assert holds(Condition(n // 3, ">", Dim.of(340))) is False
    assert holds(Condition(n // 3, "<=", Dim.of(340))) is True  # 1020 is the last
    small = Symbol("S", 1, 3)
    s = Dim.from_symbol(small)
    known = [Condition(s % 4, "==", Dim.of(0))]  # none is
    assert holds(Condition(s, "<=", Dim.of(3)), known) is True


def test_answers_about_relations_are_true():
    met = {True: 0, False: 0}

    @same_examples
    @given(sizes, st.sampled_from(list(RELATIONS)), sizes,
           st.lists(divisible | linear, max_size=3), chosen)  # fmt: skip
    def run(left, relation, right, where, values):
        asked = Condition(left, relation, right)
        answer = holds(asked, where)
        if answer is True and all(c.holds(values) for c in where):
            met[answer] += 1
            assert asked.holds(values)
        if answer is False and (found := example(asked.negated, where)):
            met[answer] += 1
            assert all(c.holds(found) for c in where)
            assert not asked.holds(found)

    run()
    assert min(met.values()) > LEAST, met


def test_conditions_of_symbols_are_known():
    d, h, e = (Symbol(name) for name in "dhe")
    even = Condition(Dim.from_symbol(d) % Dim.from_symbol(h), "==", Dim.of(0))
    more = Condition(Dim.from_symbol(e), ">", Dim.from_symbol(d))
    d.conditions, h.conditions, e.conditions = (even,), (even,), (more,)
    width, heads, extra = map(Dim.from_symbol, (d, h, e))
    assert equal(width // heads * heads, width) is True
    assert equal((2 * width) // heads, width // heads * 2) is True
    assert holds(Condition(extra, ">=", width + 1)) is True
    assert holds(Condition(extra, ">=", width + 2)) is False
    assert holds(Condition(width, "<", extra + 5)) is True
    assert holds(Condition(width % 2, "==", Dim.of(0))) is False


def test_no_has_a_failing_valuation():
    met = []

    @same_examples
    @given(dims, dims)
    def run(left, right):
        if equal(left, right) is False:
            met.append(left)
            symbols = sorted(left.symbols() | right.symbols(), key=lambda s: s.order)
            ranges = [list(ADMITTED[symbol]) for symbol in symbols]
            assert any(
                left.evaluate(values) != right.evaluate(values)
                for numbers in itertools.product(*ranges)
                for values in [dict(zip(symbols, numbers, strict=True))]
            )

    run()
    assert len(met) > LEAST


@same_examples
@given(dims)
def test_valuations_are_admitted(dim):
    found = list(valuations(dim))
    assert found
    for values in found:
        assert all(symbol.admits(value) for symbol, value in values.items())


factors = st.lists(st.integers(-4, 4), min_size=9, max_size=9)
regular = factors.filter(lambda given: round(np.linalg.det(np.reshape(given, (3, 3)))))
solutions = st.lists(st.integers(1, 9), min_size=3, max_size=3)


@same_examples
@given(factors, solutions)
def test_systems_are_solved_as_numpy_does(factors, solution):
    solved(factors, solution)


@same_examples
@given(regular, solutions)
def test_regular_systems_are_solved_whole(factors, solution):
    assert len(solved(factors, solution)) == 3


def solved(factors, solution):
    """What is found of the solution of a system, which is held to be right."""
    matrix = np.array(factors).reshape(3, 3)
    symbols = [Symbol(name) for name in "xyz"]
    rows = matrix @ solution
    equations = [
        (sum((Dim.from_symbol(s) * int(a) for s, a in zip(symbols, row, strict=True)),
             Dim.of(0)), int(number))
        for row, number in zip(matrix, rows, strict=True)
    ]  # fmt: skip
    found = solve_all(equations)
    for symbol, number in found.items():
        assert number == solution[symbols.index(symbol)]
    return found


def matched(shapes, arrays):
    names = [f"x{i}" for i in range(len(shapes))]
    declared = [tensor_type("f32", shape) for shape in shapes]
    actual = [tensor_type("f32", shape) for shape in arrays]
    found = match_types(names, declared, actual)
    return {symbol.name: dim.value for symbol, dim in found.items()}


def test_sizes_that_only_a_system_tells():
    a, b, c = (Dim.from_symbol(Symbol(name)) for name in "abc")
    shapes = [(a + b, b + c), (a + c, a + b + c)]
    assert matched(shapes, [(3, 5), (4, 6)]) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(Fault, match="x1"):
        matched(shapes, [(3, 5), (4, 7)])
    with pytest.raises(Fault):
        matched([(a + b, a - b)], [(4, 1)])


def test_the_guard_at_run_time():
    assert matched([(t, k)], [(6, 8)]) == {"T": 6, "K": 8}
    with pytest.raises(Fault) as fault:
        matched([(t, k)], [(5, 8)])
    assert fault.value.notes[0] == "`T` is at least 2 with T % 2 == 0, not 5"
    with pytest.raises(Fault) as fault:
        matched([(t, k)], [(6, 5)])
    assert fault.value.notes[0] == "`K` is in {4, 8, 16}, not 5"
    with pytest.raises(Fault):
        matched([(t * 2 + 1,)], [(3,)])


def test_symbols_in_the_place_of_symbols():
    even = Dim.from_symbol(Symbol("E", step=4))
    assert matched([(t,)], [(even,)]) == {"T": None}
    assert matched([(t,)], [(f * 2,)]) == {"T": None}
    some = Dim.from_symbol(Symbol("M", members=(4, 16)))
    assert matched([(k,)], [(some,)]) == {"K": None}
    for wanted, given_size in ((t, f), (k, f), (k, t), (t, f * 3)):
        with pytest.raises(Fault):
            matched([(wanted,)], [(given_size,)])


def test_conditions_at_run_time():
    wide = Symbol("W")
    w = Dim.from_symbol(wide)
    wide.conditions = (Condition(w, ">=", t),)
    assert matched([(t, w)], [(4, 5)]) == {"T": 4, "W": 5}
    with pytest.raises(Fault, match="`W >= T`: it reads 3 >= 4"):
        matched([(t, w)], [(4, 3)])


def test_what_a_size_may_be_is_saved(tmp_path):
    shape = (Dim.of(1), t, k)
    inputs = tulle.Input(batch_shape=shape)
    model = tulle.Model(inputs, tulle.layers.ReLU()(inputs))
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle")
    symbols = [dim.symbol for dim in again.input_types[0].shape[1:]]
    assert [s.admitted_key for s in symbols] == [T.admitted_key, K.admitted_key]
    assert again(np.ones((1, 2, 4), "float32")).shape == (1, 2, 4)
    with pytest.raises(TulleError, match="T % 2 == 0, not 3"):
        again(np.ones((1, 3, 4), "float32"))
