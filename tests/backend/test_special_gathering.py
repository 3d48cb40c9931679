"""Native gathers and scatters against the reference; indices that are wrong."""

import numpy as np
import pytest
from native_calls import SPECIAL, Call, close, exact, node_of

from tulle.graph.diagnostics import DataError

SHAPES = [(5,), (7, 3), (2, 7, 19), (3, 4, 2, 37)]


def numbers(shape, dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    return random.integers(-50, 50, shape).astype(dtype)


def places(shape, size, dtype="int32", seed=1):
    low = 0 if np.dtype(dtype).kind == "u" else -size
    random = np.random.default_rng(seed)
    return random.integers(low, size, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bool", "int64"])
def test_take(shape, dtype):
    for axis, size in enumerate(shape):
        x = numbers(shape, dtype)
        exact("take", (x, places((11,), size)), axis=axis)
        exact("take", (x, places((3, 2), size, "int64")), axis=axis)
        exact("take", (x, places((), size, "uint8")), axis=axis)
        exact("take", (x, places((0,), size)), axis=axis)


@pytest.mark.parametrize("shape", SHAPES)
def test_add_at(shape):
    for axis in range(len(shape)):
        size, rows = 7, (shape[axis],)
        for dtype in ("float32", "int64"):
            index = places(rows, size, "int32")
            options = {"axis": axis, "size": size, "rank": 1}
            # Small integers add up without rounding.
            exact("add_at", (numbers(shape, dtype), index), **options)


def test_add_at_by_several_axes_of_indices():
    options = {"axis": 1, "size": 5, "rank": 2}
    exact("add_at", (numbers((3, 4, 6, 17)), places((4, 6), 5)), **options)


def test_sums_of_many_rows_are_close():
    x = np.random.default_rng(0).standard_normal((2001, 67)).astype(np.float32)
    options = {"axis": 0, "size": 3, "rank": 1}
    close("add_at", (x, places((2001,), 3)), 1e-5, **options)


def test_indices_of_added_rows_wrap_around():
    index = np.array([-9, 13, 4, 100], np.int32)
    options = {"axis": 0, "size": 5, "rank": 1}
    exact("add_at", (numbers((4, 3)), index), **options)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("size", [0, 300])
def test_rows_are_added_by_indices_that_cannot_hold_the_size(size, dtype):
    index = np.array([0, 3, 127, 3], dtype)
    options = {"axis": 0, "size": size, "rank": 1}
    exact("add_at", (numbers((4, 3)), index), **options)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_along_axis(shape, dtype):
    for axis, size in enumerate(shape):
        few = (*shape[:axis], 3, *shape[axis + 1 :])
        exact("take_along_axis", (numbers(shape, dtype), places(few, size)), axis=axis)
        values, index = numbers(few, dtype), places(few, size)
        exact("add_along_axis", (values, index), axis=axis, size=size)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "int16"])
@pytest.mark.parametrize("index", ["int32", "int64", "uint8", "int8"])
def test_single_elements(dtype, index):
    x = numbers((3, 50), dtype)
    for count in (0, 1, 7, 40, 101):
        exact("take", (x, places((count,), 50, index)), axis=1)
        exact("take_along_axis", (x, places((3, count), 50, index)), axis=1)
    wide = numbers((3, 5, 21), dtype)
    exact("take_along_axis", (wide, places((3, 4, 21), 5, index)), axis=1)


def test_single_elements_are_added_up():
    options = {"axis": 1, "size": 19}
    values, index = numbers((4, 301)), places((4, 301), 19)
    exact("add_along_axis", (values, index), **options)
    exact("add_at", (values, places((301,), 60)), rank=1, **options)


@pytest.mark.parametrize("name", ["take", "take_along_axis"])
@pytest.mark.parametrize("wrong", [0, 9, 39])
def test_a_wrong_index_among_many_gives_zero(name, wrong):
    x, index = numbers((1, 30)) + 100, places((1, 40), 30)
    index[0, wrong] = 30
    operands = (x, index if name == "take_along_axis" else index[0])
    call = Call(node_of(name, operands, axis=1), operands)
    wanted = x[0, index[0] % 30]
    wanted[wrong] = 0
    np.testing.assert_array_equal(call.run()[0][0], wanted)
    assert call.words[SPECIAL[name].flag] == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_set_at(shape):
    x = numbers(shape)
    for count in (0, 1, 9):
        updates = numbers((count, *shape[1:]), seed=2)
        exact("set_at", (x, places((count,), shape[0]), updates))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("reduction", ["max", "min"])
def test_extreme_at(reduction, dtype):
    for shape in SHAPES:
        x, updates = numbers(shape, dtype), numbers((9, *shape[1:]), dtype, seed=2)
        index = np.random.default_rng(3).integers(-2, shape[0] + 2, 9)  # some outside
        exact("extreme_at", (x, index, updates), reduction=reduction)


def test_nan_is_extreme():
    x = np.array([1.0, np.nan, 3.0], np.float32)
    updates = np.array([np.nan, 5.0], np.float32)
    index = np.array([0, 1], np.int32)
    exact("extreme_at", (x, index, updates), reduction="max")


WRONG = [
    ("take", (numbers((5, 3)), np.array([1, 5], np.int32)), {"axis": 0}),
    ("take", (numbers((5, 3)), np.array([-4], np.int64)), {"axis": 1}),
    ("take_along_axis", (numbers((2, 3)), places((2, 3), 9) + 9), {"axis": 1}),
    ("set_at", (numbers((5,)), np.array([7], np.int32), numbers((1,))), {}),
]


@pytest.mark.parametrize(("name", "operands", "attributes"), WRONG)
def test_a_wrong_index_is_told(name, operands, attributes):
    call = Call(node_of(name, operands, **attributes), operands)
    call.run()
    special = SPECIAL[name]
    assert call.words[special.flag] == 1
    with pytest.raises(DataError, match="was given index"):
        special.fault(call.attributes, operands)


def test_right_indices_leave_the_flag():
    operands = (numbers((5, 3)), np.array([4, -5, 0], np.int32))
    call = Call(node_of("take", operands, axis=0), operands)
    call.run()
    assert call.words[SPECIAL["take"].flag] == 0


def test_an_axis_without_elements_is_not_read():
    operands = (numbers((0, 3)), np.array([0], np.int32))
    call = Call(node_of("take", operands, axis=0), operands)
    assert (call.run()[0] == 0).all()
    assert call.words[SPECIAL["take"].flag] == 1
