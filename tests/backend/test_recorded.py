"""Numbers that are recorded: the same results for other numbers, or none at all."""

import gc
import math
import operator
import weakref

import numpy as np
import pytest

from tulle.backend.cpu.call import Call
from tulle.backend.cpu.command_table import ROW, Block
from tulle.backend.recorded import (
    KEPT,
    PATIENCE,
    WORTH,
    Recipes,
    Recording,
    Unrecordable,
    jointly,
    larger,
    smaller,
    truth,
)

RANDOM = np.random.default_rng(0)


def recipe(function, *given):
    recording = Recording(given)
    return recording.finish(function(*map(recording.number, range(len(given)))))


def blocks(rows, columns, item):
    """Like what binds products: quotients, bounds, loops that end by a question."""
    size = larger(1, -(-rows // 6)) * 6
    while size * columns > 64:
        size = size // 2
    step = smaller(columns, 7 % item) if columns % item else 0
    return [size, step, 3, 0 - columns, rows**2, rows == columns, math.prod([rows, 2])]


def order(rows, columns, item):
    """Sequences are compared, and numbers with plain ones on either side."""
    same = [rows, columns] == [columns, item]
    return [max(rows, columns, 4), min(3, item), 2 - rows, 100 // item, same]


@pytest.mark.parametrize("function", [blocks, order])
def test_results_are_those_of_the_function_or_there_are_none(function):
    numbers = RANDOM.integers(1, 40, (200, 3)).tolist()
    found = recipe(function, *numbers[0])
    repeated = 0
    for given in numbers:
        results = found.results(given)
        if results is not None:
            assert results == function(*given)
            repeated += 1
    assert 2 < repeated < len(numbers)


def test_every_number_has_the_same_answers_where_nothing_is_asked():
    found = recipe(lambda n: [larger(n, 7), smaller(n, 7), n // 7 * 3 + 1], 5)
    for n in range(20):
        assert found.results([n]) == [max(n, 7), min(n, 7), n // 7 * 3 + 1]
    sized = recipe(lambda n: [abs(n - 7)], 5)
    assert [sized.results([n]) for n in (3, 7, 12)] == [[4], [0], [5]]
    assert not any(answer is not None for *_, answer in found.steps)


@pytest.mark.parametrize(
    "use",
    [bool, operator.index, int, range, hash, lambda n: n == 0, lambda n: {4: 1}.get(n)],
)
def test_plain_numbers_hold_a_recording_to_what_they_are(use):
    def function(n):
        use(n)
        return [n]

    found = recipe(function, 4)
    assert found.results([4]) == [4]
    assert found.results([0]) is None


@pytest.mark.parametrize(
    "use",
    [
        lambda n: n / 2,
        lambda n: n + 0.5,
        lambda n: 1.5 * n,
        lambda n: np.float64(2) * n,
        lambda n: n < 2.5,
        lambda n: 1 << n,
        lambda n: n.real,
        round,
        float,
    ],
)
def test_more_than_whole_numbers_is_not_recorded(use):
    with pytest.raises(Unrecordable):
        recipe(lambda n: [use(n)], 4)


def test_a_mistake_of_the_function_is_not_taken_for_what_cannot_be_recorded():
    for mistake in (lambda n: [n + "1"], lambda n: [[n].size], lambda n: [int("n")]):
        record, _ = counted(mistake)
        with pytest.raises((TypeError, AttributeError, ValueError)) as caught:
            Recipes(0).results([4], record)
        assert not isinstance(caught.value, Unrecordable)


def test_the_length_of_a_number_in_bits_is_recorded():
    assert recipe(lambda n: [n.bit_length()], 4).results([1000]) == [10]


def test_numbers_of_numpy_are_plain_ones():
    found = recipe(lambda n: [np.int64(3) * n, n + np.int32(2), np.int64(5) < n], 4)
    assert found.results([9]) is None
    assert found.results([5]) == [15, 7, 0]


def test_what_nobody_needs_is_left_out():
    def function(n):
        _ = n * 3 + 7
        return [n + 1]

    assert len(recipe(function, 4).steps) == 1


def test_a_quotient_that_is_not_there_has_no_results():
    found = recipe(lambda n, m: [n // m], 8, 2)
    assert found.results([9, 3]) == [3]
    assert found.results([9, 0]) is None


def test_numbers_of_two_recordings_do_not_meet():
    one, two = Recording([1]).number(0), Recording([1]).number(0)
    for use in (operator.add, operator.eq, larger):
        with pytest.raises(TypeError, match="another recording"):
            use(one, two)


@jointly
def halved(number, most):
    """What takes as many questions as it takes, and gives two numbers."""
    turns = 0
    while number > most:
        number, turns = number // 2, turns + 1
    return number, turns


def test_what_is_computed_jointly_asks_nothing():
    def function(rows, columns):
        number, turns = halved(rows * 2, columns)
        return [number + 1, turns, *halved(64, 5)]

    found = recipe(function, 40, 8)
    for given in ((40, 8), (1, 8), (1000, 3), (7, 7)):
        assert found.results(given) == function(*given)
    assert not any(isinstance(answer, bool) for *_, answer in found.steps)


def test_a_comparison_as_a_number_holds_nothing():
    found = recipe(lambda n: [truth(operator.lt, n, 8) * n], 5)
    assert [found.results([n]) for n in (5, 7, 8, 90)] == [[5], [7], [0], [0]]
    assert truth(operator.lt, 3, 4) == 1


def test_blocks_with_gaps_keep_no_recording():
    def recorded():
        recording = Recording([5])
        n = recording.number(0)
        calls = [Call(7, [n * 2, 3, 0], n, n + 1, 2, print), Call(8, [1], 9)]
        block, filling = Block.recorded(calls)
        return block, recording.finish(filling), weakref.ref(recording)

    block, recipe, gone = recorded()
    gc.collect()
    assert gone() is None
    numbers = block.numbers.copy()
    numbers[block.gaps] = recipe.results([9])
    words, rows = numbers[: block.words], numbers[block.words :].reshape(-1, ROW)
    assert words.tolist() == [18, 3, *[0] * 6, 1, *[0] * 7]
    assert rows.tolist() == [[7, 0, 9, 10, 2], [8, 8, 9, 1, -1]]
    assert block.faults == [(slice(0, 3), 2, print)]


def counted(function):
    """A function of a number as `Recipes` have it, and how often it ran."""
    calls = []

    def record(recording):
        calls.append(recording)
        return function(recording.number(0)), "rest"

    return record, calls


def test_recipes_are_made_for_answers_that_differ():
    record, calls = counted(lambda n: [n * 2 if n < 10 else n])
    recipes = Recipes()
    for n in (3, 20, 4, 21, 9, 10, 11, 12, 3):
        found, wanted = recipes.results([n], record), n * 2 if n < 10 else n
        missed = n >= 10 and len(calls) == 1
        assert found == (None if missed else ([wanted], "rest"))
    assert len(calls) == 2


def test_recipes_are_given_up_where_all_numbers_differ():
    record, calls = counted(lambda n: list(range(n)))
    recipes = Recipes()
    found = [recipes.results([n], record) for n in range(40)]
    assert len(calls) == PATIENCE
    assert [n for n, one in enumerate(found) if one is not None] == [
        n * (WORTH + 1) for n in range(PATIENCE)
    ]
    assert recipes.results([0], record) is not None
    assert KEPT >= PATIENCE  # else that one would be forgotten


def test_what_cannot_be_recorded_is_tried_once():
    record, calls = counted(lambda n: [n / 2])
    recipes = Recipes()
    assert [recipes.results([n], record) for n in range(20)] == [None] * 20
    assert len(calls) == 1
