"""Loops that do no work twice: exact graphs, and the values of the loops before."""

import numpy as np
import pytest
import steps

from tulle.backend import compile_graph
from tulle.backend.pipeline import GENERATED, join_loops
from tulle.backend.pipeline.expand_composites import expand_composites
from tulle.backend.pipeline.simplify import simplify
from tulle.graph import control
from tulle.graph.bodies import body_of
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.layers import GRU, LSTM, Bidirectional, Dense, Masking, SimpleRNN
from tulle.graph.network import Input, Network
from tulle.graph.node import topological
from tulle.graph.ops.movement import full_node
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.trace import Trace, tracing
from tulle.graph.types import TensorType, dtype_of

BATCH = Dim.from_symbol(Symbol("batch"))
F32 = TensorType(dtype_of("f32"), (BATCH, Dim.of(3)))
XS = input_node("xs", F32.with_shape((4, BATCH, 3)))
START = input_node("start", F32)
WEIGHT = input_node("weight", F32.with_shape((3, 3)))
INPUTS = (XS, START, WEIGHT)


def scan(f, init, xs=XS, **options):
    """The last carry and the stacked outputs of a scan over nodes, as nodes."""
    carry, ys = control.scan(f, SymbolicTensor(init), SymbolicTensor(xs), **options)
    return carry.node, None if ys is None else ys.node


def recurrent(h, x):
    h = call("tanh", call("matmul", h, SymbolicTensor(WEIGHT)) + x)
    return h, h


def loops(graph):
    return [node for node in graph.nodes if node.op.name == "loop"]


def ops_of(loop):
    inside = topological(loop.attributes["body"].outputs)
    return sorted(n.op.name for n in inside if n.op.name not in ("input", "constant"))


def joined(**outputs):
    """A graph before and after, which agree."""
    before = simplify(expand_composites(Graph(INPUTS, outputs)))
    after = join_loops(before)
    verify(after)
    agree(before, after)
    return after


def agree(before, after, tolerance=1e-5):
    random = np.random.default_rng(0)
    sizes = {BATCH.symbol: 2}
    values = {
        node: random.standard_normal(
            [d.value or sizes[d.symbol] for d in node.shape], np.float32
        )
        for node in before.inputs
    }
    wanted = evaluate(list(before.roots), values, sizes)
    found = evaluate(list(after.roots), values, sizes)
    for one, two in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one, two, tolerance, tolerance, strict=True)


def test_equal_loops_are_one():
    last, _ = scan(recurrent, START)
    _, ys = scan(recurrent, START)
    found = joined(last=last, ys=ys)
    (loop,) = loops(found)
    assert found.outputs["last"] is OPS["item"].apply((loop,), {"index": 0})
    assert found.outputs["ys"] is OPS["item"].apply((loop,), {"index": 1})
    assert ops_of(loop) == ["add", "matmul", "tanh"]


def test_different_loops_stay():
    _, one = scan(recurrent, START)
    _, two = scan(recurrent, START, reverse=True)
    _, three = scan(lambda h, x: (h + x, h), START)
    assert len(loops(joined(one=one, two=two, three=three))) == 3


def test_loops_of_one_body_over_different_slices_stay():
    from tulle.graph.ops.control import loop_node

    (loop,) = loops(Graph(INPUTS, {"last": scan(recurrent, START)[0]}))
    body, length = loop.attributes["body"], loop.attributes["length"]
    again = loop_node(body, [START], [XS * 2.0], [WEIGHT], length)
    once = loop_node(body, [START], [XS], [WEIGHT], length)
    assert len(loops(joined(once=once[0], again=again[0]))) == 2


def test_a_loop_that_reads_what_another_stacks_stays():
    """Though both carry the same: a loop cannot wait for itself."""

    def again(h, both):
        x, seen = both
        h, _ = recurrent(h, x)
        return h, h * seen

    _, stacked = scan(recurrent, START)
    both = (SymbolicTensor(XS), SymbolicTensor(stacked))
    _, found = control.scan(again, SymbolicTensor(START), both)
    assert len(loops(joined(found=found.node))) == 2


