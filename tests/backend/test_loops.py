"""Fused nodes as loop kernels: equal to NumPy for all roles of axes, however cut."""

import numpy as np
import pytest
from loop_cases import Compiled, fused, reference, step

from tulle.backend.loops import lower, lowerable
from tulle.graph.dim import Dim, Symbol
from tulle.graph.types import dtype_of, tensor_type

SYMBOLS = {name: Symbol(name) for name in "BTD"}
B, T, D = (Dim.from_symbol(symbol) for symbol in SYMBOLS.values())


def f32(*shape):
    return tensor_type("f32", shape)


SOFTMAX = [
    step("max", 0, axis=(1,), keepdims=True),
    step("subtract", 0, 1),
    step("exp", 2),
    step("sum", 3, axis=(1,), keepdims=True),
    step("divide", 3, 4),
]
CASES = {
    "map": ([f32(B, D)], [step("tanh", 0), step("multiply", 1, 0)], [-1]),
    "bias": ([f32(B, D), f32(D)], [step("add", 0, 1)], [-1]),
    "column": ([f32(B, D), f32(B, 1)], [step("add", 0, 1)], [-1]),
    "rows": ([f32(B, D)], [step("sum", 0, axis=(1,))], [-1]),
    "columns": ([f32(B, D)], [step("sum", 0, axis=(0,))], [-1]),
    "all": ([f32(B, D)], [step("sum", 0, axis=(0, 1))], [-1]),
    "largest": ([f32(B, D)], [step("max", 0, axis=(0, 1))], [-1]),
    "product": ([f32(B, D)], [step("cos", 0), step("prod", 1, axis=(1,))], [-1]),
    "softmax": ([f32(B, D)], SOFTMAX, [-1]),
    "softmax and its columns": (
        [f32(B, D)],
        [*SOFTMAX, step("sum", 5, axis=(0,)), step("sum", 5, axis=(0, 1))],
        [5, -2, -1],
    ),
    "softmax turned": (
        [f32(B, D)],
        [*SOFTMAX, step("transpose", 5, axes=(1, 0))],
        [-1],
    ),
    "end of a fold": (
        [f32(B, D), f32(D)],
        [step("sum", 0, axis=(0,)), step("sqrt", 2), step("multiply", 2, 1)],
        [-2, -1],
    ),
    "middle axis": ([f32(B, T, D)], [step("sum", 0, axis=(1,))], [-1]),
    "outer axes": ([f32(B, T, D)], [step("sum", 0, axis=(0, 1))], [-1]),
    "inner axes": ([f32(B, T, D)], [step("sum", 0, axis=(1, 2))], [-1]),
    "two apart": ([f32(B, T, D)], [step("max", 0, axis=(0, 2))], [-1]),
    "groups": (
        [f32(B, T, D)],
        [step("sum", 0, axis=(1, 2), keepdims=True), step("subtract", 0, 1)],
        [-1],
    ),
    "turned": ([f32(B, T, D)], [step("transpose", 0, axes=(2, 0, 1))], [-1]),
    "with itself turned": (
        [f32(D, D)],
        [step("transpose", 0, axes=(1, 0)), step("add", 0, 1)],
        [-1],
    ),
    "several results": (
        [f32(B, D), f32(), f32(D)],
        [
            step("multiply", 0, 1),
            step("greater", 3, 2),
            step("where", 4, 3, 0),
            step("cast", 4, dtype=dtype_of("f32")),
            step("sum", 6, axis=(0, 1)),
            step("sum", 3, axis=(0,)),
        ],
        [3, 4, 5, -2, -1],
    ),
    "loss of rows": (
        [f32(B, D)],
        [step("square", 0), step("sum", 1, axis=(1,)), step("sum", 2, axis=(0,))],
        [2, 3],
    ),
    "scalars": ([f32(), f32()], [step("multiply", 0, 1), step("exp", 2)], [-1]),
    "truth": (
        [f32(B, D)],
        [
            step("isfinite", 0),
            step("all", 1, axis=(0, 1)),
            step("any", 1, axis=(1,)),
        ],
        [-2, -1],
    ),
    "positions": (
        [f32(B, D)],
        [
            step("arange", start=Dim.of(2), count=D, step=3, dtype=dtype_of("f32")),
            step("multiply", 0, 1),
        ],
        [-1],
    ),
    "sizes": (
        [f32(B, D)],
        [
            step("sum", 0, axis=(1,)),
            step("size", value=D * B, dtype=dtype_of("f32")),
            step("divide", 1, 2),
        ],
        [-1],
    ),
    "shapes": (
        [f32(B, D), f32(D)],
        [
            step("expand_dims", 1, axis=0),
            step("broadcast_to", 2, shape=(B, D)),
            step("expand_dims", 3, axis=1),
            step("squeeze", 4, axis=(1,)),
            step("reshape", 5, newshape=(B, 1, D)),
            step("reshape", 0, newshape=(B, 1, D)),
            step("maximum", 6, 7),
        ],
        [-1],
    ),
}
SIZES = [
    {"B": 5, "T": 3, "D": 37},
    {"B": 1, "T": 1, "D": 1},
    {"B": 67, "T": 11, "D": 16},
    {"B": 700, "T": 2, "D": 97},
    {"B": 3, "T": 41, "D": 5003},
]


