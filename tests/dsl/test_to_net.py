"""`to_net`: text, model, text; equal graphs, parameters and results."""

import layer_cases as cases
import numpy as np
import op_samples as samples
import op_table
import pytest

import tulle
from tulle import ops
from tulle.dsl import loads
from tulle.dsl.phrases import INSTEAD
from tulle.dsl.to_net import to_net
from tulle.graph import layers, tree
from tulle.graph.diagnostics import TensorTypeError, TulleError
from tulle.graph.dim import Dim
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.network import Input
from tulle.graph.registry import OPS
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import TensorType, TupleType, dtype_of
from tulle.training.model import Model, Sequential

ROWS = cases.all_rows()
LABELS = cases.labels(ROWS)
# What the language has no words for, and what the refusal says of it.
WORDLESS = {
    "BatchNormalization-9": "a text has no dictionaries",
    "Lambda": "`function` of `Lambda` is a function",
}
PRIVATE = {name for name, op in OPS.items() if not op.public}


def model_of(row):
    """The layer of a row in a model of its own."""
    dtype = dtype_of("float32" if row.high is None else "int32")
    shapes = cases.shapes(row, cases.symbols(row))
    types = [TensorType(dtype, tuple(map(Dim.of, shape))) for shape in shapes]
    inputs = [SymbolicTensor(input_node(f"x{i}", t)) for i, t in enumerate(types)]
    masks = [
        SymbolicTensor(input_node(f"m{i}", TensorType(dtype_of("bool"), t.shape[:2])))
        for i, t in enumerate(types)
        if i in row.masks
    ]
    carried = dict(zip(row.masks, masks, strict=True))
    results = cases.called(row, cases.layer_of(row), inputs, carried)
    known = {node for result in results for node in reachable(result.node)}
    inputs += [mask for mask in masks if mask.node in known]
    return Model(inputs, results, name="M")


def reachable(node):
    from tulle.graph.node import topological

    return topological([node])


def again(model):
    """The model of a model's text; its text is the same."""
    text = to_net(model)
    found = loads(text).models[model.name]
    assert to_net(found) == text
    assert [(v.path, v.kept) for v in found.variables] == [
        (v.path, v.kept) for v in model.variables
    ]
    return found


def assert_equal_results(one, two, arrays):
    two.set_weights(one.get_weights())
    results = [tree.flatten(model(list(arrays)))[0] for model in (one, two)]
    for left, right in zip(*results, strict=True):
        assert np.array_equal(left.numpy(), right.numpy(), equal_nan=True)


@pytest.mark.parametrize("row", ROWS, ids=LABELS)
def test_every_layer(row):
    label = LABELS[ROWS.index(row)]
    model = model_of(row)
    if label in WORDLESS:
        with pytest.raises(TensorTypeError, match=WORDLESS[label]) as told:
            to_net(model)
        assert told.value.diagnostics[0].code == "T0710"
        return
    if row.name == "MultiHeadAttention" and row.masks:
        # It takes `query_mask` from the tensor alone, and here nothing makes a mask.
        assert loads(to_net(model)).M.count_params() == model.count_params()
        return
    found = again(model)
    sizes = cases.primes(row)
    arrays = [tulle.convert_to_tensor(x) for x in cases.arrays(row, sizes)]
    more = cases.mask_values(row, sizes)
    arrays += [tulle.convert_to_tensor(mask) for mask in more.values()]
    assert_equal_results(model, found, arrays[: len(model.input_names)])


def op_model(row):
    inputs, node = samples.built(row)
    outputs = [node]
    if isinstance(node.type, TupleType):
        count = range(len(node.type.items))
        outputs = [OPS["item"].apply((node,), {"index": i}) for i in count]
    return Model(
        [*map(SymbolicTensor, inputs)], [*map(SymbolicTensor, outputs)], name="M"
    )


OP_ROWS = [row for row in op_table.ROWS if row.shapes]


# Public ops of which no text is made: they leave private ops or slices as their nodes.
WITHOUT_TEXT = set(
    """
    histogram linspace logspace geomspace fft fft2 ifft2 rfft irfft stft istft
    ctc_decode array_split-{'indices_or_sections':3}-('AB',)
    slice_update--('4B','2','23')
    """.split()
)
CONDITIONED = ("conv", "crop_images")  # whose text has conditions of sizes