def test_the_gradient_of_a_loop_uses_what_the_loop_computed():
    _, ys = scan(recurrent, START)
    loss = call("sum", ys * ys)
    slopes = gradients(loss, [WEIGHT, START, XS])
    names = ("weight", "start", "xs")
    found = joined(loss=loss, **dict(zip(names, slopes, strict=True)))
    forward, backward = loops(found)
    assert ops_of(forward) == ["add", "matmul", "tanh"]
    # 1 - h * h, times what arrives, back through the product: nothing is done again.
    assert ops_of(backward).count("matmul") == 1
    assert "tanh" not in ops_of(backward)


def test_a_turn_that_computes_much_more_than_it_carries_is_not_run_again():
    """Stages of a solver: each goes through a wider layer."""
    up, down = (
        input_node(name, F32.with_shape(shape))
        for name, shape in (("up", (3, 15)), ("down", (15, 3)))
    )

    def step(x, _):
        for _ in range(4):
            h = call("tanh", x @ SymbolicTensor(up))
            x = x + h @ SymbolicTensor(down) * 0.02
        return x, None

    last, _ = control.scan(step, SymbolicTensor(START), length=10)
    slopes = gradients(call("sum", last.node * last.node), [up, down, START])
    names = ("up", "down", "start")
    outputs = dict(zip(names, slopes, strict=True))
    before = simplify(expand_composites(Graph((START, up, down), outputs)))
    after = join_loops(before)
    agree(before, after, 1e-4)
    forward, backward = loops(after)
    assert ops_of(forward).count("tanh") == 4
    assert "tanh" not in ops_of(backward)


def test_gradients_of_weights_are_one_product():
    _, ys = scan(recurrent, START)
    (slope,) = gradients(call("sum", ys * ys), [WEIGHT])
    found = joined(slope=slope)
    products = [node for node in found.nodes if node.op.name == "matmul"]
    assert [str(node.type) for node in products] == ["f32[3, 3]"]
    assert str(products[0].inputs[1].type) == "f32[4 * batch, 3]"
    _, backward = loops(found)
    assert str(backward.type) == "(f32[batch, 3], f32[4, batch, 3])"


def in_half(dtype):
    """The gradient of a weight that turns multiply by in 16 bits."""

    def step(h, x):
        halves = [call("cast", one, dtype) for one in (h, SymbolicTensor(WEIGHT))]
        h = call("tanh", call("cast", call("matmul", *halves), "float32") + x)
        return h, h

    _, ys = scan(step, START)
    (slope,) = gradients(call("sum", ys * ys), [WEIGHT])
    return simplify(expand_composites(Graph(INPUTS, {"slope": slope})))


def test_gradients_in_bfloat16_are_one_product_too():
    """Which float16 may have no room for."""
    for dtype, carried in (("bfloat16", 1), ("float16", 2)):
        before = in_half(dtype)
        found = join_loops(before)
        agree(before, found, 0.03)
        _, backward = loops(found)
        assert backward.attributes["carries"] == carried
    product = join_loops(in_half("bfloat16")).outputs["slope"].inputs[0]
    assert str(product.inputs[1].type) == "bf16[4 * batch, 3]"


def test_sums_over_turns_are_one_sum():
    line = input_node("line", F32.with_shape((3,)))
    _, ys = scan(lambda h, x: (call("tanh", h + x + SymbolicTensor(line)),) * 2, START)
    slope, xs = gradients(call("sum", ys * ys), [line, XS])
    for more, summed in (({}, "f32[4, 3]"), ({"xs": xs}, "f32[4, batch, 3]")):
        before = simplify(Graph((*INPUTS, line), {"slope": slope, **more}))
        after = join_loops(before)
        agree(before, after)
        assert after.outputs["slope"].op.name == "sum"
        assert str(after.outputs["slope"].inputs[0].type) == summed


