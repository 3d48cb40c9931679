"""`add_loss`: in layers, in a model's `call`, and with symbols."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(16)
rng = np.random.default_rng(11)
x = rng.normal(size=(64, 5)).astype("float32")
y = x[:, :1] * 2.0


class ActivityRegularizationLayer(layers.Layer):
    def call(self, inputs):
        self.add_loss(ops.sum(inputs) * 0.1)
        return inputs


class LogisticEndpoint(layers.Layer):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.loss_fn = keras.losses.MeanSquaredError()

    def call(self, targets, logits, sample_weights=None):
        loss = self.loss_fn(targets, logits, sample_weights)
        self.add_loss(loss)
        return logits


inputs = keras.Input(shape=(5,), name="digits")
h = layers.Dense(8, activation="relu", name="dense_1")(inputs)
h = ActivityRegularizationLayer()(h)
outputs = layers.Dense(1, name="predictions")(h)
model = keras.Model(inputs=inputs, outputs=outputs)
model.compile(optimizer=keras.optimizers.SGD(1e-2), loss="mse")
first = model.evaluate(x, y, verbose=0)
plain = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
assert first > plain  # the activity counts
model.fit(x, y, epochs=1, batch_size=64, verbose=0)

# A layer that ends the model with its own loss: `compile` gets none.
inputs = keras.Input(shape=(5,), name="inputs")
targets = keras.Input(shape=(1,), name="targets")
logits = layers.Dense(1)(inputs)
predictions = LogisticEndpoint(name="predictions")(targets, logits)
model = keras.Model(inputs=[inputs, targets], outputs=predictions)
model.compile(optimizer=keras.optimizers.Adam(0.05))
logs = model.fit({"inputs": x, "targets": y}, epochs=5, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]


class WithPenalty(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(4, kernel_regularizer=keras.regularizers.L2(1e-2))
        self.second = layers.Dense(1)

    def call(self, inputs):
        h = self.first(inputs)
        self.add_loss(1e-2 * ops.mean(ops.square(h)))
        return self.second(h)


model = WithPenalty()
model.compile("adam", "mse")
logs = model.fit(x, y, epochs=2, verbose=0).history
assert logs["loss"][1] < logs["loss"][0]