def has_text(row):
    named = OPS[row.name].public or OPS[row.name].text
    return named and not {row.name, row.label} & WITHOUT_TEXT


WORDED = [row for row in OP_ROWS if has_text(row)]
UNWORDED = [row for row in OP_ROWS if not has_text(row)]


@pytest.mark.parametrize("row", WORDED, ids=[row.label for row in WORDED])
def test_every_op(row):
    model = op_model(row)
    text = to_net(model)
    found = loads(text).M
    assert to_net(found) == text
    conditioned = " where " in text
    assert row.name in CONDITIONED or not conditioned
    assert conditioned or same_graph(graph_of(model), graph_of(found))


@pytest.mark.parametrize("row", UNWORDED, ids=[row.label for row in UNWORDED])
def test_what_has_no_text_is_told(row):
    model = op_model(row)
    with pytest.raises(TensorTypeError) as caught:
        to_net(model)
    names = {node.op.name for node in model.nodes} & PRIVATE - {"input", "item"}
    told = str(caught.value)
    assert names or "no slice gives it" in told or row.name == "slice_update", told


def test_chains_names_and_numbers_read_well():
    x = Input((64,), name="image")
    h = layers.Dense(128, activation="relu", name="hidden")(x)
    h = layers.Dropout(0.5)(h)
    y = layers.Dense(
        10, name="logits", kernel_initializer=tulle.initializers.HeNormal(3)
    )(h)
    assert to_net(Model(x, 2 * y + 1, name="Digits")) == """\
net 1

dim batch

model Digits(image: f32[batch, 64]) -> f32[batch, 10] {
  return 2.0
    * (
      image |> Dense(128, activation = "relu") as hidden
            |> Dropout(0.5)
            |> Dense(10, kernel_initializer = he_normal(seed = 3)) as logits
    )
    + 1.0
}
"""  # fmt: skip


def test_masks_that_tensors_carry_are_not_written():
    x = Input((None,), dtype="int32", name="words")
    h = layers.Embedding(9, 4, mask_zero=True)(x)
    h = layers.LSTM(4, return_sequences=True)(h)
    model = Model(x, layers.GRU(3)(layers.Dropout(0.1)(h)), name="M")
    text = to_net(model)
    assert "mask = " not in text
    assert same_graph(graph_of(model), graph_of(again(model)))
    data = np.array([[1, 2, 0], [3, 0, 0]], "int32")
    assert_equal_results(model, loads(text).M, [tulle.convert_to_tensor(data)])


def test_brackets_stand_where_they_must():
    a, b, c = (Input((4,), name=name) for name in "abc")
    for made in (
        a - (b - c),
        (a - b) - c,
        (-a) ** 2.0,
        -(a**2.0),
        a ** (b**c),
        (a**b) ** c,
        a / (b * c),
        (a + b) * -c,
        a * -2.0,
        ((a < b) == (b < c)),
        tulle.ops.logical_or(a < b, tulle.ops.logical_and(a < b, b < c)),
        tulle.ops.logical_and(a < b, tulle.ops.logical_or(a < b, b < c)),
    ):
        ends = [a, b, c]
        model = Model(
            ends,
            tulle.ops.where(made, a + b, c)
            if made.type.dtype.kind == "b"
            else made + a + b + c,
            name="M",
        )
        assert same_graph(graph_of(model), graph_of(again(model)))


def test_what_is_used_twice_gets_a_name():
    x = Input((8,), name="x")
    h = layers.Dense(8)(x)
    again(Model(x, h + layers.Dense(8)(h), name="Residual"))
    text = to_net(Model(x, h + layers.Dense(8)(h), name="Residual"))
    assert text.count("Dense(8)") == 2
    assert "let dense = x |> Dense(8)\n" in text
    assert "return dense + (dense |> Dense(8))" in text


def test_shared_layers_are_kept_by_let():
    a, b = Input((8,), name="a"), Input((8,), name="b")
    shared = layers.Dense(4, name="encoder")
    model = Model([a, b], shared(a) - shared(b), name="Siamese")
    text = to_net(model)
    assert text.count("Dense(4)") == 1
    assert "let encoder = Dense(4)" in text
    found = again(model)
    assert [v.path for v in found.variables] == ["encoder/kernel", "encoder/bias"]
    arrays = [tulle.convert_to_tensor(np.eye(3, 8, k, "float32")) for k in (0, 1)]
    assert_equal_results(model, found, arrays)


