"""`to_net` of blocks: turns, modes, derivatives, effects."""

import re
from pathlib import Path

import numpy as np
import pytest

import tulle
from tulle.dsl import loads
from tulle.dsl.pipes import Rolling, Stage, stage
from tulle.dsl.to_net import to_net
from tulle.graph import layers, tree
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.network import Input
from tulle.training.model import Model

ROOT = Path(__file__).parent.parent.parent
GUIDE = re.findall(r"```net\n(.*?)```", (ROOT / "docs/language.md").read_text(), re.S)
EXAMPLES = sorted((ROOT / "examples").glob("*.net"))
TEXTS = {path.name: path.read_text() for path in EXAMPLES} | {
    f"guide {number}": text
    for number, text in enumerate(GUIDE)
    if "refused" not in text and "import" not in text and "extern" not in text
}
MODELS = [(name, model) for name in TEXTS for model in loads(TEXTS[name]).models]


def again(model):
    """The model of a model's text, with its own paths and the same text."""
    text = to_net(model)
    found = [*loads(text).models.values()][-1]
    assert to_net(found) == text
    assert [*found.named_variables()] == [*model.named_variables()]
    return text, found


def results(model, arrays, training=False):
    return [x.numpy() for x in tree.flatten(model(arrays, training=training))[0]]


def size(dim, rows):
    if dim.value is not None:
        return dim.value
    members = [symbol.members for symbol in dim.symbols() if symbol.members]
    return members[0][0] if members else rows


def assert_equal(one, two, training=False, rows=12):
    random = np.random.default_rng(7)
    arrays = []
    for type in one.input_types:
        shape = [size(dim, rows) for dim in type.shape]
        kind = type.dtype.numpy
        arrays.append(random.integers(0, 2, shape).astype(kind))
    two.set_weights(one.get_weights())
    given = arrays if len(arrays) > 1 else arrays[0]
    left, right = (results(model, given, training) for model in (one, two))
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert np.allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "model"), MODELS, ids=[" ".join(m) for m in MODELS])
def test_every_network_of_the_examples_and_the_guide(name, model):
    one = loads(TEXTS[name]).models[model]
    text, two = again(one)
    assert_equal(one, two)
    assert differs(text) or same_graph(graph_of(one), graph_of(two))


def differs(text):
    """Sizes with conditions are other sizes, and a guard tells where it stands."""
    return any(word in text for word in (" where ", " in {", ":?", "grad("))


def test_most_networks_are_the_same_graphs_again():
    texts = [again(loads(TEXTS[name]).models[model])[0] for name, model in MODELS]
    assert sum(map(differs, texts)) < len(texts) / 2


HEAD = "net 1\ndim B\ndim T\n"


def text_of(body, definitions="", input="x: f32[B, 4]", output="f32[B, 4]"):
    source = f"{HEAD}{definitions}\nmodel M({input}) -> {output} {{\n{body}\n}}"
    one = loads(source).M
    text, two = again(one)
    assert_equal(one, two)
    return text


def test_turns_are_rolled_up():
    text = text_of("return x |> repeat 5 { Dense(4, activation = relu) as block }")
    assert 'repeat 5 { Dense(4, activation = "relu") as block }' in text
    text = text_of("return x |> repeat 3 { Dense(4) |> relu |> LayerNormalization() }")
    assert "repeat 3 { Dense(4) |> relu |> LayerNormalization() }" in text
    text = text_of("return x |> fold n in [8, 2, 4] { Dense(n) as narrow }")
    assert "fold n in [8, 2, 4] { Dense(n) as narrow }" in text


def test_turns_in_turns():
    text = text_of("return x |> repeat 2 { repeat 3 { Dense(4) as u } }")
    assert "repeat 2 { repeat 3 { Dense(4) as u } }" in text
    text = text_of(
        "return x |> repeat 2 { Dense(4) as a |> repeat 2 { Dense(4) as b } }"
    )
    assert "repeat 2 { Dense(4) as a |> repeat 2 { Dense(4) as b } }" in text


def test_turns_of_layers_of_the_file():
    block = """
    layer Block(units: int)(x: f32[B, 4]) -> f32[B, 4] {
      return x + (x |> Dense(units, activation = tanh) |> Dense(4))
    }"""
    text = text_of("return x |> repeat 4 { Block(8) }", block)
    assert text.count("layer ") == 1
    assert "repeat 4 { Block() }" in text
    text = text_of("return x |> fold n in [2, 3] { Block(n) as wide }", block)
    assert text.count("layer ") == 2
    assert "Block() as wide[0] |> Block_1() as wide[1]" in text


def test_turns_that_are_no_chain_keep_their_names():
    function = "fn f(x: f32[B, 4]) -> f32[B, 4] = x + (x |> Dense(4) as d)"
    text = text_of("return x |> repeat 2 { f() }", function)
    assert "Dense(4) as d[0]" in text
    assert "Dense(4) as d[1]" in text


def test_one_layer_in_all_turns():
    text = text_of("return x |> repeat 3 shared { Dense(4) }")
    assert "repeat 3 { dense }" in text


