"""Random bodies as loop kernels: ops, folds, broadcasts, turns, any strides."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loop_cases import Compiled, fused, reference, step

from tulle.backend.kernels import body_types
from tulle.backend.loops import lowerable
from tulle.graph.dim import Dim, Symbol
from tulle.graph.types import tensor_type

SYMBOLS = [Symbol(name) for name in "abcd"]
SIZES = [1, 2, 3, 5, 7, 13, 16, 17, 31, 37, 64, 101]
UNARY = ["tanh", "negative", "square", "abs", "sigmoid", "exp", "floor"]
BINARY = ["add", "subtract", "multiply", "maximum", "minimum"]


@st.composite
def bodies(draw):
    """Types of operands, and steps on them that fit."""
    rank = draw(st.integers(1, 3))
    dims = [Dim.from_symbol(symbol) for symbol in SYMBOLS[:rank]]
    types = [tensor_type("f32", dims)]
    for _ in range(draw(st.integers(0, 2))):
        first = draw(st.integers(0, rank))
        kept = [Dim.of(1) if draw(st.booleans()) else d for d in dims[first:]]
        types.append(tensor_type("f32", kept))
    body, count = [], len(types)
    for _ in range(draw(st.integers(1, 6))):
        body.append(draw(steps(types, body, count)))
    outputs = draw(
        st.lists(st.integers(count, count + len(body) - 1), min_size=1, max_size=3)
    )
    return types, body, sorted({*outputs, count + len(body) - 1})


@st.composite
def steps(draw, types, body, count):
    found = body_types(types, tuple(body))
    index = draw(st.integers(0, len(found) - 1))
    shape = found[index].shape
    kind = draw(st.sampled_from(["unary", "binary", "binary", "fold", "turn"]))
    if kind == "fold" and shape:
        axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
        op = draw(st.sampled_from(["sum", "max", "min"]))
        keepdims = draw(st.booleans())
        return step(op, index, axis=tuple(sorted(axes)), keepdims=keepdims)
    if kind == "turn" and len(shape) > 1:
        order = draw(st.permutations(range(len(shape))))
        return step("transpose", index, axes=tuple(order))
    fitting = [i for i, type in enumerate(found) if fits(shape, type.shape)]
    if kind == "binary" and fitting:
        other = draw(st.sampled_from(fitting))
        return step(draw(st.sampled_from(BINARY)), index, other)
    return step(draw(st.sampled_from(UNARY)), index)


def fits(one, two):
    pairs = zip(reversed(one), reversed(two), strict=False)
    return all(a == b or a.value == 1 or b.value == 1 for a, b in pairs)


def strided(random, shape):
    """An array of a shape in one of many layouts."""
    order = random.permutation(len(shape))
    steps = random.choice([-2, -1, 1, 1, 1, 2], size=len(shape))
    wide = [shape[axis] * abs(steps[axis]) for axis in order]
    array = np.asarray(random.normal(size=wide), np.float32)
    array = array.transpose(np.argsort(order))
    return array[(..., *(slice(None, None, step) for step in steps))]


def close(one, two):
    scale = float(np.max(np.abs(two[np.isfinite(two)]), initial=1))
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies(), st.data())
def test_random_kernels(made, data):
    types, body, outputs = made
    node = fused(types, body, outputs)
    if lowerable(node) is not None:
        return
    compiled = Compiled(node)
    for seed in range(3):
        random = np.random.default_rng(seed)
        sizes = dict(zip(SYMBOLS, map(int, random.choice(SIZES, 4)), strict=True))
        shapes = [tuple(d.evaluate(sizes) for d in type.shape) for type in types]
        arrays = [strided(random, shape) for shape in shapes]
        whole = compiled.run(arrays, sizes)
        for one, two in zip(whole, reference(node, arrays, sizes), strict=True):
            close(one, np.asarray(two))
        packed = compiled.run([array.copy("C") for array in arrays], sizes)
        for one, two in zip(whole, packed, strict=True):
            close(one, two)
        for one, two in zip(whole, compiled.run(arrays, sizes, 5), strict=True):
            np.testing.assert_array_equal(one, two)
