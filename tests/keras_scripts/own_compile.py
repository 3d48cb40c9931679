"""A `compile` that sets the optimizer itself; figures of a batch; names in order."""

import numpy as np

import tulle as keras
from tulle import layers

random = np.random.default_rng(0)
x = random.normal(size=(32, 3)).astype("float32")
y = x.sum(axis=1, keepdims=True)


class Regressor(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def compile(self, optimizer, loss_fn):
        super().compile()
        self.optimizer = optimizer
        self.loss_fn = loss_fn

    def call(self, inputs):
        return self.dense(inputs)

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        features, target = data
        with keras.GradientTape() as tape:
            loss = self.loss_fn(target, self(features, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


model = Regressor()
model(x)
model.set_weights([np.full((3, 1), 0.1, "float32"), np.zeros(1, "float32")])
model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError())
assert type(model.optimizer).__name__ == "SGD"
history = model.fit(x, y, epochs=3, batch_size=32, verbose=0)
weights, bias, wanted = np.full((3, 1), 0.1), 0.0, []
for _ in range(3):  # the same by hand
    error = x @ weights + bias - y
    wanted.append(np.mean(error**2))
    weights = weights - 0.1 * 2 * x.T @ error / len(x)
    bias = bias - 0.1 * 2 * np.mean(error)
np.testing.assert_allclose(history.history["loss"], wanted, rtol=1e-4)
np.testing.assert_allclose(model.get_weights()[0], weights, rtol=1e-4, atol=1e-6)
assert int(model.optimizer.iterations) == 3

# Another optimizer, set on a compiled model, begins anew.
simple = keras.Sequential([keras.Input((3,)), layers.Dense(1, use_bias=False)])
simple.compile("adam", "mse", metrics=["mae"])
simple.fit(x, y, verbose=0)
simple.optimizer = keras.optimizers.SGD(0.5)
before = simple.get_weights()[0]
simple.train_on_batch(x, y)
step = 0.5 * 2 * x.T @ (x @ before - y) / len(x)
np.testing.assert_allclose(simple.get_weights()[0], before - step, rtol=1e-4, atol=1e-6)
assert int(simple.optimizer.iterations) == 1

# The figures are those of the batch, whatever was measured before.
simple.evaluate(x, y, verbose=0)
for part in (slice(0, 8), slice(8, 32)):
    error = simple.predict(x[part], verbose=0) - y[part]
    loss, mae = simple.test_on_batch(x[part], y[part])
    np.testing.assert_allclose(
        [loss, mae], [np.mean(error**2), np.abs(error).mean()], 1e-4
    )

# Dictionaries are sorted: inputs, layers, weights; losses come as `compile` has them.
wide, deep = keras.Input((3,), name="wide"), keras.Input((3,), name="deep")
outputs = {
    "price": layers.Dense(2, name="price")(wide),
    "kind": layers.Dense(4, name="kind")(deep),
}
two = keras.Model({"wide": wide, "deep": deep}, outputs)
assert [tensor.name for tensor in two.inputs] == ["deep", "wide"]
assert two.output_names == ["kind", "price"] or two.output_names == ("kind", "price")
assert [w.shape for w in two.get_weights()] == [(3, 4), (4,), (3, 2), (2,)]
two.compile("sgd", {"price": "mse", "kind": "mae"})
data = {"wide": x, "deep": 2 * x}
targets = {"price": np.zeros((32, 2)), "kind": np.ones((32, 4))}
told = two.evaluate(data, targets, verbose=0, return_dict=True)
total, price, kind = two.evaluate(data, targets, verbose=0)
assert (kind, price) == (told["kind_loss"], told["price_loss"])

# Metrics of several outputs stand behind the losses, sorted by name.
two.compile(
    "sgd",
    {"price": "mse", "kind": "mae"},
    metrics={"price": ["mae"], "kind": ["mse", "mape"]},
)
names = ["loss", "price_loss", "kind_loss", "kind_mape", "kind_mse", "price_mae"]
told = two.evaluate(data, targets, verbose=0, return_dict=True)
assert two.evaluate(data, targets, verbose=0) == [told[name] for name in names]
assert two.metrics_names == names
told = two.test_on_batch(data, targets, return_dict=True)
assert two.test_on_batch(data, targets) == [told[name] for name in names]