def sizes_of(numbers):
    return {SYMBOLS[name]: number for name, number in numbers.items()}


def samples(node, sizes, seed=0):
    random = np.random.default_rng(seed)
    found = []
    for source in node.inputs:
        shape = tuple(dim.evaluate(sizes) for dim in source.shape)
        found.append(np.asarray(random.normal(size=shape), source.dtype.numpy))
    return found


def assert_close(got, wanted):
    for one, two in zip(got, wanted, strict=True):
        two = np.asarray(two)
        assert (one.shape, one.dtype) == (two.shape, two.dtype)
        if one.dtype == bool:
            np.testing.assert_array_equal(one, two)
            continue
        scale = np.max(np.nan_to_num(np.abs(two)), initial=1)
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("numbers", SIZES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_says_what_numpy_says(name, numbers):
    node, sizes = fused(*CASES[name]), sizes_of(numbers)
    arrays = samples(node, sizes)
    compiled = Compiled(node)
    whole = compiled.run(arrays, sizes)
    assert_close(whole, reference(node, arrays, sizes))
    for parts in (2, 7):
        for one, two in zip(whole, compiled.run(arrays, sizes, parts), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "name", [n for n in CASES if n not in ("largest", "two apart")]
)
def test_no_elements(name):
    node = fused(*CASES[name])
    compiled = Compiled(node)
    for empty in "BTD":
        sizes = sizes_of({"B": 2, "T": 2, "D": 2, empty: 0})
        arrays = samples(node, sizes)
        if "max" in [step.op for step in node.attributes["body"]] and empty == "D":
            continue  # NumPy refuses
        assert_close(compiled.run(arrays, sizes), reference(node, arrays, sizes))


def test_equal_kernels_have_one_name():
    other = Dim.from_symbol(Symbol("other"))
    one = lower(fused([f32(B, D)], [step("exp", 0)], [-1]))
    two = lower(fused([f32(T, other)], [step("exp", 0)], [-1]))
    three = lower(fused([f32(T, other)], [step("log", 0)], [-1]))
    assert one.name == two.name != three.name


@pytest.mark.parametrize(
    ("types", "body", "reason"),
    [
        ([f32(B, D)], [step("sort", 0, axis=1)], "`sort` is no loop over elements"),
        (
            [f32(B, D)],
            [step("reshape", 0, newshape=(B * D,))],
            "a reshape merges or cuts axes",
        ),
        (
            [f32(B, D)],
            [step("sum", 0, axis=(0,)), step("subtract", 0, 1)],
            "values read a fold of outer axes again",
        ),
        (
            [f32(B, D)],
            [step("exp", 0), step("sum", 1, axis=(0,)), step("sum", 2, axis=(0,))],
            "a fold reads the end of another",
        ),
        (
            [tensor_type("i32", (B, D))],
            [step("power", 0, 0)],
            "`pow` of i32 is no loop over elements",
        ),
    ],
)
def test_what_is_no_kernel(types, body, reason):
    assert lowerable(fused(types, body, [-1])) == reason
