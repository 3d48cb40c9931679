"""Reductions beside each other, of values along some of the axes: compiled as eager."""

import numpy as np
import pytest

from tulle import ops
from tulle.backend.function import function

SIZES = (4, 3, 5)
UNARY = ("tanh", "abs", "square")
BINARY = ("add", "multiply", "maximum", "greater")
FOLDS = ("sum", "max", "mean", "any", "prod", "logsumexp")


def agree(program, arrays):
    with np.errstate(all="ignore"):
        wanted = [np.asarray(one) for one in program(*arrays)]
    found = [np.asarray(one) for one in function(program)(*arrays)]
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            one.astype(float), two.astype(float), 1e-4, 1e-4, strict=True
        )


def test_sums_along_different_axes():
    def program(x):
        odd = ops.mod(x, 2)
        first = ops.one_hot(ops.where(x > 5, 1, odd), 3)
        second = ops.one_hot(ops.where(x > 6, 2, odd), 4)
        return ops.sum(first, axis=1), ops.sum(second, axis=1)

    agree(program, [np.arange(20, dtype="i4").reshape(4, 5)])


def steps_of(random, count):
    """Steps of a random program: an op, the values that it reads, and settings."""
    for here in range(count, count + int(random.integers(3, 9))):
        first, second = random.integers(here, size=2).tolist()
        kind = random.choice(
            ["unary", "binary", "one_hot", "fold"], p=[0.3, 0.3, 0.1, 0.3]
        )
        if kind == "unary":
            yield kind, str(random.choice(UNARY)), first, None
        elif kind == "binary":
            yield kind, str(random.choice(BINARY)), first, second
        elif kind == "one_hot":
            yield kind, int(random.integers(2, 6)), first, None
        else:
            axes = random.choice(3, random.integers(1, 3), replace=False).tolist()
            yield kind, str(random.choice(FOLDS)), first, tuple(axes)


def result(values, kind, op, first, other):
    """The value of a step, always of three axes."""
    x = ops.cast(values[first], "float32")
    if kind == "unary":
        return getattr(ops, op)(x)
    if kind == "binary":
        return getattr(ops, op)(x, ops.cast(values[other], "float32"))
    if kind == "one_hot":
        number = ops.cast(ops.mod(ops.abs(x), op), "int32")
        return ops.sum(ops.one_hot(number, op), axis=1)
    return getattr(ops, op)(x, axis=other, keepdims=True)


def shapes_fit(one, two):
    return all(a == b or 1 in (a, b) for a, b in zip(one.shape, two.shape, strict=True))


@pytest.mark.parametrize("seed", range(80))
def test_random_programs(seed):
    random = np.random.default_rng(seed)
    shapes = [
        [size if random.random() < 0.65 else 1 for size in SIZES]
        for _ in range(random.integers(1, 4))
    ]
    arrays = [
        random.standard_normal(shape).astype("f4")
        if random.random() < 0.7
        else random.integers(0, 9, shape).astype("i4")
        for shape in shapes
    ]
    steps = list(steps_of(random, len(arrays)))

    def program(*values):
        values = list(values)
        for kind, op, first, other in steps:
            if kind == "binary" and not shapes_fit(values[first], values[other]):
                other = first
            values.append(result(values, kind, op, first, other))
        return tuple(values[len(arrays) :])

    agree(program, arrays)
