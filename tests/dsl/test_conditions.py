"""`where` clauses and choices: assumed inside, proven by callers, checked on data."""

import numpy as np
import pytest

import tulle
from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source, TulleError
from tulle.graph.graph import Graph, same_graph

HEADS = """net 1
dim B
dim D in 1..64
dim H in {2, 4, 8} where D % H == 0
layer Heads[N, K](heads: int)(x: f32[N, K]) -> f32[N, heads, K / heads]
where K % heads == 0 {
  return reshape(x, [N, heads, K / heads])
}
fn joined[N](x: f32[N, H, D / H]) -> f32[N, D] = reshape(x, [N, D])
model Split(x: f32[B, D], y: f32[H]) -> f32[B, H, D / H] {
  return reshape(x, [B, H, D / H])
}
model Back(x: f32[B, D], y: f32[H]) -> f32[B, D] {
  return joined(reshape(x, [B, H, D / H]))
}
model Even(x: f32[B, D]) -> f32[B, 4, D / 4] where D % 8 == 0 {
  return x |> Heads(4) |> relu
}
model Line(x: f32[B, 8]) -> f32[B, 2] { return x |> Heads(4) |> Flatten() |> Dense(2) }
train Line(y: f32[B, 2]) { loss mean_squared_error(y, output) optimizer sgd(0.1) }
"""


def codes(text):
    return [diagnostic.code for diagnostic in check(Source("a.net", text))]


def test_assumptions_are_used_in_bodies():
    assert codes(HEADS) == []


def test_data_has_to_fulfil_them():
    module = loads(HEADS)
    x, y = np.ones((3, 8), "float32"), np.ones(4, "float32")
    assert module.Split([x, y]).shape == (3, 4, 2)
    assert module.Back([x, y]).shape == (3, 8)
    assert module.Even.predict(x, verbose=0).shape == (3, 4, 2)
    assert module.Even(x).shape == (3, 4, 2)
    for model, data in (
        (module.Split, [x[:, :6], y]),
        (module.Split, [x, y[:3]]),
        (module.Even, x[:, :4]),
    ):
        with pytest.raises(TulleError) as caught:
            model(data)
        assert caught.value.diagnostics[0].code == "T0701"
    with pytest.raises(TulleError, match=r"D % 8 == 0.*it reads 4 == 0"):
        module.Even(x[:, :4])
    (label,) = [
        label for label in caught.value.diagnostics[0].labels if "asked" in label.text
    ]
    assert label.span.line == HEADS[: HEADS.index("where D % 8")].count("\n") + 1


def test_the_graph_is_that_of_python():
    x = tulle.Input((8,), name="x")
    heads = tulle.layers.Reshape((4, 2))(x)
    made = loads(HEADS.replace("x |> Heads(4) |> Fl", "x |> Reshape([4, 2]) |> Fl"))
    wanted = tulle.layers.Dense(2)(tulle.layers.Flatten()(heads))
    graphs = [
        Graph(m.input_nodes, {"y": m.output_nodes[0]})
        for m in (made.Line, tulle.Model(x, wanted))
    ]
    assert same_graph(*graphs)


def test_it_trains_and_is_saved(tmp_path):
    module = loads(HEADS)
    plan = module.trainings["Line"]
    plan.model.compile(**plan.compile_arguments)
    x = np.ones((4, 8), "float32")
    plan.model.fit(x, np.ones((4, 2), "float32"), verbose=0)
    module.Even.save(tmp_path / "even.tulle")
    again = tulle.load_model(tmp_path / "even.tulle")
    assert again(x).shape == (4, 4, 2)
    with pytest.raises(TulleError, match="D % 8 == 0"):
        again(x[:, :4])


