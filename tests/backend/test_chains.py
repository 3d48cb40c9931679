"""Fused kernels: which ops go together, their exact graph, and tiles of any shape."""

import numpy as np
import pytest

from tulle.backend import compile_graph
from tulle.backend.kernels import Instruction
from tulle.backend.pipeline.chains import LONGEST, chain
from tulle.backend.pipeline.select_kernels import select_kernels
from tulle.backend.pipeline.tiles import TILE, cut, slots_of
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph, verify
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import constant_node, input_node
from tulle.graph.types import TensorType, dtype_of
from tulle.graph.variable import Variable

ROWS, COLUMNS = (Dim.from_symbol(Symbol(name)) for name in ("rows", "columns"))
TYPE = TensorType(dtype_of("f32"), (ROWS, COLUMNS))
X, Y = input_node("x", TYPE), input_node("y", TYPE)
LINE = input_node("line", TYPE.with_shape((COLUMNS,)))
COLUMN = input_node("column", TYPE.with_shape((ROWS, 1)))


@pytest.fixture(autouse=True)
def by_arrays(monkeypatch):
    """Programs that call the array library step by step."""
    monkeypatch.setenv("TULLE_KERNELS", "numpy")


def fused(operands, *body):
    instructions = tuple(Instruction(name, places) for name, places in body)
    return OPS["fused"].apply(
        tuple(operands),
        {
            "body": instructions,
            "outputs": (len(operands) + len(body) - 1,),
        },
    )


def result(node):
    graph = Graph((X, Y, LINE, COLUMN), {"out": node})
    found = chain(graph)
    verify(found)
    return found.outputs["out"]


def test_a_chain():
    found = result(call("tanh", X + LINE) * X)
    body = ("add", (0, 1)), ("tanh", (2,)), ("multiply", (3, 0))
    assert found is fused([X, LINE], *body)


def test_a_value_read_twice_inside():
    h = call("exp", X)
    body = ("exp", (0,)), ("multiply", (1, 1)), ("subtract", (2, 1))
    assert result(h * h - h) is fused([X], *body)


def test_a_value_read_outside_ends_a_chain():
    h = call("exp", X)
    graph = chain(Graph((X,), {"out": h + 1.0, "h": h}))
    assert graph.outputs["h"] is h
    assert graph.outputs["out"] is h + 1.0
    found = result(call("sum", h, axis=0) + h)
    assert found is call("sum", h, axis=0) + h


def test_no_kernel_waits_for_itself():
    h = call("exp", X)
    found = result(call("tanh", h) * call("max", h, axis=1, keepdims=True))
    tail = fused(
        [h, call("max", h, axis=1, keepdims=True)],
        ("tanh", (0,)),
        ("multiply", (2, 1)),
    )
    assert found is tail


def test_other_shapes_and_single_ops_stay_alone():
    assert result(X + Y) is X + Y
    node = X * call("exp", LINE)
    assert result(node) is node


def test_long_chains_are_cut():
    node = X
    for _ in range(3 * LONGEST):
        node = call("tanh", node)
    kernels = chain(Graph((X,), {"out": node})).nodes
    assert [len(k.attributes["body"]) for k in kernels[1:]] == [LONGEST] * 3


def test_slots_are_used_again():
    body = [("exp", (0,)), ("tanh", (1,)), ("add", (2, 0)), ("less", (3, 0))]
    slots = slots_of(fused([X], *body))
    assert slots.places == (0, 0, 0)
    both = fused([X], ("exp", (0,)), ("tanh", (0,)), ("add", (1, 2)))
    assert slots_of(both).places == (0, 1)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "softplus", "rsqrt"])
def test_selected_kernels_have_equal_values(name):
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 5), np.float32) * 20
    x = np.abs(x) if name == "rsqrt" else x
    x[0, 0], x[1, 1] = np.nan, np.inf
    before = call(name, X)
    after = select_kernels(Graph((X,), {"out": before})).outputs["out"]
    assert after is not before
    sizes = {ROWS.symbol: 3, COLUMNS.symbol: 5}
    one, two = evaluate([before, after], {X: x}, sizes)
    np.testing.assert_array_equal(one, two)


SHAPES = [(1, 1), (3, 5), (2, TILE), (3, TILE + 1), (TILE + 3, 2), (700, 130)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["C", "F", "every other"])
def test_tiles_of_any_shape(shape, layout):
    """Rows, columns, scalars and strided operands, from inputs and from buffers."""
    random = np.random.default_rng(0)
    wide = random.standard_normal((2 * shape[0], shape[1]), np.float32)
    x = {"C": wide[: shape[0]].copy(), "every other": wide[::2]}.get(layout)
    x = np.asfortranarray(wide[: shape[0]]) if x is None else x
    line = random.standard_normal(shape[1], np.float32)
    column = random.standard_normal((shape[0], 1), np.float32)
    loose = call("tanh", X * LINE + COLUMN) * X
    kept = call("transpose", call("transpose", loose) * 2.0)
    after = call("exp", kept - LINE) * 0.5 + kept + call("sum", COLUMN)
    found = compile_graph(Graph((X, LINE, COLUMN), {"a": loose, "b": after}))(
        [x, line, column]
    )
    a = np.tanh(x * line + column) * x
    kept = (a.T * np.float32(2)).T
    b = np.exp(kept - line) * np.float32(0.5) + kept + np.sum(column)
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_allclose(found["b"], b, 1e-6)


def test_tiles_are_small_and_cover_all():
    out = np.empty((700, 130), np.float32)
    line = np.ones(130, np.float32)
    scratch = [np.empty(TILE, np.float32)]
    tiles = cut(out.shape, TILE, scratch, [out, line], out)
    assert len(tiles) == 3
    for x, row, slot, target in tiles:
        assert x.shape == slot.shape == target.shape
        assert x.size <= TILE
        assert row is line
    assert sum(target.size for *_, target in tiles) == out.size


def test_updates_of_large_variables_in_place():
    size = 2 * TILE + 5
    random = np.random.default_rng(0)
    start = random.standard_normal(size, np.float32)
    weight, slope = Variable(start), Variable(start * 2)
    rate = constant_node(np.float32(0.1))
    new = weight.node - call("tanh", slope.node + weight.node) * rate
    program = compile_graph(Graph((), {}, ((weight, new),)))
    program([])
    wanted = start - np.tanh(start * 2 + start) * np.float32(0.1)
    np.testing.assert_array_equal(weight.numpy(), wanted)
    assert "copy(" not in program.source()
    assert program.plan([]).peak_bytes <= 4 * TILE + 64
