"""Native copies: arrays with strides put together, taken apart and turned."""

import numpy as np
import pytest
from native_calls import Call, exact, node_of, reference

DTYPES = ["bool", "int16", "float32", "int64"]


def numbers(*shape, dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenate(dtype, axis):
    sizes = (3, 0, 5, 1)
    shapes = [[7, 2, 11] for _ in sizes]
    for shape, size in zip(shapes, sizes, strict=True):
        shape[axis] = size
    exact("concatenate", tuple(numbers(*s, dtype=dtype) for s in shapes), axis=axis)


def test_operands_with_strides():
    wide = numbers(7, 20, 6)
    parts = (wide[:, ::2, 1:4], wide[:, 3::-1, ::2], wide.transpose(1, 0, 2)[:7, :, :3])
    exact("concatenate", parts, axis=1)
    exact("pack", tuple(parts))


def test_pack_of_scalars_and_matrices():
    exact("pack", (numbers(), numbers(3, 5), numbers(0), numbers(1, 1, 7)))


def test_one_operand():
    exact("concatenate", (numbers(3, 20011),), axis=0)
    exact("pack", (numbers(3, 20011),))


@pytest.mark.parametrize(
    "axes", [(0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0), (1, 3, 0, 2)]
)
def test_turned_operands(axes):
    exact("concatenate", (numbers(3, 17, 5, 33).transpose(axes),), axis=2)
    exact("pack", (numbers(3, 17, 5, 33).transpose(axes),))


def test_large_matrices_are_turned_in_blocks():
    exact("pack", (numbers(131, 257, dtype="int16").T,))


def test_broadcast_operands():
    wide = np.broadcast_to(numbers(3, 1, 5), (2, 3, 4, 5))
    exact("concatenate", (wide, wide[:1]), axis=0)


KEYS = [
    (slice(None, None, -1), slice(1, 5, 2)),
    (2, slice(None)),
    (slice(4, 4), slice(None)),
    (None, slice(6, None, -3), None, 3),
    (slice(2, 3), slice(0, 7)),
]


@pytest.mark.parametrize("key", KEYS)
def test_place(key):
    x = numbers(7, 8, dtype="float64")
    index = node_of("getitem", (x,), key=key).attributes["index"]
    part = reference("getitem", (x,), key=key)
    exact("place", (part,), shape=(7, 8), index=index)


def test_words_follow_the_address():
    """An operand may be replaced by writing its address into the first words."""
    x, other = numbers(5, 7), numbers(5, 7, seed=1)
    call = Call(node_of("pack", (x,)), (x,))
    call.words[0] = other.ctypes.data
    np.testing.assert_array_equal(call.run()[0], other.reshape(-1))