def test_sums_of_which_each_turn_moves_its_part_are_one_sum():
    """As of a cell's bias of two rows, of a column, or of what is summed up itself."""
    for shape, read in (
        ((2, 3), lambda w: w[1]),
        ((3, 1), lambda w: w[:, 0]),
        ((2, 3), lambda w: call("sum", w, axis=0)),
        ((3, 2), lambda w: call("sum", w, axis=1)),
    ):
        weight = input_node("weight", F32.with_shape(shape))

        def step(h, x, weight=weight, read=read):
            return (call("tanh", h + x + read(SymbolicTensor(weight))),) * 2

        _, ys = scan(step, START)
        (slope,) = gradients(call("sum", ys * ys), [weight])
        before = simplify(Graph((*INPUTS, weight), {"slope": slope}))
        after = join_loops(before)
        agree(before, after)
        assert str(loops(after)[1].type) == "(f32[batch, 3], f32[4, 3])"


def ctc(known):
    """A loss that is a loop, and its gradient; lengths are inputs or `known`."""
    target = input_node("target", TensorType(dtype_of("i32"), (BATCH, Dim.of(2))))
    output = input_node("output", F32.with_shape((BATCH, 6, 5)))
    count = TensorType(dtype_of("i32"), (BATCH,))
    labels, frames = (
        full_node(count, size) if known else input_node("length", count)
        for size in (2, 6)
    )
    losses = OPS["ctc_loss"](target, output, labels, frames)
    (slope,) = gradients(call("sum", losses), [output])
    inputs = tuple(n for n in (target, output, labels, frames) if n.op.name == "input")
    return Graph(inputs, {"losses": losses, "slope": slope})


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("traced", [False, True])
def test_a_loss_that_is_a_loop_runs_it_once(known, traced):
    """Whether its gradient was taken inside a trace or after it."""
    with tracing(Trace() if traced else None):
        graph = ctc(known)
    before = simplify(expand_composites(graph))
    after = join_loops(before)
    verify(after)
    forward, backward = loops(after)
    assert ops_of(forward).count("logaddexp") == 2
    assert "logaddexp" not in ops_of(backward)
    given = [[[1, 2], [3, 3], [4, 1]], [2, 1, 2], [6, 6, 5]]
    random = np.random.default_rng(0)
    arrays = [np.array(array, np.int32) for array in given]
    arrays.insert(1, random.standard_normal((3, 6, 5), np.float32))
    values = dict(zip(graph.inputs, arrays, strict=False))
    wanted, found = (
        evaluate(list(one.roots), values, {BATCH.symbol: 3}) for one in (graph, after)
    )
    for one, two in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6, strict=True)


def test_composites_in_a_loop_that_a_composite_makes_are_expanded():
    for loop in loops(expand_composites(ctc(known=False))):
        levels = {n.op.level for n in topological(loop.attributes["body"].outputs)}
        assert levels == {"primitive"}


def test_a_source_that_a_body_is_given_is_as_one_that_it_makes():
    """A gradient gives the loop that it runs again what the loop made by itself."""
    from tulle.graph.ops.control import loop_node

    ones = full_node(F32, 1.0)
    makes = scan(lambda h, x: (h + x + SymbolicTensor(ones), None), START)[0]
    (made,) = loops(Graph(INPUTS, {"last": makes}))
    h, x, line = (input_node("x", F32) for _ in range(3))
    body = body_of([h, x, line], [call("add", call("add", h, x), line)])
    length = made.attributes["length"]
    (given,) = loop_node(body, [START], [XS], [ones], length)
    (found,) = loops(joined(made=makes, given=given))
    assert len(found.inputs) == 2
    # What is no source stays an operand.
    (other,) = loop_node(body, [START], [XS], [START], length)
    assert len(loops(joined(made=makes, other=other))) == 2


def test_what_all_turns_share_is_computed_once():
    weight = SymbolicTensor(WEIGHT)

    def step(h, x):
        return h + x @ call("tanh", weight * 2.0), None

    last, _ = scan(step, START)
    found = joined(last=last)
    (loop,) = loops(found)
    assert ops_of(loop) == ["add", "matmul"]
    assert loop.inputs[2] is call("tanh", WEIGHT * 2.0)


def test_what_is_turned_afterwards_is_computed_once_too():
    weight = SymbolicTensor(WEIGHT)

    def step(h, x):
        return h + x @ call("transpose", call("tanh", weight)), None

    last, _ = scan(step, START)
    (loop,) = loops(joined(last=last))
    assert ops_of(loop) == ["add", "matmul", "transpose"]
    assert loop.inputs[2] is call("tanh", WEIGHT)


