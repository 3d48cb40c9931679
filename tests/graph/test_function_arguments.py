"""Functions of `tulle.ops` that are no single op refuse wrong arguments by name."""

import numpy as np
import pytest

from tulle import Variable, function, ops
from tulle.graph.diagnostics import TulleError

X = np.arange(6.0, dtype="float32").reshape(2, 3)


def add(a, b):
    return a + b


def count(value):
    return value + 1


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        (lambda: ops.shape(None), "T0401", "`x` of `shape` holds numbers"),
        (lambda: ops.size("a"), "T0401", "`x` of `size` holds numbers"),
        (lambda: ops.ndim({}), "T0401", "`x` of `ndim` holds numbers"),
        (lambda: ops.dtype("a"), "T0401", "`x` of `dtype` holds numbers"),
        (lambda: ops.array("a"), "T0401", "`x` of `array` holds numbers"),
        (lambda: ops.array(2**40), "T0404", "`x` of `array` is 1099511627776"),
        (lambda: ops.array(1, "a"), "T0401", "`a` is no dtype"),
        (lambda: ops.array(X, "a"), "T0401", "`a` is no dtype"),
        (lambda: ops.array(ops.array(1), "a"), "T0401", "`a` is no dtype"),
        (lambda: ops.moments("a", 0), "T0401", "`x` of `moments` holds numbers"),
        (lambda: ops.moments(X, "a"), "T0204", "`axes` of `moments` is an integer"),
        (lambda: ops.moments(X, 0, "a"), "T0204", "`keepdims` of `moments` is true"),
        (
            lambda: ops.elastic_transform("a"),
            "T0401",
            "`images` of `elastic_transform`",
        ),
        (
            lambda: ops.elastic_transform(X[..., None], sigma=0),
            "T0204",
            "`sigma` of `elastic_transform` is a positive",
        ),
        (lambda: ops.nonzero("a"), "T0401", "`x` of `nonzero` holds numbers"),
        (lambda: ops.rearrange("a", "b -> b"), "T0401", "`tensor` of `rearrange`"),
        (lambda: ops.rearrange(X, 3), "T0204", "a pattern of `rearrange` is"),
        (lambda: ops.vectorize(3), "T0204", "`pyfunc` of `vectorize` is a function"),
        (lambda: ops.cond(True, 2, 3), "T0204", "`true_fn` of `cond` is a function"),
        (lambda: ops.cond(True), "T0202", "wrong call of `cond`"),
        (lambda: ops.switch("a", [count], 2), "T0401", "`index` of `switch` holds"),
        (lambda: ops.switch(0, 3, 2), "T0204", "`branches` of `switch` is a list"),
        (lambda: ops.scan(1, 2, 3), "T0204", "`f` of `scan` is a function"),
        (lambda: ops.scan(add, 0.0, None, -1), "T0204", "`length` of `scan` is an"),
        (lambda: ops.scan(add, 0.0, X, reverse="a"), "T0204", "`reverse` of `scan`"),
        (lambda: ops.map(count, "a"), "T0401", "`xs` of `map` holds numbers"),
        (lambda: ops.vectorized_map(count, "a"), "T0401", "`elements` of"),
        (
            lambda: ops.fori_loop("a", 2, add, 1),
            "T0401",
            "`lower` of `fori_loop` holds",
        ),
        (
            lambda: ops.fori_loop(0, 1.5, add, 1),
            "T0204",
            "`upper` of `fori_loop` is an",
        ),
        (lambda: ops.fori_loop(True, 2, add, 1), "T0204", "`lower` of `fori_loop` is"),
        (lambda: ops.while_loop(count, count, (X,)), "T0306", "`cond` of `while_loop`"),
        (
            lambda: ops.while_loop(lambda x: x < 3, count, 1, maximum_iterations="a"),
            "T0204",
            "`maximum_iterations` of `while_loop` is an integer or None",
        ),
        (lambda: ops.associative_scan(add, "a"), "T0401", "`elems` of"),
        (lambda: ops.associative_scan(add, X, axis="a"), "T0204", "`axis` of"),
        (lambda: ops.associative_scan(add, X, axis=2), "T0303", "has no axis 2"),
        (lambda: ops.associative_scan(add, ()), "T0204", "`elems` of"),
    ],
)
def test_the_argument_is_named(wrong, code, told):
    with pytest.raises(TulleError) as caught:
        wrong()
    first = caught.value.diagnostics[0]
    assert first.code == code
    assert told in first.message
    assert first.span is not None
    assert first.span.source.name == __file__


def test_negative_axes_of_an_associative_scan():
    found = ops.associative_scan(add, X, axis=-1)
    np.testing.assert_array_equal(found, np.cumsum(X, -1))


def test_bounds_of_a_loop_may_be_tensors():
    found = ops.fori_loop(ops.array(1), ops.array(4), lambda i, total: total + i, 0)
    assert int(found) == 6


def test_a_variable_is_no_plain_number_of_what_runs_again():
    slope = Variable(np.float32(0.1))
    np.testing.assert_allclose(ops.leaky_relu([-2.0], slope), [-0.2], 1e-6)

    @function
    def traced(x):
        return ops.leaky_relu(x, slope)

    with pytest.raises(TulleError) as caught:
        traced(X)
    (told,) = caught.value.diagnostics
    assert told.code == "T0204"
    assert "`negative_slope` of `leaky_relu` is a number" in told.message
    assert "has no number before it runs" in told.message
