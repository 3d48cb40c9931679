"""`repeat` and `fold`: the graphs they make, names of parameters, limits, cost."""

import numpy as np
import pytest
from work import calls

from tulle.dsl import check, checker, loads
from tulle.graph.diagnostics import Source, TulleError
from tulle.graph.diagram import diagram_of
from tulle.graph.drawing import draw
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.layers import Conv2D, Dense, Dropout
from tulle.graph.network import Input
from tulle.training.model import Model
from tulle.training.saving import load_model

HEAD = "net 1\ndim B\n"
BLOCK = """
layer Block[K](units: int)(x: f32[B, K]) -> f32[B, K] {
  return x + (x |> Dense(units, activation = relu) as up |> Dense(K) as down)
}
"""


def model(stages, size=16, result=16, more=""):
    head = f"model M(x: f32[B, {size}]) -> f32[B, {result}]"
    return loads(f"{HEAD}{more}{head} {{ return x |> {stages} }}").M


def paths(made):
    return [variable.path for variable in made.variables]


def kernels(made):
    return [path for path in paths(made) if path.endswith("kernel")]


def codes(text):
    return [d.code for d in check(Source("a.net", HEAD + text))]


def test_the_same_graph_as_in_python():
    made = model("repeat 2 { Dense(16, activation = relu) |> Dropout(0.5) as drop }")
    x = y = Input((16,), name="x")
    for turn in range(2):
        y = Dense(16, activation="relu", name=f"Dense[{turn}]")(y)
        y = Dropout(0.5, name=f"drop[{turn}]")(y)
    assert same_graph(graph_of(made), graph_of(Model(x, y)))
    folded = model("fold n in [8, 4] { Dense(n) }", result=4)
    counted = model("fold n in range(2) { Dense(8 - 4 * n) }", result=4)
    assert same_graph(graph_of(counted), graph_of(folded))
    y = Dense(4, name="Dense[1]")(Dense(8, name="Dense[0]")(x))
    assert same_graph(graph_of(folded), graph_of(Model(x, y)))
    shared = model("repeat 3 shared { Dense(16) as same }")
    same, y = Dense(16, name="same"), x
    for _ in range(3):
        y = same(y)
    assert same_graph(graph_of(shared), graph_of(Model(x, y)))


def test_names_of_parameters():
    inner = ["up", "down"]
    assert kernels(model("repeat 2 { Block(4) }", more=BLOCK)) == [
        f"Block[{turn}]/{name}/kernel" for turn in range(2) for name in inner
    ]
    nested = model("repeat 2 { repeat 2 { Dense(16) } |> Dense(16) as last }")
    assert kernels(nested) == [
        "Dense[0][0]/kernel", "Dense[0][1]/kernel", "last[0]/kernel",
        "Dense[1][0]/kernel", "Dense[1][1]/kernel", "last[1]/kernel",
    ]  # fmt: skip
    twice = model("repeat 1 { Dense(16) |> Dense(16) } |> repeat 1 { Dense(16) }")
    names = ["Dense", "Dense_1", "Dense_2"]
    assert kernels(twice) == [f"{name}[0]/kernel" for name in names]
    named = model('repeat 2 { Dense(16, name = "a") }')
    assert kernels(named) == ["a[0]/kernel", "a[1]/kernel"]
    function = "fn f(x: f32[B, 16]) -> f32[B, 16] { let d = Dense(16) return d(x) }"
    assert kernels(model("repeat 2 { f }", more=function)) == [
        "d[0]/kernel", "d[1]/kernel",
    ]  # fmt: skip


def test_turns_that_share_layers():
    text = "repeat 3 shared { Dense(16) |> repeat 2 { Dense(16) as inner } |> f }"
    more = "fn f(x: f32[B, 16]) -> f32[B, 16] = x |> Dense(16) |> Block(2)" + BLOCK
    made = model(text, more=more)
    assert kernels(made) == [
        "dense/kernel", "inner[0]/kernel", "inner[1]/kernel", "dense_1/kernel",
        "block/up/kernel", "block/down/kernel",
    ]  # fmt: skip
    x = np.random.default_rng(0).normal(size=(2, 16)).astype("float32")
    y = x
    for _ in range(3):
        for name in ("dense", "inner[0]", "inner[1]", "dense_1", "block"):
            y = made.get_layer(name)(y)
    np.testing.assert_allclose(made(x).numpy(), y.numpy(), 1e-5)


def test_the_number_of_the_turn_and_the_settings_of_a_fold():
    made = model("repeat 2 + 2 * 1 as i { Block(i + 1) }", more=BLOCK)
    assert [made.get_layer(f"Block[{i}]").get_layer("up").units for i in range(4)] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    more = "const sizes: int = 3 "
    made = model("fold n in [sizes, 2 * 3] { Dense(n) }", 16, 6, more)
    assert [v.shape for v in made.variables] == [(16, 3), (3,), (3, 6), (6,)]
    text = """
    model M(x: f32[B, 8, 8, 1]) -> f32[B, 2, 2, 7] {
      return x |> fold s in [(5, 2), (7, 2)] {
        Conv2D(s[0], 3, strides = s[1], padding = "same")
      }
    }
    """
    made = loads(HEAD + text).M
    assert all(isinstance(layer, Conv2D) for layer in made.called)
    assert str(made.output_types[0]) == "f32[B, 2, 2, 7]"