BIAS = input_node("bias", F32.with_shape((3,)))
STEPS = input_node("steps", F32.with_shape((4, 1, 1)))
MOVED = call("multiply", call("add", XS, BIAS), STEPS)  # of all slices


def entered(xs, f=recurrent, **more):
    """A loop over slices, in the graph that is made of it, which gives equal values."""
    inputs = (*INPUTS, BIAS, STEPS)
    last, _ = scan(f, START, xs)
    before = simplify(expand_composites(Graph(inputs, {"last": last, **more})))
    after = join_loops(before)
    verify(after)
    agree(before, after)
    (loop,) = loops(after)
    return loop, after


def test_turns_compute_what_was_computed_of_all_slices():
    loop, after = entered(MOVED)
    assert {n.op.name for n in after.nodes} <= {"input", "constant", "loop", "item"}
    assert ops_of(loop) == ["add", "add", "matmul", "multiply", "tanh"]
    assert set(loop.inputs) == {START, XS, STEPS, BIAS, WEIGHT}
    assert loop.attributes["slices"] == 2  # the bias is the same in all turns


def test_a_turn_reads_parts_of_what_it_computes_of_a_slice():
    def parts(h, x):
        h = h * x[..., :1] + call("tanh", call("matmul", h, SymbolicTensor(WEIGHT)))
        return h * x[..., 1:2], None

    def whole(h, x):
        return h * x[..., ::-1] + x, None

    assert entered(MOVED, parts)[0].attributes["slices"] == 1  # read to be broadcast
    loop, _ = entered(MOVED, whole)
    assert loop.attributes["slices"] == 2
    assert XS in loop.inputs


def test_slices_that_others_read_or_that_are_multiplied_are_computed_before():
    loop, _ = entered(MOVED, more=call("tanh", MOVED))
    assert XS not in loop.inputs

    def multiplied(h, x):
        return h + call("matmul", x, SymbolicTensor(WEIGHT)), None

    loop, _ = entered(MOVED, multiplied)
    assert XS not in loop.inputs


def test_what_an_earlier_loop_stacks_is_read_by_slices():
    _, ys = scan(recurrent, START)
    last, _ = scan(recurrent, START, call("add", ys, BIAS))
    after = join_loops(
        simplify(expand_composites(Graph((*INPUTS, BIAS), {"last": last})))
    )
    verify(after)
    agree(Graph((*INPUTS, BIAS), {"last": last}), after)
    assert not [n for n in after.nodes if n.op.name == "add"]


def test_what_nobody_reads_goes():
    def step(carry, x):
        a, b = carry
        return (a + x, b * call("exp", x)), a

    (a, _), _ = control.scan(
        step, (SymbolicTensor(START), SymbolicTensor(START)), SymbolicTensor(XS)
    )
    (loop,) = loops(joined(a=a.node))
    assert ops_of(loop) == ["add"]
    assert str(loop.type) == "(f32[batch, 3])"


def test_equal_carries_are_one():
    def step(carry, x):
        a, b = carry
        new = call("tanh", b + x)
        return (new, new), a

    (a, b), ys = control.scan(
        step, (SymbolicTensor(START), SymbolicTensor(START)), SymbolicTensor(XS)
    )
    (loop,) = loops(joined(a=a.node, b=b.node, ys=ys.node))
    assert loop.attributes["carries"] == 1


LAYERS = {
    "lstm": lambda: [LSTM(3)],
    "lstm of sequences": lambda: [LSTM(3, return_sequences=True), LSTM(3)],
    "lstm backwards": lambda: [LSTM(3, go_backwards=True)],
    "lstm with masks": lambda: [Masking(0.0), LSTM(3)],
    "gru": lambda: [GRU(3)],
    "gru before": lambda: [GRU(3, reset_after=False)],
    "simple": lambda: [SimpleRNN(3)],
    "both ways": lambda: [Bidirectional(LSTM(3))],
}


def recurrent_step(name):
    x = h = Input((5, 4), name="x")
    for layer in LAYERS[name]():
        h = layer(h)
    return steps.step_graph(Network(x, Dense(2)(h)), steps.Descent)


