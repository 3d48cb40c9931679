"""Metric, loss, regularizer, initializer, constraint and activation of one's own."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(15)


class CategoricalTruePositives(keras.metrics.Metric):
    def __init__(self, name="categorical_true_positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(shape=(), name="ctp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.reshape(ops.argmax(y_pred, axis=1), (-1, 1))
        y_true = ops.reshape(y_true, (-1, 1))
        values = ops.equal(ops.cast(y_true, "int32"), ops.cast(y_pred, "int32"))
        values = ops.cast(values, "float32")
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            values = ops.multiply(values, sample_weight)
        self.true_positives.assign_add(ops.sum(values))

    def result(self):
        return self.true_positives.value

    def reset_state(self):
        self.true_positives.assign(0.0)


class CustomMSE(keras.losses.Loss):
    def __init__(self, regularization_factor=0.1, name="custom_mse"):
        super().__init__(name=name)
        self.regularization_factor = regularization_factor

    def call(self, y_true, y_pred):
        mse = ops.mean(ops.square(y_true - y_pred), axis=-1)
        reg = ops.mean(ops.square(0.5 - y_pred), axis=-1)
        return mse + reg * self.regularization_factor


@keras.saving.register_keras_serializable(package="scripts")
class OffDiagonal(keras.regularizers.Regularizer):
    def __init__(self, strength=0.01):
        self.strength = strength

    def __call__(self, x):
        gram = ops.matmul(ops.transpose(x), x)
        return self.strength * ops.sum(ops.square(gram - ops.diag(ops.diag(gram))))

    def get_config(self):
        return {"strength": self.strength}


class Ramp(keras.initializers.Initializer):
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, shape, dtype=None, **kwargs):
        count = int(np.prod(shape))
        ramp = ops.reshape(ops.arange(count, dtype=dtype or "float32"), shape)
        return self.scale * ramp / count

    def get_config(self):
        return {"scale": self.scale}


class UnitColumns(keras.constraints.Constraint):
    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True)))


def squared_relu(x):
    return ops.square(ops.relu(x))


def my_init(shape, dtype=None):
    return keras.random.normal(shape, stddev=0.1, dtype=dtype)


inputs = keras.Input(shape=(6,), name="features")
hidden = layers.Dense(
    8,
    activation=squared_relu,
    kernel_initializer=Ramp(0.5),
    bias_initializer=my_init,
    kernel_regularizer=OffDiagonal(1e-3),
    kernel_constraint=UnitColumns(),
)
outputs = layers.Dense(3)(hidden(inputs))
model = keras.Model(inputs, outputs)
kernel = ops.convert_to_numpy(hidden.kernel)
np.testing.assert_allclose(kernel.ravel(), 0.5 * np.arange(48) / 48, rtol=1e-5)
assert len(model.losses) == 1

rng = np.random.default_rng(10)
x = rng.normal(size=(96, 6)).astype("float32")
y = x[:, :3].argmax(axis=1)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[CategoricalTruePositives()],
)
logs = model.fit(x, y, batch_size=32, epochs=3, verbose=0).history
assert 0 < logs["categorical_true_positives"][-1] <= 96
norms = np.linalg.norm(ops.convert_to_numpy(hidden.kernel), axis=0)
np.testing.assert_allclose(norms, 1.0, rtol=1e-3)

model = keras.Model(inputs, layers.Dense(3)(hidden(inputs)))
model.compile(optimizer="sgd", loss=CustomMSE())
onehot = keras.utils.to_categorical(y, num_classes=3)
logs = model.fit(x, onehot, batch_size=48, epochs=2, verbose=0).history
assert logs["loss"][1] < logs["loss"][0]


def custom_mean_squared_error(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def largest(y_true, y_pred):
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


model.compile(
    optimizer="adam", loss=custom_mean_squared_error, metrics=[largest, "mse"]
)
logs = model.fit(x, onehot, epochs=1, verbose=0).history
assert set(logs) == {"loss", "largest", "mse"}
loss = keras.losses.get("mse")
np.testing.assert_allclose(np.asarray(loss(np.ones((1, 2)), np.zeros((1, 2)))), [1.0])