def test_layers_of_one_name_in_other_turns():
    text = text_of(
        "let a = x |> repeat 2 { Dense(4) }\nreturn a |> repeat 2 { Dense(4) }"
    )
    assert text.count("repeat 2 { Dense(4) }") == 2


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ("train => x |> Dropout(0.5), infer => 2.0 * x", "infer => 2.0 * x"),
        ("train => x |> Dense(4), infer => x", "train => x |> Dense(4)"),
        ("train => d(x), infer => d(2.0 * x)", "let d = Dense(4)"),
        ("train => f(x), infer => x", "fn in_train("),
    ],
)
def test_modes(arms, words):
    function = """fn f(x: f32[B, 4]) -> f32[B, 4] {
      let h = x |> Dense(4, activation = tanh)
      return h * h
    }"""
    body = f"let d = Dense(4)\nreturn d(x) + match mode {{ {arms} }}"
    source = f"{HEAD}{function}\nmodel M(x: f32[B, 4]) -> f32[B, 4] {{\n{body}\n}}"
    one = loads(source).M
    text, two = again(one)
    assert words in text
    assert_equal(one, two)
    if "Dropout" not in text:
        assert_equal(one, two, training=True)


def test_modes_of_several_results_and_of_turns():
    text_of(
        "let (a, b) = match mode { train => (x, 2.0 * x), infer => (x, -x) }\n"
        "return a * b"
    )
    function = """fn f(x: f32[B, 4]) -> f32[B, 4] =
      match mode { train => x |> Dense(4), infer => x }"""
    text = text_of("return x |> repeat 3 { f() |> Dense(4) }", function)
    assert "repeat 3 { by_mode() |> Dense(4) }" in text


def test_states_updates_losses_and_decay():
    layer = """
    layer Own[C]()(x: f32[B, C]) -> (f32[B, C], f32[]) {
      state seen: f32[C] = zeros()
      state count: i32[] = zeros()
      param scale: f32[C] = ones() decay 0.25
      param fixed: f32[C] = constant(0.5) frozen
      update seen := seen + mean(x, axis = 0)
      update count := count + 1
      loss 0.1 * mean(x ** 2)
      return (x * scale * fixed + seen, sum(x))
    }"""
    body = "let (a, b) = Own()(x)\nreturn a + b"
    one = loads(f"{HEAD}{layer}\nmodel M(x: f32[B, 4]) -> f32[B, 4] {{\n{body}\n}}").M
    text, two = again(one)
    for line in (
        "state seen: f32[4] = zeros()",
        "state count: i32[] = zeros()",
        "param scale: f32[4] = ones() decay 0.25",
        "param fixed: f32[4] = constant(value = 0.5) frozen",
        "update count := count + 1",
        "loss 0.1 * mean(x ** 2.0)",
    ):
        assert line in text, line
    x = np.arange(12, dtype="float32").reshape(3, 4)
    for model in (one, two):
        model.compile(tulle.optimizers.SGD(0.1), lambda y, p: tulle.ops.mean(p))
        model.fit(x, x, epochs=2, batch_size=3, verbose=0)
    for left, right in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.allclose(left, right, rtol=1e-5)


def test_derivatives():
    layer = """
    layer Energy()(x: f32[B, 4]) -> f32[] {
      return sum(x |> Dense(3, activation = tanh))
    }"""
    text = text_of("let e = Energy()\nreturn grad(e)(x) * e(x)", layer)
    assert "let e = Energy()" in text
    assert "grad(e)(x)" in text
    function = """
    fn f(x: f32[B, 4], y: f32[B, 4]) -> f32[] =
      sum(x * y |> Dense(3, activation = tanh))
    fn g(x: f32[B, 4]) -> f32[] = sum(grad(f)(x, 2.0 * x))"""
    text = text_of("return grad(g)(x)", function)
    assert text.count("fn ") == 2
    text = text_of("let (a, b) = grad(f, wrt = [0, 1])(x, x)\nreturn a + b", function)
    assert "grad(value, wrt = [0, 1])(x, x)" in text
    assert "wrt = 1" in text_of("return grad(f, wrt = 1)(x, x)", function)


def test_derivatives_of_ops_alone_come_back_as_what_they_are():
    function = "fn f(x: f32[B, 4]) -> f32[] = sum(tanh(x) * exp(x) + sqrt(x + 1.0))"
    text = text_of("return grad(f)(x)", function)
    assert "grad" not in text
    function = "fn f(x: f32[B, 4]) -> f32[] = max(softmax(x) @ transpose(x))"
    text_of("return grad(f)(x)", function)


def test_models_that_several_functions_call_are_models_of_the_file():
    model = """model Inner(x: f32[B, 4]) -> f32[B, 4] {
      return x |> Dense(4, activation = tanh)
    }"""
    function = "fn f(x: f32[B, 4]) -> f32[] = sum(Inner(x))"
    text = text_of("return grad(f)(x) + Inner(x)", f"{model}\n{function}")
    assert text.count("Dense(4") == 1
    assert "model Inner(" in text