def after(graph, last="fuse"):
    """A graph after the passes up to one, by its name."""
    for apply, _ in GENERATED:
        graph = apply(graph)
        if apply.__name__ == last:
            return graph
    raise LookupError(last)


@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers_train_alike(name):
    graph = recurrent_step(name)
    whole = after(graph)
    verify(whole)
    before = after(graph, "expand_composites")
    random = np.random.default_rng(0)
    sizes = {d.symbol: 3 for n in before.inputs for d in n.shape if d.value is None}
    values = {
        n: random.standard_normal([d.value or 3 for d in n.shape], np.float32)
        for n in before.inputs
    }
    wanted = evaluate(list(before.roots), values, sizes)
    for one, two in zip(
        wanted, evaluate(list(whole.roots), values, sizes), strict=True
    ):
        np.testing.assert_allclose(one, two, 1e-4, 1e-5, strict=True)
    found = compile_graph(graph)([values[n] for n in graph.inputs])
    np.testing.assert_allclose(found["loss"], wanted[0], 1e-5)


@pytest.mark.parametrize(
    ("name", "count"), [("lstm", 2), ("lstm of sequences", 4), ("gru", 2)]
)
def test_a_layer_has_one_loop_each_way(name, count):
    found = loops(after(recurrent_step(name), "join_loops"))
    assert len(found) == count
    for loop in found:
        assert ops_of(loop).count("matmul") == 1
    for loop in found[count // 2 :]:
        assert not {"tanh", "sigmoid"} & set(ops_of(loop))


def test_bodies_are_fused():
    loops_found = loops(after(recurrent_step("lstm")))
    for loop in loops_found:
        names = ops_of(loop)
        assert names.count("fused") <= 2
        assert {*names} <= {
            "fused", "item", "matmul", "getitem", "transpose", "concatenate"
        }  # fmt: skip


def test_branches_and_while_loops_are_simplified_and_fused():
    x = SymbolicTensor(START)
    branch = control.cond(
        call("sum", x) > 0.0, lambda: call("tanh", x * 1.0) * 2.0, lambda: x
    )
    looped = control.while_loop(
        lambda h: call("sum", h) < 5.0, lambda h: call("abs", h) * 1.0 + 1.0, x
    )
    graph = Graph((START,), {"branch": branch.node, "while": looped.node})
    whole = after(graph)
    agree(graph, whole)
    branching, looping = (
        next(n for n in whole.nodes if n.op.name == name)
        for name in ("branch", "while")
    )
    first = branching.attributes["bodies"][1].outputs[0]
    assert [one.op for one in first.attributes["body"]] == [
        "tanh",
        "constant",
        "multiply",
    ]
    assert looping.attributes["body"].outputs[0].op.name == "fused"


def test_of_several_results_each_is_kept():
    """Factors of a turn, of which the first loop needs one and its gradient both."""

    def step(h, x):
        return call("tanh", call("qr", h + x)[0]), h

    start, xs = input_node("start", square(3)), input_node("xs", square(4, 3))
    last, _ = scan(step, start, xs)
    (slope,) = gradients(call("sum", last), [start])
    before = simplify(expand_composites(Graph((start, xs), {"slope": slope})))
    after = join_loops(before)
    verify(after)
    assert sum(ops_of(loop).count("qr") for loop in loops(after)) == 1
    agree(before, after, 1e-4)


def square(*sizes):
    """The type of square matrices of the last size."""
    return F32.with_shape((*map(Dim.of, sizes), Dim.of(3)))


def test_equal_sums_over_turns_are_one_sum():
    """Of two weights that turns read alike; compiling this did not end."""
    pair = [input_node(name, F32.with_shape((2, 3))) for name in ("one", "two")]

    def step(h, x):
        for weight in pair:
            x = x + SymbolicTensor(weight)[1]
        return (call("tanh", h + x),) * 2

    _, ys = scan(step, START)
    slopes = gradients(call("sum", ys * ys), pair)
    outputs = dict(zip(("first", "second"), slopes, strict=True))
    before = simplify(Graph((*INPUTS, *pair), outputs))
    agree(before, join_loops(before))
