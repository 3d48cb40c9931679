"""Promotion of dtypes: Keras's table, for all pairs and for Python's numbers.

The table was computed by another program from the lattice that Keras documents, with 64
bits kept (`keras.backend.result_type`).
"""

import itertools

import numpy as np
import pytest

from tulle.graph.op import result_dtype
from tulle.graph.promotion import least
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor, input_node
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
