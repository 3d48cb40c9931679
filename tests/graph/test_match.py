"""Declared types against actual ones."""

import pytest

from tulle.graph.decide import Condition
from tulle.graph.diagnostics import Fault
from tulle.graph.dim import Dim, Symbol
from tulle.graph.match import Reader, match_types
from tulle.graph.types import F32, I32, TensorType, tensor_type

SYMBOLS = {name: Symbol(name) for name in "BTK"} | {"R": Symbol("R", 2, 8)}
B, T, K, R = (Dim.from_symbol(symbol) for symbol in SYMBOLS.values())


def match(declared, actual):
    names = [f"x{i}" for i in range(len(declared))]
    wanted = [tensor_type("f32", shape) for shape in declared]
    given = [tensor_type("f32", shape) for shape in actual]
    return {str(s): str(d) for s, d in match_types(names, wanted, given).items()}


@pytest.mark.parametrize(
    ("declared", "actual", "solution"),
    [
        ([(B, 3)], [(5, 3)], {"B": "5"}),
        ([(B, T)], [(T, T)], {"B": "T", "T": "T"}),
        ([(B, T), (T, B)], [(2, 3), (3, 2)], {"B": "2", "T": "3"}),
        ([(B * 2 + 1,)], [(7,)], {"B": "3"}),
        # Solved in any order: the first axis waits for the second.
        ([(B * T, B)], [(6, 2)], {"B": "2", "T": "3"}),
        ([(R,)], [(8,)], {"R": "8"}),
        ([(B // 2, B)], [(3, 7)], {"B": "7"}),
        ([()], [()], {}),
    ],
)
def test_solved(declared, actual, solution):
    assert match(declared, actual) == solution


@pytest.mark.parametrize(
    ("declared", "actual", "code", "words"),
    [
        ([(B, 3)], [(5, 4)], "T0701", "axis 1 is 4 in place of 3"),
        ([(B, B)], [(5, 4)], "T0701", "axis 1 is 4 in place of B = 5"),
        ([(B,), (B,)], [(5,), (4,)], "T0701", "`x1` is declared f32[B]"),
        ([(B, 3)], [(5,)], "T0701", "2 axes against 1"),
        ([(B * 2,)], [(5,)], "T0701", "axis 0 is 5 in place of 2 * B"),
        ([(R,)], [(9,)], "T0701", "axis 0 is 9 in place of R"),
        ([(R,)], [(B,)], "T0701", "axis 0 is B in place of R"),
        ([(B * T,)], [(6,)], "T0701", "axis 0 is 6"),
        ([(B, 3)], [(0, 3)], "T0701", "axis 0 is 0 in place of B"),
    ],
)
def test_refused(declared, actual, code, words):
    with pytest.raises(Fault) as error:
        match(declared, actual)
    assert error.value.code == code
    assert words in error.value.message


def test_swapped():
    with pytest.raises(Fault) as error:
        match([(B, 3), (B, 4)], [(5, 4), (5, 3)])
    assert "they fit if swapped" in error.value.help[0]


def test_dtype():
    with pytest.raises(Fault) as error:
        match_types(["x"], [tensor_type("i32", (B,))], [tensor_type("f32", (2,))])
    assert error.value.code == "T0702"
    assert error.value.help == ("convert the data to int32",)


def test_swapping_is_proposed_only_if_it_helps():
    batch, time = (Dim.from_symbol(Symbol(name)) for name in "BT")
    both = tensor_type("f32", (batch, time))
    with pytest.raises(Fault) as caught:
        match_types(
            ["a", "b"],
            [both, both],
            [tensor_type("f32", (5, 3)), tensor_type("f32", (5, 4))],
        )
    assert caught.value.help == ()


def test_swapping_is_proposed_among_several_and_across_dtypes():
    batch = Dim.from_symbol(Symbol("B"))
    image, label = tensor_type("f32", (batch, 64)), tensor_type("i32", (batch,))
    weight = tensor_type("f32", (batch,))
    given = [tensor_type("i32", (7,)), tensor_type("f32", (7,))]
    with pytest.raises(Fault) as caught:
        match_types(
            ["image", "weight", "label"],
            [image, weight, label],
            [given[0], given[1], tensor_type("f32", (7, 64))],
        )
    assert caught.value.help == (
        "they fit if swapped: give `image` what `label` got, and the other way round",
    )


@pytest.mark.parametrize(
    ("declared", "shapes", "sizes"),
    [
        ([(B, 3), (B, T)], [(4, 3), (4, 7)], {"B": 4, "T": 7}),
        ([(B, 3), (B, T)], [(4, 3), (5, 7)], None),
        ([(B, 3)], [(4, 2)], None),
        ([(B, 3)], [(4,)], None),
        ([(B, 3)], [(0, 3)], None),  # a size is 1 at least
        ([(B * 2, B)], [(8, 4)], None),  # to be solved
    ],
)
def test_sizes_are_read_off_shapes(declared, shapes, sizes):
    types = [tensor_type("f32", shape) for shape in declared]
    found = Reader(types).read([type.dtype for type in types], shapes)
    named = None if found is None else {s.name: size for s, size in found.items()}
    assert named == sizes
    if found is not None:
        given = [tensor_type("f32", shape) for shape in shapes]
        solved = match_types(["x"] * len(types), types, given)
        assert solved == {symbol: Dim.of(size) for symbol, size in found.items()}


def test_sizes_are_not_read_where_a_dtype_or_a_condition_is_broken():
    two = Symbol("N", members=[2, 4])
    type = TensorType(F32, (Dim.from_symbol(two),))
    assert Reader([type]).read([F32], [(4,)]) == {two: 4}
    assert Reader([type]).read([F32], [(3,)]) is None
    assert Reader([type]).read([I32], [(4,)]) is None
    two.conditions = (Condition(Dim.from_symbol(two), "<", Dim.of(3)),)
    assert Reader([type]).read([F32], [(2,)]) == {two: 2}
    assert Reader([type]).read([F32], [(4,)]) is None


@pytest.mark.parametrize(
    ("dtype", "declared", "actual", "advice"),
    [
        ("i32", (B,), (5, 3), "`argmax` over the last axis"),
        ("f32", (B,), (5, 3), "bring `y` to the shape of f32[B]"),
        ("i32", (B,), (5, 1), "take the last axis of `y` away"),
        ("f32", (B, 1), (5,), "an axis of size 1 belongs at the end of `y`"),
        ("f32", (B, 4), (4,), "an axis of samples belongs in front"),
        ("f32", (B, 28, 28, 1), (5, 28, 28), "an axis of size 1 belongs at the end"),
        ("f32", (B, 28, 28, 3), (5, 28, 28), "bring `y` to the shape"),
        ("f32", (B, 4), (), "bring `y` to the shape"),
    ],
)
def test_axes_too_many_or_too_few(dtype, declared, actual, advice):
    with pytest.raises(Fault) as caught:
        match_types(["y"], [tensor_type(dtype, declared)], [tensor_type(dtype, actual)])
    assert caught.value.code == "T0701"
    assert advice in caught.value.help[0]
