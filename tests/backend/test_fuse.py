"""Kernels for generated code: what goes together, the exact graph, equal values."""

import numpy as np
import pytest
import steps
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import SIZES, graphs
from work import calls

from tulle.backend.kernels import Instruction
from tulle.backend.loops import lowerable
from tulle.backend.pipeline import stages
from tulle.backend.pipeline.fuse import OPERANDS, RESULTS, fuse
from tulle.backend.pipeline.grouping import LONGEST
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import TensorType, dtype_of

ROWS, COLUMNS = (Dim.from_symbol(Symbol(name)) for name in ("rows", "columns"))
TYPE = TensorType(dtype_of("f32"), (ROWS, COLUMNS))
X, Y = input_node("x", TYPE), input_node("y", TYPE)
LINE = input_node("line", TYPE.with_shape((COLUMNS,)))
COLUMN = input_node("column", TYPE.with_shape((ROWS, 1)))
INPUTS = (X, Y, LINE, COLUMN)


def fused(operands, body, outputs):
    instructions = tuple(
        Instruction(name, places, tuple(attributes.items()))
        for name, places, attributes in body
    )
    return OPS["fused"].apply(
        tuple(operands), {"body": instructions, "outputs": tuple(outputs)}
    )


def result(*nodes):
    graph = Graph(INPUTS, {f"out{i}": node for i, node in enumerate(nodes)})
    found = fuse(graph)
    verify(found)
    agree(graph, found)
    return tuple(found.outputs.values())


def item(node, index):
    return OPS["item"].apply((node,), {"index": index})


def values_of(inputs, rows=3, columns=5):
    random = np.random.default_rng(0)
    sizes = {ROWS.symbol: rows, COLUMNS.symbol: columns}
    return sizes, {
        node: random.standard_normal(
            [d.value or sizes[d.symbol] for d in node.shape], np.float32
        )
        for node in inputs
    }


def agree(before, after):
    sizes, values = values_of(before.inputs)
    wanted = evaluate(list(before.roots), values, sizes)
    found = evaluate(list(after.roots), values, sizes)
    for one, two in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(one, two, strict=True)


def kernels(graph):
    return [node for node in graph.nodes if node.op.name == "fused"]


def names(kernel):
    return [one.op for one in kernel.attributes["body"]]


ROW = {"axis": (1,), "keepdims": True}
DOWN = {"axis": (0,), "keepdims": False}


def test_a_chain():
    (found,) = result(call("tanh", X + LINE) * X)
    body = ("add", (0, 1), {}), ("tanh", (2,), {}), ("multiply", (3, 0), {})
    assert found is fused([X, LINE], body, [4])


def test_a_single_op_is_a_kernel_too():
    assert result(X + Y) == (fused([X, Y], [("add", (0, 1), {})], [2]),)


def test_a_value_and_what_reads_it_are_stored_by_one_kernel():
    h = call("exp", X)
    total, kept = result(call("sum", h * Y, axis=0), h)
    kernel = fused(
        [X, Y],
        [("exp", (0,), {}), ("multiply", (2, 1), {}), ("sum", (3,), DOWN)],
        [2, 4],
    )
    assert (kept, total) == (item(kernel, 0), item(kernel, 1))


def test_the_gradient_of_a_bias_comes_with_what_it_sums():
    slope = call("where", call("greater", X, 0.0), Y, 0.0)
    down, product = result(
        call("sum", slope, axis=0), call("matmul", slope, call("transpose", X))
    )
    kernel = fused(
        [X, Y],
        [
            ("constant", (), constant_node(np.float32(0)).attributes),
            ("greater", (0, 2), {}),
            ("where", (3, 1, 2), {}),
            ("sum", (4,), DOWN),
        ],
        [4, 5],
    )  # fmt: skip
    assert down is item(kernel, 1)
    assert product is call("matmul", item(kernel, 0), call("transpose", X))


def test_rows_are_read_again():
    peak = call("max", X, axis=1, keepdims=True)
    raised = call("exp", X - peak)
    (found,) = result(raised / call("sum", raised, axis=1, keepdims=True))
    body = (
        ("max", (0,), ROW),
        ("subtract", (0, 1), {}),
        ("exp", (2,), {}),
        ("sum", (3,), ROW),
        ("divide", (3, 4), {}),
    )
    assert found is fused([X], body, [5])


