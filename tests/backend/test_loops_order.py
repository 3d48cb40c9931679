"""The order of axes of loop kernels: few arrays are read sideways, rows stay long."""

import numpy as np
import pytest
from loop_cases import (
    Compiled,
    T,
    assert_close,
    fused,
    reference,
    samples,
    sizes_of,
    step,
)

from tulle.backend.function import function
from tulle.backend.loops import lower
from tulle.backend.loops.axes import in_order
from tulle.graph.registry import call
from tulle.graph.types import F32, tensor_type


def best_through(rows, middle, columns):
    """The largest sum of an element of a row and one of a column, `(rows, columns)`."""
    one, two = (rows, middle), (middle, columns)
    body = [
        step("expand_dims", 0, axis=2),
        step("add", 2, 1),
        step("max", 3, axis=(1,), keepdims=False),
    ]
    return fused([tensor_type(F32, shape) for shape in (one, two)], body, [-1])


def axes_of(node):
    """The sizes of the outer, folded and inner axes, and what is read sideways."""
    (nest, *_) = lower(node).nests
    sizes = [[nest.axes[axis].size.value for axis in part] for part in nest.split]
    return sizes, [i for i, a in enumerate(nest.accesses) if nest.sideways(i)]


@pytest.mark.parametrize(
    ("accesses", "plain", "ahead"),
    [
        ([(0, 2), (0, 1), (1, 2)], [0, 2, 1], [0, 1, 2]),
        ([(0, 1), (1, 2)], [0, 1, 2], [0, 1, 2]),
        ([(0, 1), (1, 0)], [0, 1], [0, 1]),
        # What later accesses have in front of axes that stand too early stays behind.
        ([(0, 1), (1, 2), (2, 0)], [0, 1, 2], [0, 1, 2]),
        ([(0, None), (None, 1)], [0, 1], [0, 1]),
    ],
)
def test_axes_stand_as_the_first_accesses_have_them(accesses, plain, ahead):
    assert in_order(accesses) == plain
    assert in_order(accesses, ahead=True) == ahead


def test_a_folded_axis_goes_before_the_one_that_is_read_along_memory():
    assert axes_of(best_through(5, 40, 30)) == ([[5], [40], [30]], [])


def test_a_short_innermost_axis_leaves_a_long_folded_one_in_rows():
    assert axes_of(best_through(5, 400, 4)) == ([[5, 4], [], [400]], [1])
    # Neither fills a vector, and nothing is read sideways.
    assert axes_of(best_through(5, 12, 12)) == ([[5], [12], [12]], [])


def test_a_short_innermost_axis_leaves_one_of_unknown_size_in_rows():
    assert axes_of(best_through(5, T, 4)) == ([[5, 4], [], [None]], [1])
    assert axes_of(best_through(5, T, 40)) == ([[5], [None], [40]], [])


@pytest.mark.parametrize("masks", [False, None])
@pytest.mark.parametrize(
    "shape", [(5, 40, 30), (5, 400, 4), (5, 12, 12), (3, 1, 17), (2, 5000, 16)]
)
def test_a_kernel_of_any_order_says_what_numpy_says(shape, masks):
    node = best_through(*shape)
    sizes = sizes_of({"B": 1, "T": 1, "D": 1})
    arrays, compiled = samples(node, sizes), Compiled(node, masks)
    wanted = reference(node, arrays, sizes)
    for parts in (1, 2, 7):
        assert_close(compiled.run(arrays, sizes, parts), wanted)


@pytest.mark.parametrize("narrow", [1, 16, 40])
def test_rows_of_several_lengths_are_each_computed_once(narrow):
    """A result lies where an operand does that ends there: once more is wrong."""
    rng = np.random.default_rng(0)
    x, scale = (rng.standard_normal(n).astype("float32") for n in ((32, 1), (32, 256)))
    one, two = (rng.standard_normal((1, n)).astype("float32") for n in (narrow, 256))

    @function
    def computed(x, scale, one, two):
        base, ordered = call("exp", x), call("sort", scale, axis=-1)
        short, long = base * one, base * two * ordered
        sorted = (call("sort", values, axis=-1) for values in (short, long))
        return call("sum", base), *sorted

    base = np.exp(x)
    long = np.sort(base * two * np.sort(scale, -1), -1)
    total, *found = (each.numpy() for each in computed(x, scale, one, two))
    np.testing.assert_allclose(total, base.sum(), 1e-5)
    np.testing.assert_allclose(found[0], np.sort(base * one, -1), 1e-5)
    np.testing.assert_allclose(found[1], long, 1e-5)
