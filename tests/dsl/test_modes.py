"""`match mode`, `state`, `update`, added losses: what runs when, what is kept."""

import numpy as np
import pytest

from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source
from tulle.graph.diagram import diagram_of
from tulle.graph.drawing import draw
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.layers import BatchNormalization, Dense, Dropout
from tulle.graph.modes import ByMode, Effects
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.regularizers import L2
from tulle.training.model import Model
from tulle.training.saving import load_model

HEAD = "net 1\ndim B\n"
NORM = """
layer Norm[C](momentum: f32 = 0.99, eps: f32 = 1e-3)(x: f32[B, C]) -> f32[B, C] {
  param gamma: f32[C] = ones()
  param beta: f32[C] = zeros()
  state moving_mean: f32[C] = zeros()
  state moving_variance: f32[C] = ones()
  let center = mean(x, axis = 0)
  let spread = mean((x - center) ** 2, axis = 0)
  update moving_mean := momentum * moving_mean + (1.0 - momentum) * center
  update moving_variance := momentum * moving_variance + (1.0 - momentum) * spread
  let (shift, scale) = match mode {
    train => (center, spread),
    infer => (moving_mean, moving_variance),
  }
  return (x - shift) / sqrt(scale + eps) * gamma + beta
}
"""


def model(text, more="", size=4, result=4):
    head = f"model M(x: f32[B, {size}]) -> f32[B, {result}]"
    return loads(f"{HEAD}{more}{head} {{ {text} }}").M


def data(rows=32, columns=4):
    return np.random.default_rng(0).normal(2.0, 3.0, (rows, columns)).astype("float32")


def test_a_normalization_in_the_text_is_that_of_the_library():
    x = data()
    y = x[:, :1] * 2 - x[:, 1:2]
    made = model("return x |> Norm() as norm |> Dense(1) as head", NORM, result=1)
    assert [v.path for v in made.variables] == [
        "norm/gamma", "norm/beta", "norm/moving_mean", "norm/moving_variance",
        "head/kernel", "head/bias",
    ]  # fmt: skip
    assert [v.trainable for v in made.variables] == [True, True, False, False] + [
        True
    ] * 2
    start = Input((4,))
    head = Dense(1, name="head")
    other = Model(start, head(BatchNormalization(name="norm")(start)))
    other.set_weights(made.get_weights())
    for one in (made, other):
        one.compile("sgd", "mse")
        one.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for ours, theirs in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5)
    np.testing.assert_allclose(
        made.predict(x, verbose=0), other.predict(x, verbose=0), 1e-4, 1e-5
    )
    eager = made(x, training=True).numpy()
    np.testing.assert_allclose(eager, other(x, training=True).numpy(), 1e-4, 1e-5)
    for ours, theirs in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5)


def test_the_same_graph_as_in_python():
    text = "return match mode { train => x |> Dropout(0.5), infer => x } |> Dense(4)"
    x = Input((4,), name="x")
    p = Input((4,), name="x")
    train = Network([p], Dropout(0.5)(p), name="train")
    branches = ByMode(train, Network([p], p, name="infer"))
    assert same_graph(graph_of(model(text)), graph_of(Model(x, Dense(4)(branches(x)))))
    swapped = ByMode(Network([p], p, name="train"), train)
    assert not same_graph(
        graph_of(model(text)), graph_of(Model(x, Dense(4)(swapped(x))))
    )


def test_the_same_graph_of_an_added_loss_as_in_python():
    made = model("loss 0.1 * sum(x ** 2) return x |> Dense(4)")
    x = Input((4,), name="x")
    penalty = 0.1 * call("sum", x**2)
    result = Effects((), 1)(Dense(4)(x), (), (), (penalty,))
    assert same_graph(graph_of(made), graph_of(Model(x, result)))


def test_which_arm_runs():
    made = model("return match mode { train => x + 1.0, infer => x - 1.0 }")
    x = data()
    assert np.array_equal(made(x).numpy(), x - 1)
    assert np.array_equal(made(x, training=True).numpy(), x + 1)
    assert np.array_equal(made.predict(x, verbose=0), x - 1)
    made.compile("sgd", "mse")
    assert made.evaluate(x, x, verbose=0) == pytest.approx(1.0, 1e-4)


def test_arms_of_numbers_and_of_several_tensors():
    made = model("return x * match mode { train => 0.5, infer => 1 }")
    x = data()
    assert np.array_equal(made(x, training=True).numpy(), x / 2)
    assert np.array_equal(made(x).numpy(), x)
    text = """
    let (a, b) = match mode { train => (x, 0.0 * x), infer => (-x, x + 1.0) }
    return match mode {
      train => match mode { train => a, infer => b },
      infer => b,
    }
    """
    made = model(text)
    assert np.array_equal(made(x).numpy(), x + 1)
    assert np.array_equal(made(x, training=True).numpy(), x)


