"""Extern layers: the text gives the signature, the host the class."""

import numpy as np
import pytest

import tulle
from tulle.dsl import check, load, loads
from tulle.dsl.externs import GIVEN, RESULT
from tulle.graph.diagnostics import Source, TulleError
from tulle.graph.graph import Graph, same_graph

TEXT = """net 1
dim B
extern layer FancyNorm[..S, D](eps: f32 = 1e-5)(x: f32[..S, D]) -> f32[..S, D]
model M(x: f32[B, 6]) -> f32[B, 3] {
  return x |> FancyNorm(0.5) as norm |> Dense(3)
}
train M(y: f32[B, 3]) { loss mean_squared_error(y, output) optimizer sgd(0.1) }
"""
TWO = """net 1
dim B
extern layer Halves[N](x: f32[N])(y: f32[B, N]) -> (left: f32[B, N], right: f32[B, N])
"""


class FancyNorm(tulle.layers.Layer):
    def __init__(self, eps=1e-5, **options):
        super().__init__(**options)
        self.eps = eps

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x):
        spread = tulle.ops.std(x, axis=-1, keepdims=True)
        return self.scale * x / (spread + self.eps)

    def get_config(self):
        return {**super().get_config(), "eps": self.eps}


class Shortens(FancyNorm):
    def call(self, x):
        return super().call(x)[..., :2]


class Sometimes(tulle.layers.Layer):
    """Opaque: what it returns depends on the values."""

    def __init__(self, eps=1e-5, **options):
        super().__init__(**options)

    def call(self, x):
        values = np.asarray(x)
        return values[:, :2] if values.max() > 5 else values


def codes(text, **options):
    return [d.code for d in check(Source("a.net", text), **options)]


def test_it_is_the_layer_itself(tmp_path):
    module = loads(TEXT, extern={"FancyNorm": FancyNorm})
    model, x = module.M, np.arange(12, dtype="float32").reshape(2, 6)
    source = tulle.Input((6,), name="x")
    made = tulle.layers.Dense(3)(FancyNorm(eps=0.5, name="norm")(source))
    graphs = [
        Graph(m.input_nodes, {"y": m.output_nodes[0]})
        for m in (model, tulle.Model(source, made))
    ]
    assert same_graph(*graphs)
    assert next(v.path for v in model.variables) == "norm/scale"
    model.compile(**module.trainings["M"].compile_arguments)
    model.fit(x, np.ones((2, 3), "float32"), verbose=0)
    model.save(tmp_path / "m.tulle")
    objects = {"FancyNorm": FancyNorm}
    again = tulle.load_model(tmp_path / "m.tulle", custom_objects=objects)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
    with pytest.raises(TulleError, match="FancyNorm"):
        tulle.load_model(tmp_path / "m.tulle")


def test_checking_needs_no_class(tmp_path):
    assert codes(TEXT) == []
    wrong = TEXT.replace("Dense(3)", "Dense(4)").replace("0.5", '"half"')
    assert codes(wrong) == ["T0204"]
    assert codes(TEXT.replace("f32[..S, D]\nmodel", "f32[..S, D + 1]\nmodel")) == []
    assert codes(TEXT, extern={"FancyNorm": FancyNorm}) == []


@pytest.mark.parametrize(
    ("extern", "wanted"),
    [
        (None, [GIVEN]),
        ({}, [GIVEN]),
        ({"FancyNorm": 3}, [GIVEN]),
        ({"FancyNorm": FancyNorm()}, [GIVEN]),
        ({"FancyNorm": int}, [GIVEN]),
        ({"FancyNorm": tulle.layers.ReLU}, ["T0202"]),
        ({"FancyNorm": FancyNorm, "Other": FancyNorm}, ["T0202"]),
        ({"FancyNorm": Shortens}, [RESULT]),
        ({"FancyNorm": tulle.layers.Dense}, [GIVEN]),
    ],
)
def test_classes_that_do_not_fit(extern, wanted):
    with pytest.raises(TulleError) as caught:
        loads(TEXT, extern=extern)
    assert [d.code for d in caught.value.diagnostics] == wanted


def test_results_are_compared_when_it_runs():
    model = loads(TEXT, "m.net", extern={"FancyNorm": Sometimes}).M
    x = np.ones((2, 6), "float32")
    assert model(x).shape == (2, 3)
    for run in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(TulleError) as caught:
            run(x * 9)
        found = caught.value.diagnostics[0]
        places = [str(label.span) for label in found.labels] + [str(found.span)]
        assert any(place.startswith("m.net:") for place in places)


def test_settings_and_operands_are_checked():
    for use, wanted in (
        ("FancyNorm(eps = 1.0)", []),
        ("FancyNorm(epsilon = 1.0)", ["T0202"]),
        ("FancyNorm(1.0, 2.0)", ["T0202"]),
        ("FancyNorm", ["T0501"]),
        ("FancyNorm(?)", ["T0341"]),
    ):
        text = TEXT.replace("FancyNorm(0.5) as norm", use)
        assert codes(text) == wanted


def test_conditions_hold_for_them_too():
    text = TEXT.replace(
        "-> f32[..S, D]\nmodel", "-> f32[..S, D] where D % 4 == 0\nmodel"
    )
    assert codes(text) == ["T0331"]


def test_several_results():
    text = """net 1
    dim B
    extern layer Halves[N]()(x: f32[B, 2 * N]) -> (left: f32[B, N], right: f32[B, N])
    model M(x: f32[B, 6]) -> f32[B, 3] {
      let (a, b) = x |> Halves()
      return a + b
    }
    """

    class Halves(tulle.layers.Layer):
        def call(self, x):
            return x[:, :3], x[:, 3:]

    assert codes(text) == []
    x = np.arange(12, dtype="float32").reshape(2, 6)
    model = loads(text, extern={"Halves": Halves}).M
    np.testing.assert_array_equal(model(x).numpy(), x[:, :3] + x[:, 3:])

    class One(tulle.layers.Layer):
        def call(self, x):
            return x

    assert codes(text, extern={"Halves": One}) == [RESULT]


def test_an_extern_layer_of_an_imported_file(tmp_path):
    (tmp_path / "norms.net").write_text(
        TEXT.partition("model")[0].replace("dim B\n", "")
    )
    main = 'net 1\nimport "norms.net" as norms\ndim B\nmodel' + (
        TEXT.partition("model")[2].replace("FancyNorm", "norms.FancyNorm")
    )
    (tmp_path / "main.net").write_text(main)
    assert check(tmp_path / "main.net") == []
    model = load(tmp_path / "main.net", extern={"FancyNorm": FancyNorm}).M
    assert type(model.called[0]) is FancyNorm
