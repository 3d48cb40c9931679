"""Losses and metrics of several targets, outputs and of inputs: what they train to."""

import numpy as np
import pytest

import tulle
from tulle.dsl import loads
from tulle.graph.diagnostics import TulleError
from tulle.training.joint import Joint

HEAD = "net 1 dim B "
TWO = """
model Two(x: f32[B, 4]) -> (price: f32[B, 1], kind: f32[B, 3]) {
  let h = x |> Dense(8, activation = relu)
  return (h |> Dense(1) as price, h |> Dense(3) as kind)
}
train Two(y: f32[B, 1], label: i32[B]) {
  loss      mean_squared_error(y, price)
            + 0.5 * sparse_categorical_crossentropy(label, kind, from_logits = true)
  optimizer adam(1e-2)
  metrics   {
    accuracy = sparse_categorical_accuracy(label, kind),
    off = mean_absolute_error(y, price),
    worst = max(abs(y - price)),
    found = recall(cast(y > 0.0, f32), sigmoid(price)),
    size = mean(square(x)),
  }
  run       { batch = 16, epochs = 10, seed = 7 }
}
"""


def data(count=64):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 4)).astype("float32")
    label = (x[:, 1] > 0).astype("int32") + (x[:, 2] > 0)
    return x, {"y": 2 * x[:, :1], "label": label.astype("int32")}


def compiled(text, name):
    tulle.utils.set_random_seed(7)
    plan = loads(HEAD + text).trainings[name]
    plan.model.compile(**plan.compile_arguments)
    return plan, plan.model


def told(model, x, y):
    return model.evaluate(x, y, verbose=0, return_dict=True)