def test_layers_in_arms():
    text = """
    let both = Dense(4)
    let y = match mode { train => both(x), infer => both(x) + 0.0 }
    return match mode { train => y |> Dense(4) as first, infer => y }
    """
    made = model(text)
    assert [v.path for v in made.variables] == [
        "match/train/both/kernel", "match/train/both/bias",
        "match_1/train/first/kernel", "match_1/train/first/bias",
    ]  # fmt: skip
    more = """
    fn f(x: f32[B, 4]) -> f32[B, 4] = match mode { train => x |> Dense(4), infer => x }
    """
    turns = model("return x |> repeat 2 { f }", more)
    assert [layer.name for layer in turns.called] == ["match[0]", "match[1]"]
    shared = model("return x |> repeat 3 shared { f }", more)
    assert len(shared.variables) == 2


def test_updates_see_the_values_from_before_the_call():
    text = """
    state a: f32[] = zeros()
    state b: f32[] = ones()
    update a := b
    let old = a
    update b := a + 10.0
    return x + old
    """
    made = model(text)
    x = np.zeros((1, 4), "float32")
    assert [float(v.numpy()) for v in made.variables] == [0, 1]
    assert made(x).numpy().max() == 0  # inference changes nothing
    assert made(x, training=True).numpy().max() == 0
    assert [float(v.numpy()) for v in made.variables] == [1, 10]
    assert made(x).numpy().max() == 1


def test_a_shared_state_is_updated_by_each_call():
    more = """
    layer Count()(x: f32[B, 4]) -> f32[B, 4] {
      state calls: i32[] = zeros()
      update calls := calls + 1
      return x + cast(calls, f32)
    }
    """
    made = model("return x |> repeat 3 shared { Count() } |> Dense(4)", more)
    calls = made.variables[0]
    assert (calls.path, calls.dtype) == ("count/calls", "int32")
    x = np.zeros((4, 4), "float32")
    made.compile("sgd", "mse")
    made.fit(x, x, batch_size=2, epochs=1, verbose=0)
    assert int(calls.numpy()) == 6
    made.predict(x, verbose=0)
    assert int(calls.numpy()) == 6


def test_a_state_that_nothing_reads_is_kept():
    made = model("state seen: i32[] = zeros() update seen := seen + 1 return x")
    assert [v.path for v in made.variables] == ["seen"]
    made(data(), training=True)
    assert int(made.variables[0].numpy()) == 1
    constant = model("state on: f32[] = zeros() update on := 1 return x")
    constant(data(), training=True)
    assert float(constant.variables[0].numpy()) == 1


def test_added_losses():
    more = """
    layer Penalty(factor: f32)(x: f32[B, 4]) -> f32[B, 4] {
      loss factor * mean(x ** 2)
      loss mean_absolute_error(x, 0.0 * x)
      return x
    }
    """
    made = model("return x |> repeat 2 { Penalty(0.5) }", more)
    x = data()
    one = 0.5 * (x**2).mean() + np.abs(x).mean()
    made(x)
    assert sum(float(loss) for loss in made.losses) == pytest.approx(2 * one, 1e-5)
    made.compile("sgd", "mse")
    assert made.evaluate(x, x, verbose=0) == pytest.approx(2 * one, 1e-5)


def test_a_parameter_reached_by_an_added_loss_is_trained():
    text = (
        HEAD
        + """
    model M(x: f32[B, 4]) -> f32[B, 4] {
      param w: f32[4] = ones()
      param v: f32[4] = ones()
      state m: f32[4] = zeros()
      loss sum(w ** 2)
      update m := v
      return x + m
    }
    train M(y: f32[B, 4]) { loss mean_squared_error(y, output) optimizer sgd(0.1) }
    """
    )
    (told,) = check(Source("a.net", text))
    assert (told.code, "`v`" in told.message, "`w`" in told.message) == (
        "T0508", True, False,
    )  # fmt: skip


def test_decay_and_frozen():
    text = """
    param w: f32[4] = ones() decay 0.25
    param v: f32[4] = ones() frozen
    return x * w * v
    """
    made = model(text)
    w, v = made.variables
    assert isinstance(w.regularizer, L2)
    assert (w.trainable, v.trainable) == (True, False)
    made.compile("sgd", "mse")
    x = np.zeros((2, 4), "float32")
    assert made.evaluate(x, x, verbose=0) == pytest.approx(0.25 * 4)
    made.fit(x, x, epochs=1, batch_size=2, verbose=0)
    np.testing.assert_allclose(w.numpy(), 1 - 0.01 * 0.25 * 2, 1e-6)
    assert np.array_equal(v.numpy(), np.ones(4))