@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "logsumexp", "layer_normalization",
             "rms_normalization", "normalize"]
)  # fmt: skip
def test_what_works_along_rows_is_one_kernel(name):
    from tulle.backend.pipeline.expand_composites import expand_composites
    from tulle.graph.differentiate import gradients

    node = call(name, X, axis=1) if name == "logsumexp" else call(name, X)
    loss = call("sum", node * Y if node.ndim == 2 else node)
    (slope,) = gradients(loss, [X])
    for wanted in ({"out": node}, {"out": slope}):
        graph = expand_composites(Graph(INPUTS, wanted))
        found = fuse(graph)
        agree(graph, found)
        assert len(kernels(found)) == 1
        assert {n.op.name for n in found.nodes} <= {"input", "fused", "constant"} | {
            "size", "full", "divide", "reshape"
        }  # fmt: skip


def test_a_fold_across_rows_ends_a_kernel():
    h = X - call("sum", X, axis=0, keepdims=True)
    (found,) = result(call("exp", h))
    first = fused([X], [("sum", (0,), {"axis": (0,), "keepdims": True})], [1])
    body = ("subtract", (0, 1), {}), ("exp", (2,), {})
    assert found is fused([X, first], body, [3])


def test_a_line_for_many_rows_is_computed_before():
    wide = input_node("wide", TYPE.with_shape((1000, 50)))
    line = input_node("short", TYPE.with_shape((50,)))
    graph = Graph((wide, line), {"out": wide * call("exp", line)})
    found = fuse(graph)
    first = fused([line], [("exp", (0,), {})], [1])
    assert found.outputs["out"] is fused([wide, first], [("multiply", (0, 1), {})], [2])
    graph = Graph((wide, line), {"out": wide * (line + 1.0)})
    assert len(kernels(fuse(graph))) == 1  # cheap enough for each row


def test_a_row_is_folded_once_for_many_that_read_the_sum():
    wide = input_node("wide", TYPE.with_shape((5, 64, 32)))
    rows = input_node("rows", TYPE.with_shape((5, 32)))
    each = call("reshape", call("sum", call("exp", rows), axis=1), (5, 1, 1))
    found = kernels(fuse(Graph((wide, rows), {"out": wide * each})))
    assert [[one.op for one in node.attributes["body"]] for node in found] == [
        ["exp", "sum"],
        ["reshape", "multiply"],
    ]
    row = call("sum", call("exp", wide), axis=2, keepdims=True)
    graph = Graph((wide,), {"out": wide * row})
    assert len(kernels(fuse(graph))) == 1  # its own row reads it


def test_no_kernel_waits_for_itself():
    h = call("exp", X)
    product = call("matmul", h, call("transpose", h))
    (found,) = result(call("tanh", h) * call("sum", product, axis=1, keepdims=True))
    first = fused([X], [("exp", (0,), {})], [1])
    inner = call("matmul", first, call("transpose", first))
    body = ("tanh", (0,), {}), ("sum", (1,), ROW), ("multiply", (2, 3), {})
    assert names(found) == [name for name, *_ in body]
    assert found.inputs == (first, inner)


def test_cheap_values_are_computed_again_in_place_of_stored():
    h = X + LINE
    product = call("matmul", call("exp", h), call("transpose", Y))
    later = call("sum", product, axis=1, keepdims=True) * h
    (found,) = result(later)
    assert names(found) == ["add", "sum", "multiply"]
    assert found.inputs[:2] == (X, LINE)


def test_dear_values_are_stored():
    h = call("exp", X + LINE)
    product = call("matmul", h * 2.0, call("transpose", Y))
    (found,) = result(call("sum", product, axis=1, keepdims=True) * h)
    first = found.inputs[1].inputs[0]
    assert names(first) == ["add", "exp", "constant", "multiply"]
    assert first.attributes["outputs"] == (3, 5)


def test_what_only_the_end_reads_is_computed_there():
    mask = call("greater", X, 0.0)
    product = call("matmul", X, call("transpose", Y))
    far = call("exp", product)
    again = call("matmul", far, Y)
    (found,) = result(call("where", mask, again, 0.0))
    assert sorted(names(found)) == ["constant", "greater", "where"]


def test_a_turned_value_is_written_turned_for_what_merges_its_axes():
    turned = call("transpose", X * 2.0)
    flat = call("reshape", turned, (ROWS * COLUMNS,))
    down, found = result(call("sum", turned, axis=1), flat)
    kernel = down.inputs[0]
    assert found is call("reshape", item(kernel, 0), flat.shape)
    assert names(kernel) == ["constant", "multiply", "transpose", "sum"]
    assert kernel.attributes["outputs"] == (3, 4)


