"""Settings of library layers: whatever Python can say, a text can."""

import numpy as np
import pytest

from tulle.dsl import check, loads
from tulle.graph import constraints, layers, regularizers
from tulle.graph.diagnostics import Source, TulleError
from tulle.graph.network import Input
from tulle.training.model import Model

HEAD = (
    "net 1 dim B model M(x: f32[B, 7, 8]) -> f32[B, {}] {{ return x |> {} as inner }}"
)
SAME = [
    ("Bidirectional(LSTM(8))", "16", lambda: layers.Bidirectional(layers.LSTM(8))),
    ("TimeDistributed(Dense(3))", "7, 3",
     lambda: layers.TimeDistributed(layers.Dense(3))),
    ("RNN([LSTMCell(3), GRUCell(4)])", "4",
     lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)])),
    ("Dense(3, activation = none)", "7, 3", lambda: layers.Dense(3, activation=None)),
    ("Dense(3, kernel_regularizer = l2(0.5))", "7, 3",
     lambda: layers.Dense(3, kernel_regularizer=regularizers.L2(0.5))),
    ('Dense(3, kernel_regularizer = "l2")', "7, 3",
     lambda: layers.Dense(3, kernel_regularizer="l2")),
    ("Dense(3, bias_constraint = max_norm(2.0))", "7, 3",
     lambda: layers.Dense(3, bias_constraint=constraints.MaxNorm(2.0))),
    ("Dense(3, kernel_regularizer = l1, trainable = false)", "7, 3",
     lambda: layers.Dense(3, kernel_regularizer="l1", trainable=False)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "out", "made"), SAME, ids=[row[0] for row in SAME])
def test_settings_are_those_of_python(text, out, made):
    source = HEAD.format(out, text)
    assert check(Source("a.net", source)) == []
    model = loads(source).M
    layer = made()
    layer.given_name = "inner"
    x = Input((7, 8), name="x")
    twin = Model(x, layer(x))
    assert [v.path for v in model.variables] == [v.path for v in twin.variables]
    assert [v.trainable for v in model.variables] == [
        v.trainable for v in twin.variables
    ]
    twin.set_weights(model.get_weights())
    data = np.random.default_rng(0).normal(size=(2, 7, 8)).astype("float32")
    assert np.array_equal(model.predict(data, verbose=0), twin.predict(data, verbose=0))
    losses = [sum(map(float, m.losses), 0.0) for m in (model, twin)]
    assert losses[0] == losses[1]
    assert (losses[0] > 0) == ("regularizer" in text and "false" not in text)


def test_masks_travel_through_a_text():
    text = (
        "net 1 dim B dim T model M(x: i32[B, T]) -> f32[B, 3] { return x "
        "|> Embedding(9, 4, mask_zero = true) as words |> LSTM(3) as last }"
    )
    model = loads(text).M
    short, padded = np.array([[1, 2]]), np.array([[1, 2, 0, 0]])
    found = [model.predict(x.astype("int32"), verbose=0) for x in (short, padded)]
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "x |> TimeDistributed(Own())",
            "`layer` is a layer of the library, not of a file",
        ),
        ("relu(none)", "`relu` needs tensors and numbers, not `none`"),
        ("none", "is a tensor, not `none`"),
        ("x |> Dense(none)", "units"),
        ("x |> Dense(3, kernel_regularizer = he_normal())", "he_normal"),
    ],
)
def test_settings_that_do_not_fit(body, words):
    own = "layer Own()(x: f32[B, 8]) -> f32[B, 8] { return x }"
    model = f"model M(x: f32[B, 7, 8]) -> f32[B, 7, 8] {{ return {body} }}"
    (told,) = check(Source("a.net", f"net 1 dim B {own} {model}"))
    assert words in told.message


def test_a_setting_is_a_size_of_what_a_layer_takes():
    text = """net 1
    dim B
    layer Same[T](d: int)(x: f32[B, T, d], y: f32[2 * d]) -> f32[B, T, 2 * d] {
      param w: f32[d, 2 * d] = he_normal()
      return x @ w + y
    }
    model M(x: f32[B, 5, 3], y: f32[6]) -> f32[B, 5, 6] { return Same(3)(x, y) }
    """
    made = loads(text).M
    assert made.variables[0].shape == (3, 6)
    with pytest.raises(TulleError, match=r"declared f32\[B, T, 4\] and got"):
        loads(text.replace("Same(3)", "Same(4)"))


def test_a_tensor_among_the_settings_is_told_where_it_belongs():
    text = """net 1 dim B
    layer Shift(size: int)(x: f32[B, 4], y: f32[B, 4]) -> f32[B, 4] { return x + y }
    model M(x: f32[B, 4]) -> f32[B, 4] { return x |> Shift(x) }"""
    (fault,) = check(Source("a.net", text))
    assert fault.code == "T0204"
    assert "list of their own" in fault.help[0]