def test_saved_and_loaded_and_drawn(tmp_path):
    text = """
    loss 0.1 * mean(x ** 2)
    param w: f32[4] = ones() decay 0.25
    let y = x * w |> repeat 2 { Norm(0.5) }
    return match mode { train => y |> Dense(4) |> Dropout(0.5), infer => y }
    """
    made = model(text, NORM)
    x = data()
    made.compile("sgd", "mse")
    made.fit(x, x, epochs=2, batch_size=8, verbose=0)
    made.save(tmp_path / "m.tulle")
    again = load_model(tmp_path / "m.tulle")
    assert [v.path for v in again.variables] == [v.path for v in made.variables]
    assert [v.trainable for v in again.variables] == [
        v.trainable for v in made.variables
    ]
    assert np.array_equal(again.predict(x, verbose=0), made.predict(x, verbose=0))
    assert again.evaluate(x, x, verbose=0) == made.evaluate(x, x, verbose=0)
    before = again.get_weights()
    again.fit(x, x, epochs=1, batch_size=8, verbose=0)
    assert all(
        not np.array_equal(a, b)
        for a, b in zip(before, again.get_weights(), strict=True)
    )
    picture = draw(diagram_of(made))
    assert b"update moving_mean, moving_variance" in picture
    assert b"match mode" in picture


def test_both_arms_are_drawn():
    text = "return match mode { train => x |> Dropout(0.5), infer => x } * "
    diagram = diagram_of(model(text + "match mode { train => 0.5, infer => 1 }"))
    links = [(link.source, link.target, link.role) for link in diagram.links]
    assert ("match/train/dropout", "match", "train") in links
    assert ("x", "match", "infer") in links
    assert ("match_1/infer/constant", "match_1", "infer") in links
    assert [frame.name for frame in diagram.clusters] == ["train", "train", "infer"]
    assert not any(box.key == "constant" for box in diagram.boxes)
    whole = diagram_of(model(text + "1.0"), expand_nested=False)
    assert [box.title for box in whole.boxes][1] == "match mode"


def test_layers_with_state_from_python():
    module = loads(HEAD + NORM)
    layer = module.Norm(0.5)
    x = data()
    layer(x, training=True)
    mean = next(v for v in layer.variables if v.name == "moving_mean")
    np.testing.assert_allclose(mean.numpy(), x.mean(axis=0) / 2, 1e-5)


def test_what_stands_behind_effects_is_known_to_a_loss():
    text = (
        HEAD
        + """
    model M(x: f32[B, 4]) -> f32[B, 3] { loss mean(x) return x |> Dense(3) |> softmax }
    train M(y: i32[B]) {
      loss      sparse_categorical_crossentropy(y, output, from_logits = true)
      optimizer sgd(0.1)
    }
    """
    )
    assert [d.code for d in check(Source("a.net", text))] == ["T0602"]


def test_doubling_chains_stay_linear():
    lines = "".join(f"let t{i + 1} = (t{i}, t{i}) " for i in range(60))
    arm = "let y = match mode { train => t60[0][0] |> f, infer => x } return x"
    text = f"let t0 = x {lines} {arm}"
    source = f"{HEAD}model M(x: f32[B, 4]) -> f32[B, 4] {{ {text} }}"
    assert "T0201" in [d.code for d in check(Source("a.net", source))]
    arm = "return match mode { train => t60, infer => t60 }"
    source = f"{HEAD}model M(x: f32[B, 4]) -> f32[B, 4] {{ let t0 = x {lines} {arm} }}"
    assert [d.code for d in check(Source("a.net", source))] == ["T0905"]


def test_weights_that_training_does_not_reach_keep_their_paths(tmp_path):
    made = model("return match mode { train => x, infer => x |> Dense(4) }")
    with pytest.warns(UserWarning, match="does not depend"):
        made.compile("sgd", "mse")
    made.fit(data(), data(), verbose=0)
    made.save(tmp_path / "m.tulle")
    with pytest.warns(UserWarning, match="does not depend"):
        again = load_model(tmp_path / "m.tulle")
    assert [v.path for v in again.variables] == [
        "match/infer/dense/kernel",
        "match/infer/dense/bias",
    ]


@pytest.mark.parametrize("use", ["t60 |> Dropout(0.5)", "relu(t60)", "t60 |> Dense(3)"])
def test_lists_of_lists_are_counted_before_use(use):
    lines = "".join(f"let t{i + 1} = (t{i}, t{i}) " for i in range(60))
    source = f"{HEAD}model M(x: f32[B, 4]) -> f32[B, 4] {{ let t0 = x {lines} "
    assert [d.code for d in check(Source("a.net", f"{source} return {use} }}"))] == [
        "T0905"
    ]


def test_a_list_with_a_number_for_a_layer():
    source = (
        f"{HEAD}model M(x: f32[B, 4]) -> f32[B, 4] {{ return (x, 1) |> Dropout(0.5) }}"
    )
    (told,) = check(Source("a.net", source))
    assert told.message == "`Dropout` is applied to tensors; here is the number 1"
