"""Promotion of dtypes: Keras's table, for all pairs and for Python's numbers.

The table was computed by another program from the lattice that Keras documents, with 64
bits kept (`keras.backend.result_type`).
"""

import itertools

import numpy as np
import op_samples
import op_table
import pytest

import tulle
from tulle.graph.conversion import result_dtype
from tulle.graph.diagnostics import TulleError
from tulle.graph.promotion import least
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.types import DTYPES, tensor_type

TABLE = """
     bool u8   u16  u32  u64  i8   i16  i32  i64  f16  bf16 f32  f64  int  float
bool bool u8   u16  u32  u64  i8   i16  i32  i64  f16  bf16 f32  f64  i32  f32
u8   u8   u8   u16  u32  u64  i16  i16  i32  i64  f16  bf16 f32  f64  u8   f32
u16  u16  u16  u16  u32  u64  i32  i32  i32  i64  f16  bf16 f32  f64  u16  f32
u32  u32  u32  u32  u32  u64  i64  i64  i64  i64  f16  bf16 f32  f64  u32  f32
u64  u64  u64  u64  u64  u64  f32  f32  f32  f32  f16  bf16 f32  f64  u64  f32
i8   i8   i16  i32  i64  f32  i8   i16  i32  i64  f16  bf16 f32  f64  i8   f32
i16  i16  i16  i32  i64  f32  i16  i16  i32  i64  f16  bf16 f32  f64  i16  f32
i32  i32  i32  i32  i64  f32  i32  i32  i32  i64  f16  bf16 f32  f64  i32  f32
i64  i64  i64  i64  i64  f32  i64  i64  i64  i64  f16  bf16 f32  f64  i64  f32
f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f16  f32  f32  f64  f16  f16
bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 f32  bf16 f32  f64  bf16 bf16
f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f32  f64  f32  f32
f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
"""
HEAD, *LINES = (line.split() for line in TABLE.strip().splitlines())
PAIRS = {
    (line[0], column): wanted
    for line in LINES
    for column, wanted in zip(HEAD, line[1:], strict=True)
}
NUMBERS = {"bool": True, "int": 2, "float": 2.5}


def test_the_table_is_whole():
    assert len(LINES) == len(DTYPES)
    assert [line[0] for line in LINES] == list(DTYPES)
    assert [*DTYPES, "int", "float"] == HEAD


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_pairs(left, right):
    wanted = PAIRS[left, right]
    one = input_node("x", tensor_type(left, ()))
    if right in DTYPES:
        two = input_node("x", tensor_type(right, ()))
        assert least(frozenset((left, right))).short == wanted
    else:
        two = NUMBERS[right]
    assert result_dtype(one, two).short == result_dtype(two, one).short == wanted


@pytest.mark.parametrize("short", [d for d in DTYPES if d != "bf16"])
@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_beside_tensors(short, number):
    wanted = PAIRS[short, number]
    tensor = Tensor(np.ones(2, DTYPES[short].numpy))
    for found in (call("maximum", tensor, NUMBERS[number]),
                  call("maximum", NUMBERS[number], tensor)):  # fmt: skip
        assert found.dtype == DTYPES[wanted].name


@pytest.mark.parametrize("short", ["bool", "u8", "i32", "f16", "f64"])
def test_limits_beside_tensors(short):
    x = np.array([0, 1], DTYPES[short].numpy)
    for low, kind in ((1, "int"), (0.5, "float")):
        wanted = DTYPES[PAIRS[short, kind]].name
        input = SymbolicTensor(input_node("x", tensor_type(short, (2,))))
        assert call("clip", input, low, None).dtype == wanted
        found = call("clip", x, low, None)
        assert found.dtype == wanted
        assert found.numpy().tolist() == [low, 1]


def test_the_larger_of_a_truth_value_and_0_is_a_number():
    found = call("relu", np.array([True, False]))
    assert found.dtype == "int32"
    assert found.numpy().tolist() == [1, 0]