def test_a_loss_of_class_numbers_is_one_kernel():
    from tulle.backend.pipeline import GENERATED
    from tulle.graph.differentiate import gradients

    labels = input_node("labels", TensorType(dtype_of("i32"), (ROWS,)))
    loss = call(
        "sum", call("sparse_categorical_crossentropy", labels, X, from_logits=True)
    )
    wanted = {"loss": loss, "slope": gradients(loss, [X])[0]}
    before = graph = Graph((X, labels), wanted)
    for apply, _ in GENERATED[3:]:
        graph = apply(graph)
    assert len(kernels(graph)) == 1
    sizes, values = values_of((X,))
    for chosen in ([0, 4, 2], [1, -1, 3]):
        values[labels] = np.array(chosen, "int32")
        ones = evaluate(list(before.roots), values, sizes)
        twos = evaluate(list(graph.roots), values, sizes)
        for one, two in zip(ones, twos, strict=True):
            np.testing.assert_allclose(one, two, 1e-6, 1e-6)
    values[labels] = np.array([0, 5, 1], "int32")
    for each in (before, graph):
        with pytest.raises(DataError, match="index 5 for an axis of size 5"):
            evaluate(list(each.roots), values, sizes)


def test_transposes_are_how_a_kernel_reads():
    turned = call("transpose", call("transpose", X) * 2.0 + 1.0)
    (found,) = result(turned + Y)
    assert names(found) == [
        "transpose", "constant", "multiply", "constant", "add", "transpose", "add"
    ]  # fmt: skip


def test_an_axis_that_meets_itself_is_no_loop():
    square = input_node("square", TYPE.with_shape((ROWS, ROWS)))
    both = call("exp", square) + call("transpose", square)
    found = fuse(Graph((square,), {"out": both})).outputs["out"]
    assert names(found) == ["exp", "transpose", "add"]  # reads its operand twice
    raised = call("exp", square)
    graph = Graph((square,), {"out": raised + call("transpose", raised)})
    first = fused([square], [("exp", (0,), {})], [1])
    turn = {"axes": (1, 0)}
    body = [("transpose", (0,), turn), ("add", (0, 1), {})]
    assert fuse(graph).outputs["out"] is fused([first], body, [2])


def test_rows_of_different_axes_are_different_kernels():
    box = input_node("box", TYPE.with_shape((ROWS, COLUMNS, 7)))
    one = box - call("max", box, axis=2, keepdims=True)
    two = one - call("max", one, axis=(1, 2), keepdims=True)
    graph = Graph((box,), {"out": two})
    found = fuse(graph)
    agree(graph, found)
    wanted = [["max"], ["subtract", "max", "subtract"]]
    assert [names(kernel) for kernel in kernels(found)] == wanted


def test_long_chains_are_cut():
    node = X
    for _ in range(3 * LONGEST):
        node = call("tanh", node)
    found = kernels(fuse(Graph((X,), {"out": node})))
    assert [len(kernel.attributes["body"]) for kernel in found] == [LONGEST] * 3


def test_kernels_have_bounded_operands_and_results():
    inputs = [input_node(f"x{i}", TYPE) for i in range(3 * OPERANDS)]
    total = inputs[0]
    for node in inputs[1:]:
        total = total + node
    many = {f"y{i}": call("tanh", node + total) for i, node in enumerate(inputs)}
    graph = Graph(tuple(inputs), many)
    found = fuse(graph)
    agree(graph, found)
    for kernel in kernels(found):
        assert len(kernel.inputs) <= OPERANDS
        assert len(kernel.attributes["outputs"]) <= RESULTS


def test_kernels_that_read_the_same_join():
    wide = input_node("wide", TYPE.with_shape((100, 50)))
    graph = Graph((wide,), {"a": call("exp", wide), "b": call("sum", wide, axis=0)})
    (kernel,) = kernels(fuse(graph))
    assert names(kernel) == ["exp", "sum"]


def test_an_optimizer_is_one_kernel_of_its_arena():
    network = steps.dense_network([7, 5, 3, 2])
    *_, last = stages(steps.step_graph(network, steps.Adam), generated=True)
    big = [k for k in kernels(last.graph) if len(k.attributes["outputs"]) == 3]
    (kernel,) = [k for k in big if k.inputs[0].ndim == 1]
    sizes = {str(type) for type in kernel.type.items}
    assert len(sizes) == 1
    assert names(kernel)[-1] == "subtract"


