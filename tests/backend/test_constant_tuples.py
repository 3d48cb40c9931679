"""Ops of several results on arrays that a program holds as constants."""

from __future__ import annotations

import numpy as np
import pytest

from tulle import function, ops


@pytest.mark.parametrize("name", ["qr", "svd", "eigh", "slogdet"])
@pytest.mark.parametrize("shape", [(2, 3, 3), (0, 3, 3), (2, 0, 0)])
def test_several_results_of_a_constant(name: str, shape: tuple[int, ...]) -> None:
    square = np.random.RandomState(0).rand(*shape).astype("float32")
    held = square @ np.swapaxes(square, -1, -2)
    op = getattr(ops, name)
    found = function(lambda: op(ops.convert_to_tensor(held)))()
    for result, expected in zip(found, op(held), strict=True):
        assert result.shape == expected.shape
        np.testing.assert_allclose(np.abs(result), np.abs(expected), atol=2e-5)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 0), (0, 4)), ((0, 3), (3, 4)), ((2, 3, 0), (2, 0, 4)), ((3, 0), (0,))],
)
def test_a_sum_of_no_products_is_zero(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    a, b = np.zeros(left, "float32"), np.zeros(right, "float32")
    for one, other in ((a, b), (a.swapaxes(0, -1).copy().swapaxes(0, -1), b)):
        found = function(lambda x, y: ops.matmul(x, y))(one, other)
        np.testing.assert_array_equal(found, a @ b)