@pytest.mark.parametrize("kind", ["model", "sequential"])
def test_models_inside_become_layers(kind):
    if kind == "model":
        i = Input((8,), name="inner")
        j = layers.Dense(3, name="deep")(i)
        inner = Model(i, [j, j * 2], name="two_heads")
    else:
        inner = Sequential(
            [Input((8,)), layers.Dense(3), layers.Dense(3)], name="two_heads"
        )
    x = Input((8,), name="x")
    results = tree.flatten([inner(x), inner(x + 1)])[0]
    model = Model(x, results, name="Outer")
    text = to_net(model)
    assert "layer TwoHeads()(" in text
    assert text.count("TwoHeads()") == 2
    found = again(model)
    assert found.variables[0].path.startswith("two_heads/")
    assert_equal_results(
        model, found, [tulle.convert_to_tensor(np.eye(5, 8, dtype="float32"))]
    )


def test_several_inputs_and_named_outputs():
    a = Input((None, 4), name="a")
    b = Input((), dtype="int32", name="some-index")
    model = Model([a, b], {"mean": a[:, -1, ::2] * 0.5, "other": b + 1}, name="Both")
    text = to_net(model)
    assert "(\n  mean: f32[batch, 2],\n  other: i32[batch],\n)" in text
    assert "some_index: i32[batch]" in text
    assert "a[:, -1, ::2]" in text
    found = loads(text).Both
    assert found.output_names == model.output_names


def test_names_that_mean_something_else():
    x = Input((4,), name="sum")
    model = Model(x, layers.Dense(2, name="let")(x), name="model")
    text = to_net(model)
    assert "sum_1: f32" in text
    assert 'name = "let"' in text
    assert "model model_1(" in text
    model = Model(x, layers.Dense(2, name="some-layer")(x), name="M")
    assert [v.path for v in again(model).variables] == [v.path for v in model.variables]


def test_texts_with_layers_parameters_and_sizes():
    text = """\
net 1

dim B
dim T in 2..9
dim U in {4, 8} where U > T

layer Scaled()(x: f32[B, T, U, 4]) -> f32[B, T, U, 4] {
  param factor: f32[4] = constant(value = 2.0)
  return x * factor
}

model M(x: f32[B, T, U, 4]) -> f32[B, T - 1, 3 * U, 4] {
  let scaled = x |> Scaled() as scaling
  let narrow = scaled[:, 1:, :, :]
  return concatenate([narrow, narrow, narrow], axis = 2)
}
"""
    found = again(loads(text).M)
    assert [v.path for v in found.variables] == ["scaling/factor"]
    (upper,) = {s.upper for s in found.input_types[0].shape[1].symbols()}
    assert upper == 9


def test_long_and_deep_graphs():
    x = y = Input((4,), name="x")
    for i in range(300):
        y = (y * 2 if i % 2 else -y) + x
    again(Model(x, y, name="Deep"))
    for _ in range(150):
        y = layers.Dense(4)(y)
    again(Model(x, y, name="Long"))


class Own(layers.Layer):
    def call(self, x):
        return x + 1


class Scaled(tulle.layers.Layer):
    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, shape):
        self.weight = self.add_weight((shape[-1],), "ones", name="weight")

    def call(self, x, shift=0.0):
        return self.weight * x * self.factor + shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Halves(tulle.layers.Layer):
    def call(self, x):
        return x / 2, x * 2


class Nested(tulle.layers.Layer):
    def call(self, x):
        return {"a": x + 1}


def square(x):
    return x * x


