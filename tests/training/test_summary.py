"""Summaries: types with symbolic sizes, parameters, bytes; the same text each time."""

import numpy as np

from tulle.graph.layer import Layer
from tulle.graph.layers import BatchNormalization, Dense
from tulle.graph.network import Input
from tulle.training.model import Model, Sequential
from tulle.training.summary import amount, summarize


def nested():
    inner_x = Input(("T", 4))
    inner = Model(inner_x, Dense(4, name="deep")(inner_x), name="inner")
    x = Input(("T", 4), name="x")
    shared = Dense(4, name="shared")
    h = shared(inner(shared(x)))
    return Model(x, BatchNormalization(name="norm")(h) + x, name="outer")


def test_the_whole_text():
    text = str(summarize(nested()))
    first, _, head, _, *body = text.splitlines()
    assert first == "model outer"
    assert head.split() == ["layer", "kind", "output", "parameters"]
    rows = [line.split() for line in body]
    shape = ["f32[batch,", "T,", "4]"]
    assert ["x", "Input", *shape, "0"] in rows
    assert ["shared", "Dense", *shape, "20"] in rows
    assert ["inner", "Functional", *shape, "20"] in rows
    assert ["shared", "(shared)", "Dense", *shape, "0"] in rows
    assert ["norm", "BatchNormalization", *shape, "16"] in rows
    assert text.endswith(
        "parameters     56 (224 B)\n  trainable    48 (192 B)\n  other        8 (32 B)"
    )
    assert text == str(summarize(nested()))


def test_nested_models_unfold():
    rows = summarize(nested(), expand_nested=True).rows
    assert ("deep", 1) in [(row.name, row.depth) for row in rows]


def test_frozen_layers_are_marked():
    model = nested()
    model.get_layer("shared").trainable = False
    summary = summarize(model)
    assert summary.totals.trainable == 28
    assert "20 (frozen)" in str(summary)


def test_print_fn_gets_plain_lines():
    lines = []
    nested().summary(print_fn=lines.append, line_length=50, show_trainable=True)
    assert lines[0] == "model outer"
    assert max(map(len, lines)) <= 50
    assert not any("\x1b" in line for line in lines)


def test_without_print_fn_it_goes_to_the_screen(capsys):
    Sequential([Input((2,)), Dense(1)]).summary()
    assert "f32[batch, 1]" in capsys.readouterr().out


def test_models_without_a_graph():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.one = Dense(3)

        def call(self, x):
            return self.one(x)

    model = Own()
    assert summarize(model).rows[0].type == "not built"
    model(np.ones((2, 4), "float32"))
    assert summarize(model).totals.parameters == 15
    assert isinstance(model, Layer)


def test_layers_without_a_graph_have_the_names_of_their_weights():
    class Own(Model):
        def __init__(self):
            super().__init__()
            ends = Input((4,))
            self.network = Model(ends, [Dense(2)(ends), Dense(3)(ends)])
            self.blocks = [Dense(3), Dense(5, name="last")]

        def call(self, x):
            return self.blocks[1](self.blocks[0](x))

    model = Own()
    model(np.ones((2, 4), "float32"))
    found = [(row.name, row.type) for row in summarize(model).rows]
    assert found == [
        ("network", "f32[batch, 2], f32[batch, 3]"),
        ("blocks_0", "f32[batch, 3]"),
        ("last", "f32[batch, 5]"),
    ]
    paths = {weight.path.split("/")[1] for weight in model.weights}
    assert paths == {name for name, _ in found}


def test_an_input_is_no_wider_than_the_layer_behind_it():
    model = Sequential([Dense(2)])
    model(np.ones((1, 4)))
    assert summarize(model).rows[0].type == "f32[batch, 4]"
    wide = Sequential([Dense(2, dtype="float64")])
    wide(np.ones((1, 4)))
    assert summarize(wide).rows[0].type == "f64[batch, 4]"


def test_amounts():
    assert [amount(n) for n in (0, 1023, 1024, 3 * 2**20)] == [
        "0 B", "1023 B", "1.00 KiB", "3.00 MiB",
    ]  # fmt: skip
