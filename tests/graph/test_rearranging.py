"""Axes by name, functions of parts, and places that values decide."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.diagnostics import TensorTypeError

IMAGES = np.arange(2 * 6 * 4 * 3).reshape(2, 6, 4, 3)


@pytest.mark.parametrize(
    ("pattern", "sizes", "expected"),
    [
        ("b h w c -> b c h w", {}, IMAGES.transpose(0, 3, 1, 2)),
        ("b h w c->(b h) w c", {}, IMAGES.reshape(12, 4, 3)),
        ("b h w c -> h (b w) c", {}, np.concatenate([*IMAGES], 1)),
        (
            "b (h p) (w q) c -> b h w (p q c)",
            {"p": 3, "q": 2},
            np.array([
                [[i[3 * y : 3 * y + 3, 2 * x : 2 * x + 2].ravel() for x in range(2)]
                 for y in range(2)] for i in IMAGES
            ]),
        ),
    ],
)  # fmt: skip
def test_axes_by_name(pattern, sizes, expected):
    found = ops.rearrange(IMAGES, pattern, **sizes).numpy()
    np.testing.assert_array_equal(found, expected)
    x = tulle.Input((6, 4, 3))
    model = tulle.Model(x, ops.rearrange(x, pattern, **sizes))
    np.testing.assert_array_equal(model(IMAGES.astype("float32")), expected)


@pytest.mark.parametrize(
    ("pattern", "sizes", "code"),
    [
        ("a b", {}, "T0204"),
        ("a b -> b a c", {}, "T0204"),
        ("a a -> a", {}, "T0204"),
        ("a (b c) -> a b c", {}, "T0204"),
        ("a b -> b a", {"c": 2}, "T0204"),
        ("a [b] -> a b", {}, "T0204"),
        ("a b c -> c b a", {}, "T0306"),
        ("a (b c) -> a b c", {"c": 2}, "T0310"),
        ("a b -> b a", {"b": 4}, "T0310"),
    ],
)
def test_patterns_that_do_not_fit(pattern, sizes, code):
    with pytest.raises(TensorTypeError) as told:
        ops.rearrange(np.ones((4, 3)), pattern, **sizes)
    assert told.value.diagnostics[0].code == code


def test_functions_of_scalars():
    def larger(a, b):
        return ops.where(a > b, a, b + 0.5)

    a, b = np.array([[1.0], [3.0]], "float32"), np.array([2.0, 4.0], "float32")
    expected = np.vectorize(lambda x, y: x if x > y else y + 0.5)(a, b)
    np.testing.assert_allclose(ops.vectorize(larger)(a, b), expected)
    assert float(ops.vectorize(larger)(1.0, 2.0)) == 2.5
    power = ops.vectorize(lambda x, n: x**n, excluded={1})
    assert power([1, 2, 3], 2).numpy().tolist() == [1, 4, 9]
    both = ops.vectorize(lambda x: (x, x * 2))([[1, 2]])
    assert [part.numpy().tolist() for part in both] == [[[1, 2]], [[2, 4]]]


def test_functions_of_parts():
    rng = np.random.default_rng(0)
    matrices, vector = rng.normal(size=(5, 2, 3)), rng.normal(size=3)
    product = ops.vectorize(ops.matmul, signature="(m,n),(n)->(m)")
    np.testing.assert_allclose(product(matrices, vector), matrices @ vector)
    with pytest.raises(TensorTypeError, match="is of 2 arguments, not 1"):
        product(matrices)


def test_places_of_what_is_not_zero():
    given = np.array([[0, 1], [2, 0], [0, 3]])
    for found, expected in zip(ops.nonzero(given), given.nonzero(), strict=True):
        assert found.dtype == "int32"
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(TensorTypeError, match="how many elements `nonzero` finds"):
        ops.nonzero(tulle.Input((3,)))
