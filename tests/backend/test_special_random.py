"""Native random numbers: the bits of the reference, or near them."""

import numpy as np
import pytest
from native_calls import exact, native, reference

from tulle.graph.types import F32, F64

KEYS = [(0, 0, 0, 0), (1, 2, 3, 4), (0xFFFFFFFF, 0x80000000, 0xDEADBEEF, 7)]


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("count", [0, 1, 3, 31, 32, 33, 1009])
def test_uniform_numbers_have_the_bits_of_the_reference(dtype, count):
    for key in KEYS:
        operands = (np.array(key, np.uint32),)
        exact("random_uniform", operands, shape=(count,), dtype=dtype)


def test_shapes_are_filled_in_order():
    exact("random_uniform", (np.array(KEYS[1], np.uint32),), shape=(3, 5, 7), dtype=F32)


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 4099, 200003])
def test_normal_numbers_are_close(dtype, count):
    key = (np.array(KEYS[2], np.uint32),)
    (found,) = native("random_normal", key, shape=(count,), dtype=dtype)
    wanted = reference("random_normal", key, shape=(count,), dtype=dtype)
    assert found.dtype == wanted.dtype
    spacing = np.spacing(np.maximum(np.abs(wanted), wanted.dtype.type(1e-3)))
    assert (np.abs(found - wanted) <= (2 if dtype == F32 else 4) * spacing).all()