X = Input((4,), name="x")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            lambda: Scaled([1.0, 2.0, 3.0, 4.0], name="mine")(X),
            "`factor` of `mine` cannot be written as a text: an `extern layer` takes",
        ),
        (lambda: layers.Dense(2, activation=square)(X), "`activation` of `dense`"),
        (lambda: X @ np.ones((4, 251), "float32"), "an array of the shape"),
        (lambda: tulle.ops.fft((X, X))[0], "`fourier_sum` in `M`"),
        (lambda: layers.Dense(2, name='a"b')(X), "cannot hold"),
        (lambda: layers.TimeDistributed(Own(name="mine"))(Input((3, 4))), "`mine`"),
    ],
)
def test_what_a_text_cannot_say(output, words):
    out = output()
    start = [n for n in reachable(out.node) if n.op.name == "input"]
    model = Model([*map(SymbolicTensor, start)], out, name="M")
    with pytest.raises(TensorTypeError) as told:
        tulle.to_net(model)
    (found,) = told.value.diagnostics
    assert found.code == "T0710"
    assert words in found.message
    assert found.help == (INSTEAD,)
    assert found.span.source.name == __file__


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda x: ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x), "a branch that"),
        (lambda x: ops.fori_loop(0, 3, lambda i, v: v * 2.0, x), "a loop in `M`"),
        (lambda x: ops.while_loop(lambda v: ops.sum(v) < 9, lambda v: v * 2.0, x),
         "a loop in `M`"),
        (lambda x: tulle.random.dropout(x, 0.5), "a random number in `M`"),
    ],
)  # fmt: skip
def test_what_a_run_decides_is_written_as_a_layer(rule, words):
    class Rule(tulle.layers.Layer):
        def call(self, x):
            return rule(x)

    with pytest.raises(TensorTypeError, match=words) as told:
        to_net(Model(X, rule(X), name="M"))
    assert "extern layer" in told.value.diagnostics[0].help[0]
    text = to_net(Model(X, Rule()(X), name="M"))
    assert "x |> Rule()" in text
    assert to_net(loads(text, extern={"Rule": Rule}).M) == text


def test_models_of_code_are_refused():
    class Mine(Model):
        def call(self, x):
            return x

    for model in (Mine(name="mine"), Sequential([layers.Dense(3)], name="mine")):
        with pytest.raises(TensorTypeError, match="`mine` cannot be written"):
            to_net(model)


def test_layers_of_ones_own():
    """The text declares them for the types that they meet; the host has the classes."""
    hidden = Scaled(0.5, name="first")(X)
    halves = Halves()(Scaled(0.5, name="second")(hidden))
    other = Scaled(2.0)(halves[0])
    shared = Own()
    model = Model(X, shared(other + shared(halves[1])), name="M")
    text = to_net(model)
    assert text.count("extern layer") == 3
    assert "extern layer Scaled(factor: f32)(x: f32[batch, 4]) -> f32[batch, 4]" in text
    assert "|> Scaled(factor = 0.5) as second" in text
    classes = {"Scaled": Scaled, "Halves": Halves, "Own": Own}
    found = loads(text, extern=classes).M
    assert to_net(found) == text
    assert [v.path for v in found.variables] == [v.path for v in model.variables]
    assert found.count_params() == 12
    found.set_weights([np.arange(4.0) + i for i in range(3)])
    assert_equal_results(found, model, [np.arange(8, dtype="float32").reshape(2, 4)])
    with pytest.raises(TulleError, match="the class of the extern layer `Scaled`"):
        loads(text)


def test_a_class_for_other_types_is_declared_again():
    wide = Input((6,), name="wide")
    model = Model([X, wide], [Scaled(2.0)(X), Scaled(3.0)(wide)], name="M")
    text = to_net(model)
    assert "extern layer Scaled_1(factor: f32)(x: f32[batch, 6])" in text
    found = loads(text, extern={"Scaled": Scaled, "Scaled_1": Scaled}).M
    assert to_net(found).count("extern layer") == 2
    assert found.count_params() == 10
    one = Scaled(2.0)
    for given in (lambda: one(X, 3.0), lambda: Nested()(X)["a"]):
        with pytest.raises(TensorTypeError) as told:
            to_net(Model(X, given(), name="M"))
        assert told.value.diagnostics[0].code == "T0710"


def test_small_arrays_are_lists():
    weights = np.array([[0.1, 2.0], [-3.0, np.inf]], "float32")
    model = Model(X, tulle.ops.take(X, [3, 0], axis=1) @ weights, name="M")
    assert "take(x, [3, 0], axis = 1) @ [[0.1, 2.0], [-3.0, inf]]" in to_net(model)
    again = loads(to_net(model)).M
    x = np.array([[1.0, 2.0, 3.0, 0.0]], "float32")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
