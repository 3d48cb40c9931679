"""Settings that are changed after a program was made: the next pass follows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from tulle import (
    GradientTape,
    Input,
    Layer,
    Model,
    Sequential,
    TulleError,
    constraints,
    layers,
    losses,
    ops,
    optimizers,
    regularizers,
)
from tulle.graph.notices import TulleWarning
from tulle.models import clone_model

X = np.random.RandomState(0).rand(16, 4).astype("float32")
Y = np.random.RandomState(1).rand(16, 1).astype("float32")


def model_of(layer: Any, optimizer: Any = None, loss: Any = "mse") -> Any:
    model = Sequential([Input((4,)), layer, layers.Dense(1)])
    model.compile(optimizer or optimizers.SGD(0.0), loss)
    model.train_on_batch(X, Y)
    return model


def loss_of(model: Any) -> float:
    return float(model.fit(X, Y, verbose=0).history["loss"][0])


def test_a_constraint_is_followed_when_it_changes_and_when_it_is_replaced() -> None:
    limit = constraints.MaxNorm(50.0)
    layer = layers.Dense(3, kernel_constraint=limit)
    model = model_of(layer)
    for bound in (0.1, 0.05):
        if bound == 0.1:
            limit.max_value = bound
        else:
            layer.kernel.constraint = constraints.MaxNorm(bound)
        model.fit(X, Y, verbose=0)
        norms = np.linalg.norm(layer.kernel.numpy(), axis=0)
        np.testing.assert_allclose(norms, bound, rtol=1e-3)


def test_a_regularizer_and_a_loss_are_followed() -> None:
    weight, loss = regularizers.L2(0.0), losses.MeanSquaredError()
    layer = layers.Dense(3, kernel_regularizer=weight)
    model = model_of(layer, loss=loss)
    before = loss_of(model)
    weight.l2 = 2.0
    added = 2.0 * float(np.sum(layer.kernel.numpy() ** 2))
    assert loss_of(model) == pytest.approx(before + added, rel=1e-4)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(before + added, rel=1e-4)
    weight.l2, loss.reduction = 0.0, "sum"
    assert loss_of(model) == pytest.approx(before * len(X), rel=1e-4)
    assert loss.get_config()["reduction"] == "sum"


def test_a_schedule_is_followed() -> None:
    schedule = optimizers.schedules.ExponentialDecay(0.5, 100, 1.0)
    layer = layers.Dense(3)
    model = model_of(layer, optimizers.SGD(schedule))
    schedule.initial_learning_rate = 0.0
    before = layer.kernel.numpy().copy()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before, layer.kernel.numpy())


def test_settings_of_layers_are_followed_in_every_kind_of_pass() -> None:
    norm, slope = layers.BatchNormalization(momentum=1.0), layers.LeakyReLU(0.0)
    model = Sequential([Input((4,)), norm, slope, layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse")
    model.fit(X, Y, verbose=0)
    assert not norm.moving_mean.numpy().any()
    norm.momentum = 0.0
    model.fit(X, Y, verbose=0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), X.mean(0), rtol=1e-4)
    below = X - 5.0
    model.predict(below, verbose=0)
    slope.negative_slope = 1.0
    expected = model.layers[-1](norm(below)).numpy()
    np.testing.assert_allclose(model.predict(below, verbose=0), expected, rtol=1e-4)


def test_a_rate_may_be_set_and_is_held_to_its_bounds() -> None:
    layer = layers.Dropout(0.0)
    model = model_of(layer)
    model.layers[-1].bias.assign([1.0])
    before = loss_of(model)
    layer.rate = 1.0
    assert loss_of(model) == pytest.approx(float(np.mean((1.0 - Y) ** 2)), rel=1e-4)
    assert before != loss_of(model)
    with pytest.raises(TulleError, match=r"T0204.*\n|from 0 to 1"):
        layer.rate = 2.0
    noise = layers.GaussianNoise(0.5)
    noise.stddev = 0.25
    assert (layer.rate, noise.get_config()["stddev"]) == (1.0, 0.25)


def test_what_was_set_is_in_the_configuration() -> None:
    norm, optimizer = layers.BatchNormalization(), optimizers.SGD(0.1, momentum=0.9)
    norm.momentum, optimizer.momentum = 0.5, 0.3
    assert norm.get_config()["momentum"] == 0.5
    assert optimizer.get_config()["momentum"] == 0.3
    model = Sequential([Input((4,)), norm])
    assert clone_model(model).layers[0].momentum == 0.5
    assert layers.Conv2D(2, 3).get_config()["kernel_size"] == 3


class Scaling(Layer):
    """A layer of a user's, which keeps records beside its setting."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.note, self.calls, self.last = 1.0, "", 0, None

    def call(self, x: Any) -> Any:
        self.calls, self.last = self.calls + 1, x
        return x * self.scale


