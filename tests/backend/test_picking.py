"""Slices that kernels read where they lie: which, what becomes of them, and what of
indices that are wrong."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.backend.kernels import Instruction
from tulle.backend.pipeline.fuse import fuse
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import tensor_type

ROWS, LONG = (Dim.from_symbol(Symbol(name)) for name in ("rows", "long"))
TABLE = input_node("table", tensor_type("f32", (50, 24)))
OTHER = input_node("other", tensor_type("f32", (24, 24)))
LINE = input_node("line", tensor_type("f32", (50,)))
IDS = input_node("ids", tensor_type("i32", (ROWS, LONG)))
BYTES = input_node("bytes", tensor_type("i8", (ROWS, LONG)))
WEIGHTS = input_node("weights", tensor_type("f32", (ROWS, LONG, 1)))
INPUTS = (TABLE, OTHER, LINE, IDS, BYTES, WEIGHTS)


def result(*nodes):
    graph = Graph(INPUTS, {f"out{i}": node for i, node in enumerate(nodes)})
    found = fuse(graph)
    verify(found)
    random = np.random.default_rng(0)
    sizes = {ROWS.symbol: 5, LONG.symbol: 7}
    values = {}
    for node in INPUTS:
        shape = [dim.evaluate(sizes) for dim in node.shape]
        whole = node.dtype.kind == "i"
        draw = random.integers(-24, 24, shape) if whole else random.normal(size=shape)
        values[node] = draw.astype(node.dtype.numpy)
    wanted = evaluate(list(graph.roots), values, sizes)
    for one, two in zip(
        wanted, evaluate(list(found.roots), values, sizes), strict=True
    ):
        np.testing.assert_array_equal(one, two, strict=True)
    return tuple(found.outputs.values())


def fused(operands, body, outputs):
    steps = tuple(Instruction(op, places, tuple(a.items())) for op, places, a in body)
    attributes = {"body": steps, "outputs": tuple(outputs)}
    return OPS["fused"].apply(tuple(operands), attributes)


def positions(indices, size):
    return OPS["positions"].apply((indices,), {"size": Dim.of(size), "told": "take"})


def ops_of(node):
    found, stack = set(), [node]
    while stack:
        one = stack.pop()
        found.add(one.op.name)
        stack += one.inputs
        if one.op.name == "fused":
            found.update(step.op for step in one.attributes["body"])
    return found


DOWN = {"axis": (1,), "keepdims": False}
FIRST = {"axis": 0}


def test_a_weighed_sum_of_slices():
    rows = call("take", TABLE, IDS, axis=0)
    (found,) = result(call("sum", rows * WEIGHTS, axis=1))
    body = (
        ("pick", (0, 1), FIRST),
        ("multiply", (3, 2), {}),
        ("sum", (4,), DOWN),
    )
    assert found is fused([TABLE, positions(IDS, 50), WEIGHTS], body, [5])


def test_indices_that_may_not_hold_the_size_are_widened():
    rows = call("take", TABLE, BYTES, axis=0)
    (found,) = result(call("max", rows, axis=1))
    wide = fused([BYTES], [("cast", (0,), {"dtype": IDS.dtype})], [1])
    body = (("pick", (0, 1), FIRST), ("max", (2,), DOWN))
    assert found is fused([TABLE, positions(wide, 50)], body, [3])


def test_equal_indices_are_checked_once():
    """Numbers are picked beside slices, whose positions are there anyway."""
    rows = call("sum", call("take", TABLE, IDS, axis=0), axis=-1)
    (found,) = result(rows + call("take", LINE, IDS, axis=0))
    body = (
        ("pick", (0, 1), FIRST),
        ("sum", (3,), {"axis": (2,), "keepdims": False}),
        ("pick", (2, 1), FIRST),
        ("add", (4, 5), {}),
    )
    assert found is fused([TABLE, positions(IDS, 50), LINE], body, [6])


def test_a_view_is_picked_from():
    turned = call("transpose", TABLE)
    (found,) = result(call("exp", call("take", turned, IDS, axis=1)))
    body = (("pick", (0, 1), {"axis": 1}), ("exp", (2,), {}))
    assert found is fused([turned, positions(IDS, 50)], body, [3])


def test_what_a_kernel_computes_is_stored_before():
    warm = call("tanh", TABLE)
    (found,) = result(call("sum", call("take", warm, IDS, axis=0), axis=1) + 1)
    (kernel,) = [s for s in found.inputs if s.op.name == "fused"]
    assert kernel is fused([TABLE], [("tanh", (0,), {})], [1])


@pytest.mark.parametrize(
    "read",
    [
        lambda rows: (call("matmul", rows, OTHER),),
        lambda rows: (rows, call("exp", rows)),
        lambda rows: (call("exp", call("reshape", rows, (ROWS, LONG, 24))), rows),
        lambda rows: (call("sort", rows), rows + 1),
    ],
)
def test_slices_that_others_read_are_written(read):
    found = result(*read(call("take", TABLE, IDS, axis=0)))
    names = set().union(*map(ops_of, found))
    assert "take" in names
    assert not names & {"pick", "positions"}


def test_single_numbers_are_written():
    """An index would be written for each of them."""
    (found,) = result(call("exp", call("take", LINE, IDS, axis=0)))
    assert found.inputs[0] is call("take", LINE, IDS, axis=0)


def test_a_sum_of_many_that_is_read_in_each_place_is_no_part_of_what_reads_it():
    """It would be summed up again in each place, of slices read across."""
    few = call("getitem", IDS, (slice(None), slice(0, 4)))
    weights = call("getitem", WEIGHTS, (slice(None), slice(0, 4)))
    total = call("sum", call("take", TABLE, few, axis=0) * weights, axis=1)
    (found,) = result(call("expand_dims", total * 2, 1) * weights)
    assert [one.op for one in found.attributes["body"]] == ["expand_dims", "multiply"]


def test_a_mean_of_what_a_mask_leaves():
    """The number of those left is counted apart: rows are added up as they lie."""
    seen = call("not_equal", IDS, 0)
    kept = call("where", call("expand_dims", seen, -1), call("take", TABLE, IDS, 0), 0)
    count = call("sum", call("cast", seen, "float32"), axis=1, keepdims=True)
    (found,) = result(call("sum", kept, axis=1) / count)
    body = ["pick", "expand_dims", "constant", "where", "sum", "divide"]
    assert sorted(one.op for one in found.attributes["body"]) == sorted(body)


# Sums at places.

EDGES = input_node("edges", tensor_type("i32", (ROWS,)))
MESSAGES = input_node("messages", tensor_type("f32", (ROWS, 24)))
OWN = input_node("own", tensor_type("f32", (ROWS, 1, 24)))
INPUTS = (*INPUTS, EDGES, MESSAGES, OWN)
INTO = {"axis": 0, "size": Dim.of(50), "rank": 1}


def added(values, indices, rank=1):
    return OPS["add_at"].apply((values, indices), INTO | {"rank": rank})


def test_slices_are_weighed_and_added_up_by_one_kernel():
    weights = call("getitem", WEIGHTS, (slice(None), 0))
    rows = call("take", TABLE, EDGES, axis=0)
    (found,) = result(added(rows * weights, EDGES))
    body = (
        ("pick", (0, 1), FIRST),
        ("multiply", (4, 2), {}),
        ("sum_at", (5, 3), INTO),
    )
    wanted = [TABLE, positions(EDGES, 50), weights, EDGES]
    assert found is fused(wanted, body, [6])


def test_the_gradient_of_a_mean_is_added_up_as_it_lies():
    rows = call("broadcast_to", OWN, (ROWS, LONG, 24))
    (found,) = result(added(rows, IDS, 2))
    body = (
        ("broadcast_to", (0,), {"shape": (ROWS, LONG, Dim.of(24))}),
        ("sum_at", (2, 1), INTO | {"rank": 2}),
    )
    assert found is fused([OWN, IDS], body, [3])


@pytest.mark.parametrize(
    "values",
    [
        lambda: (added(MESSAGES, EDGES),),  # lie there already
        lambda: (added(call("tanh", MESSAGES), EDGES),),  # for all threads
        lambda: (added(MESSAGES * 2, EDGES), MESSAGES * 2),  # written anyway
        lambda: (added(call("matmul", MESSAGES, OTHER), EDGES),),
        lambda: (added(call("sum", MESSAGES * OWN, 1), EDGES),),
    ],
)
def test_other_sums_at_places_are_ops_of_their_own(values):
    names = set().union(*map(ops_of, result(*values())))
    assert "add_at" in names
    assert "sum_at" not in names


def test_a_sum_at_places_is_the_end_of_its_kernel():
    total = added(MESSAGES * 2, EDGES)
    (found,) = result(call("tanh", total) + TABLE)
    names = [[s.op for s in n.attributes["body"]] for n in (found, found.inputs[0])]
    assert names == [["tanh", "add"], ["constant", "multiply", "sum_at"]]


# Programs.

RANDOM = np.random.default_rng(0)
ROWS_OF = RANDOM.normal(size=(40, 24)).astype(np.float32)


WAVES = RANDOM.normal(size=(30, 24)).astype(np.float32)


def bag(table, indices):
    return ops.mean(ops.take(table, indices, axis=0), axis=1)


def two(table, indices):
    first = ops.take(table, indices[:, 0], axis=0)
    return ops.sum(first * ops.take(table, indices[:, 1], axis=0), axis=-1)


def within(table, indices):
    return ops.exp(ops.take(table, indices[0] % 24, axis=1))


def run(function, *operands):
    compiled = tulle.function(function)
    found = np.asarray(compiled(*operands))
    return found, compiled.source()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
@pytest.mark.parametrize("function", [bag, two, within])
def test_any_integers(function, dtype):
    low = 0 if dtype.startswith("u") else -40
    indices = RANDOM.integers(low, 40, (6, 9)).astype(dtype)
    found, source = run(function, ROWS_OF, indices)
    assert "pick" in source
    assert "take(" not in source
    wanted = function(*map(ops.convert_to_tensor, (ROWS_OF, indices))).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 9), (6, 0), (0, 0)])
def test_no_indices(shape):
    indices = np.zeros(shape, np.int32)
    for table in (ROWS_OF, ROWS_OF[:0]):
        found, _ = run(lambda t, i: ops.sum(ops.take(t, i, axis=0), 1), table, indices)
        np.testing.assert_array_equal(found, np.zeros((shape[0], 24), np.float32))


@pytest.mark.parametrize("wrong", [40, -41, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("place", [0, 17, 53])
def test_an_index_outside_of_the_axis(wrong, place):
    indices = np.zeros((6, 9), np.int32)
    compiled = tulle.function(bag)
    compiled(ROWS_OF, indices)
    indices.reshape(-1)[place] = wrong
    with pytest.raises(DataError) as caught:
        np.asarray(compiled(ROWS_OF, indices))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "T0311"
    assert diagnostic.message == (
        f"`take` was given index {wrong} for an axis of size 40"
    )
    indices[:] = 0
    np.testing.assert_allclose(
        np.asarray(compiled(ROWS_OF, indices)), ROWS_OF[:1].repeat(6, 0), rtol=1e-6
    )


def test_an_index_into_nothing():
    with pytest.raises(DataError, match="T0311"):
        np.asarray(run(bag, ROWS_OF[:0], np.zeros((2, 3), np.int32))[0])


def segments(table, source, target, weights):
    rows = ops.take(table, source, axis=0) * weights[:, None]
    return ops.segment_sum(rows, target, 40)


def slope(table, source, target, weights):
    def loss(table):
        return ops.sum(ops.square(segments(table, source, target, weights)))

    return tulle.value_and_grad(loss)(table)[1]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("function", [segments, slope])
def test_messages_along_edges(function, dtype):
    """Those to no node are left out."""
    source = RANDOM.integers(-40, 40, 300).astype(dtype)
    target = RANDOM.integers(-3, 43, 300).astype(dtype)
    weights = RANDOM.normal(size=300).astype(np.float32)
    found, text = run(function, ROWS_OF, source, target, weights)
    assert text.count("sum_at(") == (1 if function is segments else 2)
    counted = (target >= 0) & (target < 40)
    sums = np.zeros((40, 24))
    np.add.at(sums, target[counted], (ROWS_OF[source] * weights[:, None])[counted])
    if function is slope:
        slopes = np.zeros((41, 24))
        slopes[:40] = 2 * sums
        rows = slopes[np.where(counted, target, 40)] * weights[:, None]
        sums = np.zeros((40, 24))
        np.add.at(sums, source, rows)
    np.testing.assert_allclose(found, sums, rtol=1e-4, atol=1e-4)


def test_a_gradient_is_the_sum_in_the_order_of_indices():
    """Bit for bit, as it is added up one after the other."""

    def function(table, indices):
        return tulle.value_and_grad(lambda t: ops.sum(bag(t, indices) * WAVES))(table)[
            1
        ]

    indices = RANDOM.integers(-40, 40, (30, 9)).astype(np.int32)
    found, text = run(function, ROWS_OF, indices)
    assert "sum_at" in text
    wanted = np.zeros((40, 24), np.float32)
    share = WAVES / np.float32(9)
    for row, ids in enumerate(indices):
        for one in ids:
            wanted[one] += share[row]
    np.testing.assert_array_equal(found, wanted)


def test_what_is_picked_from_is_not_written_over():
    """A table of the program's own has the shape and the last reader of a result."""

    def function(table, indices):
        warm = ops.tanh(ops.matmul(table, ROWS_OF[:24]))
        return ops.take(warm, indices, axis=0) * 2

    indices = np.arange(40)[::-1].astype(np.int32)
    found, source = run(function, ROWS_OF, indices)
    assert "pick" in source
    wanted = 2 * np.tanh(ROWS_OF @ ROWS_OF[:24])[::-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_numbers_that_are_not_finite_stay_where_they_are():
    table = ROWS_OF.copy()
    table[3], table[4] = np.nan, np.inf
    found, _ = run(bag, table, np.array([[0, 1], [3, 1], [4, 1]], np.int32))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isposinf(found[2]).all()