def test_numbers_alone():
    assert result_dtype(1, 2).short == "i32"
    assert result_dtype(1, 2.0).short == "f32"
    assert result_dtype(True, False).short == "bool"
    assert result_dtype(True, 1).short == "i32"


def test_several_at_once_in_any_order():
    """A signed and an unsigned 64 give a weak float, which any float takes over."""
    for order in itertools.permutations(("u64", "i64", "bf16")):
        nodes = [input_node("x", tensor_type(short, ())) for short in order]
        assert result_dtype(*nodes).short == "bf16"


@pytest.mark.parametrize(
    "name",
    "power mod floor_divide fmod bitwise_left_shift bitwise_right_shift".split(),
)
def test_truth_values_are_numbers_where_no_op_is_on_them(name):
    """As Keras has it; `subtract` and its like refuse them, as NumPy does."""
    one, two = np.array([True, False, True]), np.array([True, True, True])
    numbers = (one.astype("int32"), two.astype("int32"))
    for _ in range(3):
        found = call(name, one, two)
        assert found.dtype == "int32"
        np.testing.assert_array_equal(found, call(name, *numbers))
    assert call(name, SymbolicTensor(input_node("x", tensor_type("bool", (3,)))),
                two).dtype == "int32"  # fmt: skip
    assert call(name, one, two.astype("int8")).dtype == "int8"
    clipped = [call("clip", one, 0, 3), call("clip", one, np.zeros(3, bool), None)]
    assert [found.dtype for found in clipped] == ["int32"] * 2
    np.testing.assert_array_equal(clipped, [one, one])


def test_products_of_bytes_are_added_up_in_32_bits():
    x, y = np.full((2, 300), 100, "int8"), np.full((300, 2), -100, "int8")
    for find in (lambda x, y: call("matmul", x, y),
                 lambda x, y: call("einsum", "ij,jk->ik", x, y)):  # fmt: skip
        staged = tulle.function(find)(Tensor(x), Tensor(y))
        for found in (find(x, y), find(Tensor(x), Tensor(y)), staged):
            assert found.dtype == "int32"
            np.testing.assert_array_equal(found, np.full((2, 2), -3_000_000))
    assert call("einsum", "ij->i", x).dtype == "int32"
    assert call("matmul", x, y.astype("uint8")).dtype == "int16"
    for name in ("dot", "inner", "vdot", "tensordot"):
        axes = {"axes": 1} if name == "tensordot" else {}
        square = x[:, :2]
        assert call(name, square, square, **axes).dtype == "int8"


@pytest.mark.parametrize("short", [d for d in DTYPES if not DTYPES[d].is_float])
def test_whole_numbers_are_rounded_as_in_keras(short):
    x = Tensor(np.array([0, 1]).astype(DTYPES[short].numpy))
    for name in ("trunc", "round"):
        assert call(name, x).dtype == x.dtype
        np.testing.assert_array_equal(call(name, x), x)
    assert [call(name, x).dtype for name in ("floor", "ceil")] == ["float32"] * 2


@pytest.mark.parametrize("short", ["bool", "u8", "i8", "i32", "bf16", "f16", "f64"])
def test_ops_on_values_have_the_dtypes_of_the_graph(short):
    def outcome(row, operands):
        try:
            return op_samples.apply(row, operands, op_samples.SIZES).type
        except TulleError as error:
            return error.diagnostics[0].code

    wrong, count = [], 0
    for row in op_table.ROWS:
        if not row.shapes or not OPS[row.name].public:
            continue
        values = []
        for array in op_samples.sample(row):
            value = Tensor(array)
            if array.dtype.kind == "f":
                value = call("cast", value, DTYPES[short])
            values.append(value)
        symbols = [SymbolicTensor(input_node("x", value.type)) for value in values]
        pair = outcome(row, values), outcome(row, symbols)
        wrong += [(row.label, *pair)] if pair[0] != pair[1] else []
        count += not isinstance(pair[0], str)
    assert not wrong
    assert count > 100