def test_names_of_models_inside_that_are_no_names_of_a_text():
    x = Input((4,), name="x")
    inner = Model(x, layers.Dense(3)(x), name="my-encoder")
    model = Model(x, inner(x), name="Outer")
    text, found = again(model)
    assert 'MyEncoder(name = "my-encoder")' in text
    assert next(iter(found.named_variables())) == "my-encoder/dense/kernel"


def test_models_inside_take_lists_and_dictionaries():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inner = Model({"a": a, "b": b}, layers.Dense(3)(a - b), name="inner")
    x = Input((4,), name="x")
    text, found = again(Model(x, inner({"b": x, "a": x * 2.0}), name="Outer"))
    assert "2.0 * x |> Inner()(x)" in text or "x * 2.0 |> Inner()(x)" in text
    assert_equal(Model(x, inner([x * 2.0, x]), name="Outer"), found)


def test_frozen_models_inside():
    x = Input((4,), name="x")
    inner = Model(x, layers.Dense(3)(x), name="inner")
    inner.trainable = False
    model = Model(x, layers.Dense(2)(inner(x)), name="Outer")
    text, found = again(model)
    assert "trainable = false" in text
    assert [v.path for v in found.trainable_weights] == ["dense/kernel", "dense/bias"]


def test_sizes_among_the_arguments_of_ops():
    text = text_of(
        "return cast(arange(T), f32) + x + full([T], 1.0) + zeros([B, T])",
        input="x: f32[B, T]",
        output="f32[B, T]",
    )
    assert "arange(T)" in text


def shown(stages):
    return " |> ".join(map(str, Rolling().rolled(stages)))


def turn(text, name, *turns):
    return stage(text, name + "".join(f"[{n}]" for n in turns))


def test_what_is_rolled_up_and_what_not():
    dense = "Dense(3)"
    assert (
        shown([turn(dense, "d", i) for i in range(2)]) == "repeat 2 { Dense(3) as d }"
    )
    # The turns of a text begin at 0 and have no gaps.
    assert shown([turn(dense, "d", i) for i in (1, 2)]) == (
        "Dense(3) as d[1] |> Dense(3) as d[2]"
    )
    assert "repeat" not in shown([turn(dense, "d", i) for i in (0, 2)])
    assert "repeat" not in shown([stage(dense, "")] * 4)
    assert shown([Stage("relu")] * 3) == "repeat 3 { relu }"
    assert shown([Stage("relu")] * 2) == "relu |> relu"
    # What stays of turns in turns is written out.
    assert shown([turn(dense, "d", 1, i) for i in range(2)]) == (
        "Dense(3) as d[1][0] |> Dense(3) as d[1][1]"
    )
    two = [
        turn(f"Dense({n}, {m})", "d", i) for i, (n, m) in enumerate([(1, 2), (3, 4)])
    ]
    assert "fold" not in shown(two)
    strings = [turn(f'Dense(3, "{a}")', "d", i) for i, a in enumerate(("u", "v"))]
    assert "fold" not in shown(strings)
    assert shown([turn(f"Dense(n, {m})", "d", m) for m in range(2)]).startswith(
        "fold k in [0, 1] { Dense(n, k) as d }"
    )


def test_long_chains_of_turns():
    stages = [turn("Dense(3)", "d", i) for i in range(4000)]
    assert shown(stages) == "repeat 4000 { Dense(3) as d }"


def test_names_with_turns_and_names_as_settings():
    layer = "layer Block()(x: f32[B, 4]) -> f32[B, 4] { return x |> Dense(4) }"
    body = 'return x |> Dense(4) as d[2] |> Block(name = "let") |> Block() as u[1][0]'
    text = text_of(body, layer)
    assert 'Dense(4) as d[2] |> Block(name = "let") |> Block() as u[1][0]' in text


def test_layers_on_sizes_that_follow_from_others():
    source = f"""{HEAD}
    layer Half()(x: f32[B, T // 2]) -> f32[B, T // 2] {{
      return x + cast(arange(T // 2), f32)
    }}
    model M(x: f32[B, T, 4]) -> f32[B, T // 2] {{
      return (x |> MaxPooling1D(2))[:, :, 0] |> Half()
    }}"""
    model = loads(source).M
    x = np.zeros((2, 7, 4), "float32")
    assert model(x).shape == (2, 3)
    assert model.predict(x, verbose=0).shape == (2, 3)


def test_infinity():
    text = text_of("return where(x > 0.0, x, inf) + clip(x, -inf, 1.0)")
    assert "inf" in text


def test_losses_that_a_model_of_python_adds():
    x = Input((4,), name="x")
    h = layers.Dense(3, name="h")(x)
    one = Model(x, layers.Dense(2)(h), name="M")
    one.add_loss(0.1 * tulle.ops.mean(tulle.ops.square(h)))
    text, two = again(one)
    assert "loss 0.1 * mean(square(h))" in text
    two.set_weights(one.get_weights())
    for model in (one, two):
        model.compile("sgd", "mse")
    data = np.ones((4, 4), "float32"), np.ones((4, 2), "float32")
    left, right = (model.evaluate(*data, verbose=0) for model in (one, two))
    assert np.allclose(left, right, rtol=1e-6)
