"""A subclassed model with `train_step`, `test_step`, and `compute_loss`."""

import numpy as np

import tulle as keras
from tulle import layers


class CustomModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = keras.losses.MeanSquaredError()

    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, y_pred)
        return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        self.loss_tracker.update_state(self.loss_fn(y, y_pred))
        self.mae_metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric]


keras.utils.set_random_seed(5)
rng = np.random.default_rng(3)
x = rng.random((200, 6)).astype("float32")
y = x.sum(axis=1, keepdims=True)
inputs = keras.Input(shape=(6,))
model = CustomModel(inputs, layers.Dense(1)(inputs))
model.compile(optimizer=keras.optimizers.Adam(0.05))
history = model.fit(x, y, epochs=5, verbose=0, validation_data=(x, y))
assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
assert len(model.evaluate(x, y, verbose=0)) == 2


class Lower(keras.Model):
    """`compile` says loss and metrics; the step uses them, with sample weights."""

    def train_step(self, data):
        if len(data) == 3:
            x, y, sample_weight = data
        else:
            sample_weight = None
            x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        trainable_vars = self.trainable_variables
        gradients = tape.gradient(loss, trainable_vars)
        self.optimizer.apply_gradients(zip(gradients, trainable_vars, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


model = Lower(inputs, layers.Dense(1)(inputs))
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
logs = model.fit(x, y, sample_weight=np.ones((200,)), epochs=2, verbose=0).history
assert logs["loss"][1] < logs["loss"][0]
assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] > 0


class Own(keras.Model):
    """Only the loss is its own."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.out = layers.Dense(1)
        self.penalty = keras.metrics.Mean(name="penalty")

    def call(self, inputs, training=None):
        return self.out(self.hidden(inputs))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        loss = keras.ops.mean(keras.ops.square(y_pred - y))
        extra = 1e-3 * keras.ops.mean(keras.ops.abs(self.out.kernel))
        self.penalty.update_state(extra)
        return loss + extra


model = Own()
model.compile(optimizer=keras.optimizers.Adam(0.02), metrics=["mae"])
logs = model.fit(x, y, epochs=4, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]
assert "mae" in logs