def test_no_turn_at_all():
    more = "config depth: int = 0 in 0..4\n"
    assert paths(model("repeat depth { Dense(16) }", more=more)) == []
    assert paths(model("fold n in [] { Dense(n) }")) == []


def test_it_trains_saves_loads_and_is_drawn(tmp_path):
    text = f"""{HEAD}{BLOCK}
    model M(x: f32[B, 4]) -> f32[B, 1] {{
      return x |> repeat 2 {{ Block(8) }} |> repeat 2 shared {{ Dense(4) as same }}
               |> fold n in [3, 1] {{ Dense(n) }}
    }}
    """
    made = loads(text).M
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    made.compile("adam", "mse")
    losses = made.fit(x, y, epochs=30, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    made.save(tmp_path / "m.tulle")
    again = load_model(tmp_path / "m.tulle")
    assert paths(again) == paths(made)
    assert np.array_equal(again.predict(x, verbose=0), made.predict(x, verbose=0))
    assert b"Block[1]" in draw(diagram_of(made))


def test_one_fault_in_many_turns_is_told_once():
    body = "model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 100 { Dens(4) } }"
    assert codes(body) == ["T0201"]


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ("repeat 4096 { relu }", None),
        ("repeat 4097 { relu }", "T0906"),
        ("repeat 999999999999999999 { relu }", "T0906"),
        ("repeat 4096 { repeat 4096 { relu } }", "T0905"),
        ("repeat 4096 { repeat 4096 { repeat 0 { relu } } }", "T0905"),
        ("repeat 4096 { repeat 4096 { identity } }", "T0906"),
        ("repeat 4096 shared { repeat 4096 { Dense(4) } }", "T0905"),
        ("fold n in [" + "4, " * 4096 + "] { relu }", None),
        ("fold n in [" + "4, " * 4097 + "] { relu }", "T0906"),
        ("repeat 2 { " * 90 + "relu" + " }" * 90, "T0905"),
    ],
)
def test_limits(stages, code, monkeypatch):
    if code == "T0905":  # what counts is how it ends; the limit is tested elsewhere
        monkeypatch.setattr(checker, "MAX_APPLICATIONS", 6000)
    more = "fn identity(x: f32[B, 4]) -> f32[B, 4] = x\n"
    text = f"{more}model M(x: f32[B, 4]) -> f32[B, 4] {{ return x |> {stages} }}"
    assert codes(text) == ([] if code is None else [code])


def test_the_cost_is_linear():
    def cost(count):
        text = f"{BLOCK}model M(x: f32[B, 4]) -> f32[B, 4] {{ return x |> "
        text += f"repeat {count} {{ Block(8) }} }}"
        return calls(lambda: codes(text))

    cost(10)  # what is read once
    assert cost(200) < 4.8 * cost(50)


def test_what_a_repeat_says_of_types():
    text = "model M(x: f32[B, 4]) -> f32[B, 8] { return x |> repeat 2 { Dense(8) } }"
    (told,) = check(Source("a.net", HEAD + text))
    assert told.code == "T0510"
    assert told.message == "a turn takes f32[B, 4] and gives back f32[B, 8]"
    assert told.help[0] == "make `units` of `Dense[0]` 4, or write 8 in place of 4"
    assert "fold _ in range(2) { … }" in told.help[2]
    mended = text.replace("repeat 2", "fold _ in range(2)")
    assert not check(Source("a.net", HEAD + mended))
    with pytest.raises(TulleError):
        loads(HEAD + text)


def test_pictures_and_tables_call_a_layer_by_its_name_in_the_text():
    model = loads(
        "net 1\ndim B\n"
        "layer Block[K]()(x: f32[B, K]) -> f32[B, K] { return x |> Dense(K) }\n"
        "model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 2 { Block() } }"
    ).M
    lines = []
    model.summary(print_fn=lines.append)
    words = [line.split()[:2] for line in "\n".join(lines).split("\n")]
    assert ["Block[0]", "Block"] in words
    boxes = diagram_of(model, expand_nested=False).boxes
    assert {box.name: box.title for box in boxes}["Block[0]"] == "Block"


def test_turns_may_carry_several_tensors():
    module = loads(
        "net 1 dim B "
        "layer Gate[N, K]()(x: f32[N, K], skip: f32[N, K]) -> (f32[N, K], f32[N, K]) "
        "{ let h = x |> Dense(K) return (x + h, skip + h) } "
        "model M(x: f32[B, 3]) -> (x_: f32[B, 3], skip: f32[B, 3]) "
        "{ return (x, zeros_like(x)) |> repeat 2 { Gate() as gate } }"
    )
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    found, skip = x, np.zeros_like(x)
    for turn in range(2):
        kernel = module.M.get_weights()[2 * turn]
        found, skip = found + found @ kernel, skip + found @ kernel
    given = module.M.predict(x, verbose=0)
    np.testing.assert_allclose(given["x_"], found, rtol=1e-5)
    np.testing.assert_allclose(given["skip"], skip, rtol=1e-5)
    assert [w.path for w in module.M.weights][2] == "gate[1]/dense/kernel"
