"""Costs: operations by the rules of the ops, memory, numbers in place of sizes."""

import layer_cases as cases
import op_samples as samples
import op_table
import pytest

import tulle
from tulle.graph import layers
from tulle.graph.costs import flops_of
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim
from tulle.graph.network import Input, Network
from tulle.graph.node import topological
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import TensorType, dtype_of
from tulle.training.costs import check_sizes, costs_of, put_in
from tulle.training.summary import summarize

B = "batch"


def flops(x, *stack):
    y = x
    for layer in stack:
        y = layer(y)
    return str(costs_of(Network(x, y)).flops)


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((4,), lambda: layers.Dense(2, use_bias=False), 2 * 4 * 2),
        ((4,), lambda: layers.Dense(2), 2 * 4 * 2 + 2),
        ((4,), lambda: layers.Dense(2, activation="relu"), 2 * 4 * 2 + 2 + 2),
        ((8, 8, 3), lambda: layers.Conv2D(4, 3, use_bias=False), 2 * 36 * 4 * 27),
        ((8, 8, 3), lambda: layers.Conv2D(4, 3, 2, use_bias=False), 2 * 9 * 4 * 27),
        (
            (8, 8, 4),
            lambda: layers.Conv2D(4, 3, groups=2, use_bias=False),
            2 * 36 * 4 * 18,
        ),
        ((8, 8, 4), lambda: layers.DepthwiseConv2D(3, use_bias=False), 2 * 36 * 4 * 9),
        (
            (6, 6, 3),
            lambda: layers.Conv2DTranspose(4, 3, use_bias=False),
            2 * 36 * 3 * 36,
        ),
        ((8, 8, 4), lambda: layers.MaxPooling2D(2), 16 * 4 * 4),
        ((8, 8, 4), lambda: layers.Flatten(), 0),
        ((8, 8, 4), lambda: layers.Dropout(0.5), 0),
        ((8, 8, 4), lambda: layers.Permute((2, 1, 3)), 0),
        ((5,), lambda: layers.ReLU(), 5),
    ],
)
def test_layers(shape, layer, expected):
    wanted = "0" if not expected else f"{expected} * {B}"
    assert flops(Input(shape), layer()) == wanted


def test_a_loop_costs_its_turns():
    one = costs_of(Network(x := Input((1, 3)), layers.LSTM(4)(x))).flops
    many = costs_of(Network(x := Input(("T", 3)), layers.LSTM(4)(x))).flops
    assert put_in(many, {"T": 7}) == one * 7


def test_attention_is_quadratic_in_the_steps():
    x = Input(("T", 8))
    found = costs_of(Network(x, layers.MultiHeadAttention(2, 4)(x, x))).flops
    (square,) = [f for m, f in found.terms if {s.name: p for s, p in m}.get("T") == 2]
    # Scores and their sums: 2 heads of 4, a product and a sum each; then the softmax.
    assert square >= 2 * (2 * 4) * 2


def test_a_branch_costs_the_dearest():
    x = Input((4,))
    dear = tulle.ops.cond(x[0, 0] > 0, lambda: x * 2 + 1, lambda: x + 1)
    cheap = tulle.ops.cond(x[0, 0] > 0, lambda: x + 2, lambda: x + 1)
    one, two = (costs_of(Network(x, end)).flops for end in (dear, cheap))
    assert str(one - two) == f"4 * {B}"


def test_what_is_computed_once_is_counted_once():
    x = Input((4,))
    y = tulle.ops.exp(x)
    assert str(flops_of([(y + y).node])) == f"8 * {B}"


ROWS = [row for row in op_table.ROWS if row.shapes]


@pytest.mark.parametrize("row", ROWS, ids=[row.label for row in ROWS])
def test_every_op_has_a_cost(row):
    _, node = samples.built(row)
    found = flops_of([node])
    value = found.evaluate({s: samples.VALUES[s] for s in found.symbols()})
    assert value >= 0


CASES = cases.all_rows()


@pytest.mark.parametrize("row", CASES, ids=cases.labels(CASES))
def test_the_rows_of_every_layer_add_up(row):
    dtype = dtype_of("float32" if row.high is None else "int32")
    shapes = cases.shapes(row, cases.symbols(row))
    types = [TensorType(dtype, tuple(map(Dim.of, shape))) for shape in shapes]
    inputs = [SymbolicTensor(input_node(f"x{i}", t)) for i, t in enumerate(types)]
    results = cases.called(row, cases.layer_of(row), inputs, {})
    known = {n for r in results for n in topological([r.node])}
    model = Network([x for x in inputs if x.node in known], results)
    summary = summarize(model, costs=True)
    assert summary.costs.flops == sum(
        (r.flops or Dim.of(0) for r in summary.rows), Dim.of(0)
    )


def test_memory():
    x = Input((4,), name="x")
    model = Network(x, layers.Dense(2, name="out")(layers.BatchNormalization()(x)))
    found = costs_of(model, tulle.optimizers.Adam())
    learned = 4 * (4 + 4 + 4 * 2 + 2)
    assert found.gradients == learned
    assert 2 * learned <= found.slots <= 2 * learned + 16
    assert str(found.activations) == f"{4 * (4 + 2)} * {B}"
    assert costs_of(model).slots is None
    assert costs_of(model, tulle.optimizers.SGD()).slots <= 16


def test_numbers_in_place_of_sizes():
    x = Input(("T", 4))
    found = costs_of(Network(x, layers.Dense(2)(x)))
    assert put_in(found.flops, {"batch": 3, "T": 5}).value == 18 * 15
    assert str(put_in(found.flops, {"T": 5})) == f"90 * {B}"
    check_sizes([x.type], {"T": 5})
    for sizes, code in (({"U": 3}, "T0201"), ({"T": 0}, "T0204")):
        with pytest.raises(DataError) as told:
            check_sizes([x.type], sizes)
        assert told.value.diagnostics[0].code == code


def test_a_model_of_code_has_no_costs():
    class Mine(tulle.Model):
        def call(self, x):
            return x

    assert costs_of(Mine()) is None
    assert summarize(Mine(), costs=True).costs is None
