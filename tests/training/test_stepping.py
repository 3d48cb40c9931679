"""Steps that a model writes itself, compiled and in Python."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.diagnostics import TulleError
from tulle.layers import Dense, Layer
from tulle.metrics import Mean

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 4)).astype("float32")
Y = RANDOM.integers(0, 3, 96)


def made(kind, run_eagerly=False):
    tulle.utils.set_random_seed(3)
    x = tulle.Input((4,))
    model = kind(x, Dense(3)(Dense(8, activation="relu")(x)))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=run_eagerly)
    return model


class Written(tulle.Model):
    ran = 0

    def train_step(self, data):
        self.ran += 1
        x, y = data
        with tulle.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Scaled(tulle.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **more):
        return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, **more)


class Named(tulle.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**found, "largest": ops.max(y_pred)}


class Doubled(tulle.Model):
    def test_step(self, data):
        return {"rows": ops.sum(ops.ones_like(data[1]))}

    def predict_step(self, data):
        return {"twice": 2.0 * self(data, training=False)}


class Autoencoder(tulle.Model):
    """Made of nothing that `compile` knows: its own loss, tracker and data."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(4)
        self.tracker = Mean(name="error")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        with tulle.GradientTape() as tape:
            error = ops.mean(ops.square(self.dense(data) - data))
        weights = self.trainable_weights
        self.optimizer.apply_gradients(
            zip(tape.gradient(error, weights), weights, strict=True)
        )
        self.tracker.update_state(error)
        return {"error": self.tracker.result()}


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_of_ones_own_trains_as_the_step_of_tulle(eagerly):
    given = {"epochs": 2, "verbose": 0}
    plain = made(tulle.Model)
    wanted = plain.fit(X, Y, **given)
    own = made(Written, eagerly)
    found = own.fit(X, Y, **given)
    for name, figures in wanted.history.items():
        np.testing.assert_allclose(found.history[name], figures, rtol=1e-5)
    for a, b in zip(own.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert own.ran == (6 if eagerly else 1)


def test_a_loss_and_figures_of_ones_own():
    given = {"verbose": 0, "shuffle": False, "validation_data": (X, Y)}
    plain = made(tulle.Model).fit(X, Y, **given).history
    scaled = made(Scaled)
    scaled.optimizer.learning_rate = 0.0
    fixed = made(tulle.Model)
    fixed.optimizer.learning_rate = 0.0
    wanted, found = fixed.fit(X, Y, **given), scaled.fit(X, Y, **given)
    assert found.history["loss"][0] == pytest.approx(2 * wanted.history["loss"][0])
    named = made(Named).fit(X, Y, **given).history
    assert {"largest", "val_largest"} < set(named)
    assert named["loss"] == pytest.approx(plain["loss"], rel=1e-5)
    assert named["val_accuracy"] == pytest.approx(plain["val_accuracy"])


def test_evaluation_and_prediction_of_ones_own():
    model = made(Doubled)
    assert model.evaluate(X, Y, verbose=0, batch_size=96) == 96
    outputs = model.predict(X, verbose=0)
    wanted = 2 * made(tulle.Model).predict(X, verbose=0)
    np.testing.assert_allclose(outputs["twice"], wanted, rtol=1e-6)
    batch = model.predict_on_batch(X[:5])["twice"]
    np.testing.assert_allclose(batch, wanted[:5], rtol=1e-5)


def test_a_model_without_a_loss_in_compile():
    tulle.utils.set_random_seed(3)
    model = Autoencoder()
    model.compile(optimizer=tulle.optimizers.Adam(0.05))
    errors = model.fit(X, epochs=20, verbose=0).history["error"]
    assert errors[-1] < errors[0] / 10
    assert model.train_on_batch(X) > 0


def test_freezing_is_seen_by_a_step_of_ones_own():
    model = made(Written)
    model.fit(X, Y, verbose=0)
    first = model.layers[1]
    first.trainable = False
    before = [w.copy() for w in first.get_weights()]
    model.fit(X, Y, verbose=0)
    for a, b in zip(first.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_that_gives_no_figures():
    class Silent(tulle.Model):
        def train_step(self, data):
            pass

    with pytest.raises(TulleError) as caught:
        made(Silent).fit(X, Y, verbose=0)
    found = caught.value.diagnostics[0]
    assert found.code == "T0204"
    assert "`Silent.train_step` gives nothing" in found.message


def test_what_layers_measure_is_among_the_figures():
    class Counting(Layer):
        def call(self, x):
            self.add_metric(ops.mean(ops.abs(x)), name="size")
            return x

    x = tulle.Input((4,))
    model = tulle.Model(x, Dense(1)(Counting()(x)))
    model.compile("sgd", "mse")
    history = model.fit(X, X[:, :1], epochs=2, batch_size=96, verbose=0).history
    assert history["size"] == pytest.approx([np.abs(X).mean()] * 2, rel=1e-5)
    assert [metric.name for metric in model.metrics] == ["loss", "size"]
    figures = model.evaluate(X, X[:, :1], verbose=0, return_dict=True)
    assert figures["size"] == pytest.approx(np.abs(X).mean(), rel=1e-5)


def test_a_step_of_ones_own_may_call_the_model_on_other_data():
    class Graph(tulle.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)
            self.nodes = np.eye(5, dtype="float32")

        def call(self, inputs):
            nodes, scale = inputs
            return self.dense(nodes) * scale

        def train_step(self, data):
            ids, labels = data
            with tulle.GradientTape() as tape:
                found = ops.take(self([self.nodes, 1.0]), ids, axis=0)
                loss = self.compute_loss(y=labels, y_pred=found)
            weights = self.trainable_weights
            self.optimizer.apply(tape.gradient(loss, weights), weights)
            return {"loss": loss}

    model = Graph()
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[tulle.metrics.SparseCategoricalAccuracy()])
    logs = model.fit(np.arange(5), np.arange(5) % 2, epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
