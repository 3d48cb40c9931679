"""What follows a convolution tile by tile: the exact graph, the same bits."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from tulle.backend.cpu.code import NativeCode
from tulle.backend.cpu.follow import follow
from tulle.backend.cpu.tile_axes import NOWHERE, TileAxes, tile_axes
from tulle.backend.kernels import Instruction
from tulle.backend.loops import lower
from tulle.backend.pipeline import stages
from tulle.backend.program import Program
from tulle.graph.diagnostics import RunShapeError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of
from tulle.graph.variable import Variable

BATCH = Dim.from_symbol(Symbol("batch"))
LENGTH = Dim.from_symbol(Symbol("length"))


def given(name, *shape, dtype="f32"):
    dims = tuple(Dim.of(size) for size in shape)
    return input_node(name, TensorType(dtype_of(dtype), dims))


X = given("x", BATCH, 17, 13, 5)
W = given("w", 3, 3, 5, 24)
BIAS = given("bias", 24)


def graphs(inputs, *outputs):
    """A graph before and after the pass."""
    whole = Graph(inputs, {f"out{n}": node for n, node in enumerate(outputs)})
    *_, before = stages(whole, generated=True)
    after = follow(before.graph)
    verify(after)
    return before.graph, after


def arrays(inputs, sizes, seed=0):
    random = np.random.default_rng(seed)
    return [
        random.standard_normal([int(d.evaluate(sizes)) for d in node.shape]).astype(
            node.dtype.numpy
        )
        for node in inputs
    ]


def same_bits(inputs, *outputs, batches=(1, 2, 7, 40), lengths=(9,)):
    """The graph after the pass, which computes what the one before does."""
    before, after = graphs(inputs, *outputs)
    one, two = (Program(graph, code=NativeCode()) for graph in (before, after))
    for batch in batches:
        for length in lengths:
            sizes = {BATCH.symbol: batch, LENGTH.symbol: length}
            values = arrays(inputs, sizes, batch)
            wanted, found = one(values), two(values)
            for name in wanted:
                np.testing.assert_array_equal(found[name], wanted[name])
            given = dict(zip(inputs, values, strict=True))
            plain = evaluate(list(after.roots), given, sizes)
            for value, name in zip(plain, wanted, strict=False):
                np.testing.assert_allclose(value, wanted[name], 1e-4, 1e-4)
    return after


def names(node):
    return [one.op for one in node.attributes["body"]]


def followed(graph):
    return [node for node in graph.nodes if node.op.name == "followed"]


def convolved(x=X, w=W, bias=BIAS, **options):
    return call("conv", x, w, **options) + bias


def test_bias_activation_and_pooling_follow():
    pooled = call("max_pool", call("relu", convolved()), 2)
    before, after = graphs((X, W, BIAS), pooled)
    conv, kernel, pool = (
        next(node for node in before.nodes if node.op.name == name)
        for name in ("conv_forward", "fused", "window_max")
    )
    body = (
        Instruction("conv_forward", (0, 1), tuple(conv.attributes.items())),
        Instruction("window_max", (3,), tuple(pool.attributes.items())),
        Instruction("fused", (4, 2), tuple(kernel.attributes.items())),
    )
    attributes = {"body": body, "outputs": (5,)}
    wanted = OPS["followed"].apply((X, W, BIAS), attributes)
    assert after.outputs["out0"] is wanted
    same_bits((X, W, BIAS), pooled)


def test_what_others_read_is_stored():
    active = call("relu", convolved())
    after = same_bits((X, W, BIAS), call("max_pool", active, 2), active)
    (node,) = followed(after)
    assert node.attributes["outputs"] == (4, 5)
    raw = call("conv", X, W)
    after = same_bits((X, W, BIAS), call("tanh", raw + BIAS), raw)
    assert [node.attributes["outputs"] for node in followed(after)] == [(3, 4)]


def test_where_the_largest_stand_follows_for_the_gradient():
    from tulle.graph.differentiate import gradients

    pooled = call("max_pool", call("relu", convolved()), 2)
    slopes = gradients(call("sum", pooled * pooled), [W, BIAS])
    before, after = graphs((X, W, BIAS), *slopes)
    (node,) = followed(after)
    assert {"window_argmax", "window_max"} < set(names(node))
    values = arrays((X, W, BIAS), {BATCH.symbol: 5})
    one, two = (Program(graph, code=NativeCode())(values) for graph in (before, after))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_a_residual_and_a_scale_for_each_image():
    other, scale = given("other", BATCH, 17, 13, 24), given("scale", BATCH, 1, 1, 24)
    row = given("row", 17, 1, 1)
    out = call("relu", convolved(padding="same") * scale + other * row)
    after = same_bits((X, W, BIAS, other, scale, row), out)
    assert names(followed(after)[0]) == ["conv_forward", "fused"]


def test_several_results_and_another_dtype():
    total = convolved()
    outputs = call("cast", total, "float64"), call("relu", total), total > 0.5
    (node,) = followed(same_bits((X, W, BIAS), *outputs))
    assert [str(type.dtype) for type in node.type.items] == ["f64", "f32", "bool"]


def test_what_is_made_of_weights_alone_comes_before():
    deviation = Variable(np.arange(1, 25, dtype=np.float32)).node
    out = call("relu", convolved() / call("sqrt", call("exp", deviation) + 1.0))
    (node,) = followed(same_bits((X, W, BIAS), out))
    assert names(node) == ["conv_forward", "fused"]


def test_rows_of_channels_may_be_folded():
    out = call("softmax", convolved())
    assert names(followed(same_bits((X, W, BIAS), out))[0]) == ["conv_forward", "fused"]


def test_folds_over_places_do_not_follow():
    total = convolved()
    for node in (call("mean", total, axis=(1, 2)), call("mean", total, axis=(0, 1, 2))):
        assert not followed(graphs((X, W, BIAS), node)[1])


def test_what_waits_for_the_convolution_does_not_follow():
    raw = call("conv", X, W)
    centred = raw - call("mean", raw, axis=(0, 1, 2), keepdims=True)
    assert not followed(graphs((X, W), centred)[1])
    same_bits((X, W), centred)


def test_two_that_wait_for_each_other():
    other = given("other", 3, 3, 5, 24)
    one, two = call("conv", X, W), call("conv", X, other)
    outputs = (
        call("cumsum", call("exp", one) + two),
        call("cumsum", one * call("tanh", two), axis=1),
    )
    same_bits((X, W, other), *outputs)


@pytest.mark.parametrize(
    ("size", "strides", "padding", "follows"),
    [
        (2, 2, "valid", True), (2, 3, "valid", True), (4, 4, "same", True),
        (3, 2, "valid", False), ((1, 3), (1, 2), "valid", True),
        ((2, 3), 2, "valid", True),
        (2, 2, "same", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["max_pool", "average_pool"])
def test_pooling_of_rows_that_a_tile_has(size, strides, padding, follows, kind):
    pooled = call(
        kind, call("relu", convolved()), size, strides=strides, padding=padding
    )
    (node,) = followed(same_bits((X, W, BIAS), pooled))
    assert any(one.startswith("window") for one in names(node)) == follows


def test_pooling_twice_and_what_is_between():
    pooled = call("max_pool", call("relu", convolved(padding="same")), 2)
    again = call("average_pool", pooled * 2.0, (3, 1), strides=(3, 1))
    (node,) = followed(same_bits((X, W, BIAS), again + 1.0))
    assert names(node)[:4] == ["conv_forward", "window_max", "fused", "window_sum"]


@pytest.mark.parametrize("height", [33, 64, 75, 100])
@pytest.mark.parametrize("width", [30, 57])
def test_pooling_of_the_same_by_several_steps(height, width):
    x = given("x", BATCH, height, width, 5)
    active = call("relu", convolved(x))
    outputs = call("max_pool", active, 2), call("max_pool", active, 3)
    (node,) = followed(same_bits((x, W, BIAS), *outputs, batches=(1, 2)))
    assert names(node)[2:] == ["window_max", "window_max"]


def test_a_scalar_follows():
    scalar = given("scalar")
    after = same_bits((X, W, scalar), call("relu", call("conv", X, W) + scalar))
    assert names(followed(after)[0]) == ["conv_forward", "fused"]


def test_more_images_than_the_convolution_has():
    one, many = given("x", 1, 17, 13, 5), given("many", BATCH, 15, 11, 24)
    outer = given("outer", 3, BATCH, 15, 11, 24)
    more = call("max_pool", call("relu", call("conv", one, W) + many), 2)
    same_bits((one, W, many), more)
    more = call("relu", call("conv", X, W) + outer)
    same_bits((X, W, outer), call("max_pool", more, (1, 2, 2)))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("filters", [1, 6, 12])
def test_convolutions_of_any_kind(rank, strides, groups, filters):
    if filters % groups:
        return
    x = given("x", BATCH, *[(40, 9, 6)[axis] for axis in range(rank)], 6)
    w = given("w", *[3] * rank, 6 // groups, filters)
    bias = given("bias", filters)
    out = call("tanh", convolved(x, w, bias, strides=strides, padding="same"))
    after = same_bits((x, w, bias), call("max_pool", out, 2), batches=(1, 9))
    assert names(followed(after)[0])[:2] == ["conv_forward", "fused"]


def test_the_cotangent_of_the_input():
    g, w = given("g", BATCH, 15, 11, 24), given("w", 3, 3, 5, 24)
    out = call("conv_transpose", g, w, strides=1) * 2.0
    after = same_bits((g, w), out)
    assert names(followed(after)[0]) == ["conv_input", "fused"]


def test_large_images_and_sizes_that_a_run_tells():
    x, w = given("x", BATCH, LENGTH, 70, 3), given("w", 3, 3, 3, 8)
    bias = given("bias", 8)
    pooled = call("max_pool", call("relu", convolved(x, w, bias, padding="same")), 2)
    same_bits((x, w, bias), pooled, batches=(1, 3), lengths=(3, 10, 64, 71))


def test_windows_that_do_not_fit_are_told():
    x, w = given("x", BATCH, LENGTH, 70, 3), given("w", 3, 3, 3, 8)
    pooled = call("max_pool", call("relu", call("conv", x, w)), 2)
    _, after = graphs((x, w), pooled)
    run = Program(after, code=NativeCode())
    for length in (1, 2, 3):
        values = arrays((x, w), {BATCH.symbol: 2, LENGTH.symbol: length})
        with pytest.raises(RunShapeError, match="does not fit axis 1"):
            run(values)


def test_operands_of_any_strides():
    turned, x = given("turned", 24, 13, 17, BATCH), given("xt", 5, 13, 17, BATCH)
    flat = convolved(call("transpose", x), padding="same")
    after = same_bits(
        (x, W, BIAS, turned), call("relu", flat + call("transpose", turned))
    )
    assert names(followed(after)[0])[0] == "conv_forward"


def test_where_a_kernel_has_images_and_rows():
    inputs = X, given("scale", BATCH, 1, 1, 5), given("line", 5)
    _, after = graphs(inputs, call("relu", X * inputs[1] + inputs[2]))
    kernel = after.outputs["out0"]
    found = tile_axes(lower(kernel), [kernel.inputs.index(X)])
    by_operand = dict(zip(kernel.inputs, found, strict=False))
    wanted = TileAxes(0, 1), TileAxes(0, None), NOWHERE
    assert tuple(by_operand[node] for node in inputs) == wanted
    assert found[-1] == TileAxes(0, 1)