def test_records_of_a_layer_cost_no_program() -> None:
    layer = Scaling()
    model = model_of(layer)
    made = [program for program, _ in model.steps._programs.values()]
    for note in "ab":
        layer.note = note
        model(X)
        model.train_on_batch(X, Y)
    assert [program for program, _ in model.steps._programs.values()] == made
    layer.scale = 0.0
    model.layers[-1].bias.assign([0.0])
    assert loss_of(model) == pytest.approx(float(np.mean(Y**2)), rel=1e-4)


class Stepping(Model):
    """A model with a step of its own that reads a setting."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.share, self.traced = layers.Dense(1), 1.0, 0

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        x, y = data
        self.traced += 1
        with GradientTape() as tape:
            loss = ops.mean(ops.square(self(x) - y))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss * 0.0 + self.share}


def test_a_step_of_the_models_own_follows_and_tells_of_endless_changes() -> None:
    model = Stepping()
    model.compile("sgd")
    assert [model.train_on_batch(X, Y) for _ in range(3)] == [1.0] * 3
    assert model.traced == 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for share in (2.0, 3.0, 4.0, 5.0, 6.0):
            model.share = share
            assert model.train_on_batch(X, Y) == share
    told = [w for w in told if issubclass(w.category, TulleWarning)]
    assert len(told) == 1
    assert "stepping.share" in str(told[0].message)


class Deciding(Layer):
    """A layer of a user's with a setting of the class, one in a list, and a flag."""

    factor = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.shares, self.scale, self.scaled = [1.0], 1.0, False

    def call(self, x: Any) -> Any:
        factor = self.factor * self.shares[0]
        return x * (factor * self.scale if self.scaled else factor)


def multiplies(model: Any, factor: float) -> None:
    expected = factor * X @ model.layers[-1].kernel.numpy()
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_settings_of_a_class_and_in_a_list_are_followed() -> None:
    layer = Deciding()
    model = model_of(layer)
    multiplies(model, 1.0)
    layer.factor = 2.0  # hides that of the class
    multiplies(model, 2.0)
    layer.shares[0] = 2.0
    multiplies(model, 4.0)
    layer.shares = [3.0]
    multiplies(model, 6.0)


def test_a_setting_of_no_consequence_is_followed_once_it_has_one() -> None:
    layer = Deciding()
    model = model_of(layer)
    multiplies(model, 1.0)
    layer.scale = 5.0
    multiplies(model, 1.0)
    layer.scaled = True
    multiplies(model, 5.0)
    layer.scale = 2.0
    multiplies(model, 2.0)


def test_settings_of_a_class_of_losses_are_followed() -> None:
    class Weighed(losses.Loss):
        weight = 1.0

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return ops.mean(ops.square(y_true - y_pred), axis=-1) * self.weight

    loss = Weighed()
    model = model_of(layers.Dense(2), loss=loss)
    before = loss_of(model)
    loss.weight = 3.0
    assert loss_of(model) == pytest.approx(3.0 * before, rel=1e-4)
