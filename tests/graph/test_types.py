"""Dtypes and tensor types."""

import numpy as np
import pytest

from tulle.graph.conversion import result_dtype
from tulle.graph.diagnostics import Fault
from tulle.graph.dim import Dim, Symbol
from tulle.graph.promotion import least
from tulle.graph.tensor import convert_to_tensor
from tulle.graph.types import DTYPES, TupleType, dtype_of, tensor_type

B = Dim.from_symbol(Symbol("B"))


@pytest.mark.parametrize("short", DTYPES)
def test_dtype_names(short):
    dtype = DTYPES[short]
    assert dtype_of(short) is dtype_of(dtype.name) is dtype_of(dtype) is dtype
    assert str(dtype) == short
    if short != "bf16":
        assert dtype_of(dtype.numpy) is dtype
        assert dtype.numpy.itemsize == dtype.size
        assert dtype.is_float == (dtype.numpy.kind == "f")
        assert dtype.is_integer == (dtype.numpy.kind in "iu")


def test_unknown_dtype():
    for wrong in ("float31", np.dtype("complex64")):
        with pytest.raises(Fault, match="is no dtype") as error:
            dtype_of(wrong)
        assert "float32" in error.value.help[0]


def test_tensor_type():
    type = tensor_type("f32", (B, 784))
    assert str(type) == "f32[B, 784]"
    assert type == tensor_type("float32", (B, 784))
    assert type != tensor_type("f64", (B, 784))
    assert type.static_shape == (None, 784)
    assert type.rank == 2
    assert str(type.size) == "784 * B"
    assert str(type.with_shape((2, B)).with_dtype("i32")) == "i32[2, B]"
    assert str(type.substitute({B.symbol: Dim.of(3)})) == "f32[3, 784]"
    assert str(tensor_type("bool", ())) == "bool[]"
    assert str(TupleType((type, tensor_type("i64", (2,))))) == "(f32[B, 784], i64[2])"


# Rows of Keras's promotion table.
@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        ("bool", "i8", "i8"),
        ("u8", "i8", "i16"),
        ("u8", "i32", "i32"),
        ("u32", "i32", "i64"),
        ("i32", "i64", "i64"),
        ("i64", "f16", "f16"),
        ("u64", "i64", "f32"),
        ("f16", "bf16", "f32"),
        ("bf16", "f32", "f32"),
        ("f32", "f64", "f64"),
        ("i32", "f32", "f32"),
    ],
)
def test_promotion(left, right, joined):
    assert least(frozenset((left, right))) is DTYPES[joined]


@pytest.mark.parametrize(
    ("operands", "dtype"),
    [
        (("i32", 1.5), "f32"),
        (("i8", 300), "i8"),
        (("f16", 1.5), "f16"),
        (("f64", 2), "f64"),
        (("bool", 2), "i32"),
        (("bool", True), "bool"),
        ((1, 2), "i32"),
        ((1, 2.0), "f32"),
        ((True, False), "bool"),
    ],
)
def test_numbers_bow_to_tensors(operands, dtype):
    found = [
        convert_to_tensor(np.ones(2, DTYPES[o].name)) if isinstance(o, str) else o
        for o in operands
    ]
    assert result_dtype(*found) is DTYPES[dtype]