def test_two_outputs_train_as_in_python():
    x, y = data()
    plan, text = compiled(TWO, "Two")
    assert isinstance(plan.loss, Joint)

    tulle.utils.set_random_seed(7)
    python = loads(HEAD + TWO).Two
    losses = tulle.losses
    python.compile(
        optimizer=tulle.optimizers.Adam(1e-2),
        loss={
            "price": losses.MeanSquaredError(),
            "kind": losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"price": 1.0, "kind": 0.5},
    )
    for model in (text, python):
        tulle.utils.set_random_seed(8)
        keys = ("y", "label") if model is text else ("price", "kind")
        named = dict(zip(keys, y.values(), strict=True))
        model.fit(x, named, verbose=0, batch_size=16, epochs=10)
    for one, two in zip(text.get_weights(), python.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_the_figures_are_those_of_numpy():
    x, y = data()
    _, model = compiled(TWO, "Two")
    figures, found = told(model, x, y), model.predict(x, verbose=0)
    price, kind = found["price"], found["kind"]
    right = kind.argmax(-1) == y["label"]
    error = np.abs(y["y"] - price)
    sure = 1 / (1 + np.exp(-price)) > 0.5
    wanted = {
        "accuracy": right.mean(),
        "off": error.mean(),
        "found": sure[y["y"] > 0].mean(),
        "size": (x**2).mean(),
    }
    assert list(figures) == ["loss", "accuracy", "off", "worst", "found", "size"]
    for name, value in wanted.items():
        assert figures[name] == pytest.approx(value, rel=1e-5)
    listed = model.evaluate(x, y, batch_size=64, verbose=0)
    assert listed[model.metrics_names.index("worst")] == pytest.approx(
        error.max(), rel=1e-5
    )


def test_saved_and_loaded(tmp_path):
    x, y = data()
    _, model = compiled(TWO, "Two")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle")
    assert told(again, x, y) == told(model, x, y)
    one, two = (m.fit(x, y, verbose=0, shuffle=False) for m in (model, again))
    assert one.history == two.history


WEIGHTED = """
model Weighted(x: f32[B, 2], weight: f32[B]) -> f32[B] { return (x |> Dense(1))[:, 0] }
train Weighted(y: f32[B]) {
  loss      sum(weight * (output - y) ** 2) / sum(weight)
  optimizer sgd(0.1)
  metrics   { error = mean_absolute_error(y, output) }
}
"""


def test_a_loss_that_sees_inputs():
    random = np.random.default_rng(0)
    x = random.normal(size=(10, 2)).astype("float32")
    weight, y = random.random((2, 10)).astype("float32")
    plan, model = compiled(WEIGHTED, "Weighted")
    error = model.predict([x, weight], verbose=0) - y
    figures = told(model, [x, weight], plan.y({"y": y}))
    wanted = (weight * error**2).sum() / weight.sum()
    assert figures["loss"] == pytest.approx(wanted, rel=1e-5)
    assert figures["error"] == pytest.approx(np.abs(error).mean(), rel=1e-5)


NO_TARGET = """
model Auto(x: f32[B, 6]) -> (back: f32[B, 6], code: f32[B, 3], more: f32[B, 3]) {
  let code = x |> Dense(3)
  return (code |> Dense(6), code, code)
}
train Auto() {
  loss      mean_squared_error(x, back) + 0.001 * mean(code ** 2 + more ** 2)
  optimizer adam(1e-2)
  run       { batch = 8 }
}
"""


def test_a_training_without_targets():
    x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
    plan, model = compiled(NO_TARGET, "Auto")
    assert plan.y({}) is None
    before = told(model, x, None)["loss"]
    model.fit(x, **plan.fit_arguments | {"epochs": 30}, verbose=0)
    assert told(model, x, None)["loss"] < 0.8 * before


def test_unnamed_outputs_go_by_number():
    text = """
    model Pair(x: f32[B, 2]) -> (f32[B, 1], f32[B, 1]) {
      return (x |> Dense(1), x |> Dense(1))
    }
    train Pair(y: f32[B, 1]) {
      loss      mean_squared_error(y, output[0]) + mean_squared_error(y, output_1)
      optimizer sgd(0.1)
    }
    """
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    _, model = compiled(text, "Pair")
    one, two = model.predict(x, verbose=0)
    wanted = ((one - 1) ** 2).mean() + ((two - 1) ** 2).mean()
    assert told(model, x, y)["loss"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (lambda y: {"y": y["y"]}, "T0703", "`y` has no target `label`"),
        (lambda y: y["y"], "T0701", "2 targets, and `y` is 1 array"),
        (lambda y: None, "T0703", "no target `y`: `y` is missing"),
        (lambda y: {**y, "z": y["y"]}, "T0703", "names the target `z`"),
        (lambda y: [y["label"], y["y"]], "T0702", "`label` is float32"),
        (lambda y: {**y, "label": y["label"][:5]}, "T0701", "label"),
    ],
)
def test_wrong_targets(given, code, words):
    x, y = data()
    _, model = compiled(TWO, "Two")
    with pytest.raises(TulleError, match=words) as caught:
        model.fit(x, given(y), verbose=0)
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize("argument", ["sample_weight", "class_weight"])
def test_weights_belong_to_no_target(argument):
    x, y = data()
    _, model = compiled(TWO, "Two")
    with pytest.raises(TulleError, match="nothing that weights of samples belong to"):
        model.fit(x, y, verbose=0, **{argument: {0: 1.0}})


def test_a_metric_with_a_state_of_one_target():
    text = """
    model M(x: f32[B, 2]) -> f32[B, 1] { return x |> Dense(1) }
    train M(y: f32[B, 1]) {
      loss      binary_crossentropy(y, output, from_logits = true)
      optimizer sgd(0.1)
      metrics   { area = auc(y, output, from_logits = true, num_thresholds = 50) }
    }
    """
    plan = loads(HEAD + text).trainings["M"]
    (metric,) = plan.metrics
    assert (type(metric).__name__, metric.name, metric.num_thresholds) == (
        "AUC", "area", 50,
    )  # fmt: skip
    assert type(plan.loss).__name__ == "BinaryCrossentropy"


def test_a_schedule_of_the_learning_rate():
    text = """
    model M(x: f32[B, 2]) -> f32[B, 1] { return x |> Dense(1) }
    train M(y: f32[B, 1]) {
      loss      mean_squared_error(y, output)
      optimizer OPTIMIZER
    }
    """
    schedule = "exponential_decay(0.5, 10, 0.1, staircase = true)"
    for given in (schedule, f"learning_rate = {schedule}"):
        made = loads(HEAD + text.replace("OPTIMIZER", f"sgd({given})"))
        optimizer = made.trainings["M"].optimizer
        assert type(optimizer).__name__ == "SGD"
        found = optimizer.get_config()["learning_rate"]
        assert type(found).__name__ == "ExponentialDecay"
        assert (found.decay_steps, found.staircase) == (10, True)