@pytest.mark.parametrize(
    ("clause", "body"),
    [
        ("T > E", "x[:, E:]"),
        ("T >= E", "x[:, E:]"),
        ("E <= T - 0", "x[:, E:]"),
        ("E < T and T > 1", "x[:, E:]"),
        ("(E < T)", "x[:, E:]"),
        ("not (E >= T)", "x[:, E:]"),
        ("T == 2 * E", "x[:, E:]"),
        ("T > E, E > 2", "x[:, E:]"),
        ("T == E + 3", "x[:, :3] |> reshape([B, T - E])"),
    ],
)
def test_relations_that_help(clause, body):
    text = f"net 1 dim B dim T dim E fn f(x: f32[B, T]) -> f32[B, T - E] where {clause}"
    assert codes(f"{text} = {body}") == []


@pytest.mark.parametrize(
    ("declaration", "wanted"),
    [
        ("dim H in {4, 8} where H > 4", []),
        ("dim H in {4, 8} where H > 8", ["T0331"]),
        ("dim H in {4} where 3 % 2 == 0", ["T0331"]),
        ("dim H in {}", ["T0100"]),
        ("dim H in {4, 4.5}", ["T0204"]),
        ("dim H in {-1}", ["T0204"]),
        ("dim H in {4, true}", ["T0204"]),
        ("dim H where H", ["T0204"]),
        ("dim H where H > 1 or H < 9", ["T0204"]),
        ("const c: int = 3 dim H where c > 3 or c < 4", []),
        ("const c: int = 3 dim H where not (c > 3 or c < 4)", ["T0331"]),
        ("dim H where missing > 2", ["T0201"]),
        ("dim H where H / 0 == 1", ["T0391"]),
        ("dim H where H % H == 0", []),
        ("const c: bool = true dim H where c", []),
        ("const c: bool = true dim H where not c", ["T0331"]),
        (f"dim H in {{{', '.join(map(str, range(2000)))}}} where H % 2 == 1", []),
        ("dim H where " + " and ".join(f"H > {i}" for i in range(64)), []),
        ("dim H where " + " and ".join(f"H > {i}" for i in range(65)), ["T0390"]),
        ("dim H where " + ", ".join(f"H % {i} == 0" for i in range(2, 60)), []),
        ("dim H where " + "(" * 90 + "H > 1" + ")" * 90, []),
        ("dim A dim H where " + "H * A" * 1 + " % (A * A + H) == 0", []),
    ],
)
def test_declarations(declaration, wanted):
    assert codes(f"net 1 {declaration}") == wanted


def test_a_loss_knows_the_sizes_of_its_model():
    text = """net 1 dim B dim T
    model M(x: f32[B, T]) -> f32[B, T] where T % 2 == 0 {
      return x[:, :, none] |> Dense(1) |> squeeze(axis = -1)
    }
    train M(y: f32[B, T]) {
      loss sum((output - y) ** 2) / (T / 2)
      optimizer sgd(0.0)
    }
    """
    plan = loads(text).trainings["M"]
    plan.model.compile(**plan.compile_arguments)
    x = np.ones((3, 4), "float32")
    found = plan.model.evaluate(x, plan.model(x).numpy() + 1, verbose=0)
    np.testing.assert_allclose(found, 6, 1e-5)


def test_settings_are_conditions_too():
    text = """net 1 dim B
    layer Drop(rate: f32, deep: bool = true)(x: f32[B, 4]) -> f32[B, 4]
    where rate < 0.5, deep { return x |> Dropout(rate) }
    model M(x: f32[B, 4]) -> f32[B, 4] { return x |> Drop(%s) }
    """
    assert codes(text % "0.25") == []
    assert codes(text % "0.75") == ["T0331"]
    assert codes(text % "0.25, deep = false") == ["T0331"]


def test_same_graph_tells_conditions_apart():
    even, any_size = (
        loads(
            f"net 1 dim T model M(x: f32[T]) -> f32[T] {where} {{ return relu(x) }}"
        ).M
        for where in ("where T % 2 == 0", "")
    )
    graphs = [Graph(m.input_nodes, {"y": m.output_nodes[0]}) for m in (even, any_size)]
    assert same_graph(graphs[0], graphs[0])
    assert not same_graph(*graphs)