def test_a_training_step_has_the_values_of_its_ops():
    network = steps.dense_network([7, 5, 3, 2], "sigmoid")
    found = {s.name: s.graph for s in stages(
        steps.step_graph(network, steps.Adam, "i32"), generated=True
    )}  # fmt: skip
    before, after = found["expand_composites"], found["fuse"]
    x, y = steps.batch(network, target="i32")
    values = dict(zip(before.inputs, [x, y], strict=True))
    sizes = {before.inputs[0].shape[0].symbol: len(x)}
    wanted = evaluate(list(before.roots), values, sizes)
    got = evaluate(list(after.roots), values, sizes)
    for one, two in zip(wanted, got, strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 3))
def test_random_graphs(graph, seed):
    found = fuse(graph)
    verify(found)
    random = np.random.default_rng(seed)
    values = {n: random.standard_normal((3, 5), np.float32) for n in graph.inputs}
    wanted = evaluate(list(graph.roots), values, SIZES)
    again = evaluate(list(found.roots), values, SIZES)
    for one, two in zip(wanted, again, strict=True):
        np.testing.assert_array_equal(one, two, strict=True)
    for kernel in kernels(found):
        assert lowerable(kernel) is None


def chain_of(depth):
    weight = input_node("weight", TYPE.with_shape((COLUMNS, COLUMNS)))
    node = X
    for _ in range(depth):
        node = call("relu", call("matmul", node, weight) + LINE)
    return Graph((X, LINE, weight), {"out": node})


def test_work_grows_with_the_graph():
    few, many = chain_of(100), chain_of(400)
    assert calls(lambda: fuse(many)) < 4.5 * calls(lambda: fuse(few))


def cube(*shape):
    """A value of rows times a known shape."""
    return input_node("cube", TYPE.with_shape((ROWS, *map(Dim.of, shape))))


def apart(inputs, *nodes):
    """The names of the ops of each kernel that computes nodes."""
    graph = Graph(tuple(inputs), {f"out{i}": node for i, node in enumerate(nodes)})
    found = fuse(graph)
    verify(found)
    agree(graph, found)
    return [names(kernel) for kernel in kernels(found)]


def test_much_work_for_each_of_many_short_rows_is_a_kernel_before():
    """There it is done for as many rows at once as a vector has lanes."""
    gate, x = cube(32, 1), cube(32, 8)
    assert apart([gate, x], call("exp", gate) * x) == [["exp"], ["multiply"]]
    # Little work, long rows, few rows, or a value that differs along the rows.
    assert apart([gate, x], -gate * x) == [["negative", "multiply"]]
    long = cube(32, 64)
    assert apart([gate, long], call("exp", gate) * long) == [["exp", "multiply"]]
    few, y = cube(1, 1), cube(1, 8)
    assert apart([few, y], call("exp", few) * y) == [["exp", "multiply"]]
    assert apart([x], call("exp", x) * x) == [["exp", "multiply"]]


@pytest.mark.parametrize("size", [8, 64])
def test_a_kernel_ends_with_a_fold_of_short_rows_that_others_fold(size):
    x = cube(32, size)
    total = call("sum", x * x, axis=2) * 2.0
    found = apart([x], total, call("sum", total, axis=0))
    first = ["multiply", "sum"]
    rest = ["constant", "multiply", "sum"]
    assert found == ([first, rest] if size == 8 else [first + rest])


def test_a_kernel_ends_with_a_fold_of_short_rows_before_much_work():
    gate, x = cube(32), cube(32, 8)
    total = call("sum", x * x, axis=2)
    assert apart([x], call("tanh", total)) == [["multiply", "sum"], ["tanh"]]
    assert apart([x], -total) == [["multiply", "sum", "negative"]]
    beside = call("exp", gate) * total
    assert apart([gate, x], beside) == [["multiply", "sum"], ["exp", "multiply"]]
    assert apart([gate, x], gate * total) == [["multiply", "sum", "multiply"]]


def test_short_rows_that_are_read_again_are_one_kernel():
    x = cube(32, 8)
    raised = call("exp", x - call("max", x, axis=2, keepdims=True))
    share = raised / call("sum", raised, axis=2, keepdims=True)
    logs = x - call("log", call("sum", raised, axis=2, keepdims=True))
    assert len(apart([x], share)) == len(apart([x], logs)) == 1
