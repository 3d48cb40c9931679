"""Antirectifier, random features, an endpoint, mixtures, gates, an ODE."""

import numpy as np

import tulle as keras
from tulle import layers, ops

rng = np.random.default_rng(0)


class Antirectifier(layers.Layer):
    def __init__(self, initializer="he_normal", **kwargs):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape):
        output_dim = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(output_dim * 2, output_dim),
            initializer=self.initializer,
            name="kernel",
            trainable=True,
        )

    def call(self, inputs):
        inputs -= ops.mean(inputs, axis=-1, keepdims=True)
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        concatenated = ops.concatenate([pos, neg], axis=-1)
        return ops.matmul(concatenated, self.kernel)

    def get_config(self):
        base_config = super().get_config()
        config = {"initializer": keras.initializers.serialize(self.initializer)}
        return dict(list(base_config.items()) + list(config.items()))


x = rng.random((200, 20)).astype("float32")
y = rng.integers(0, 4, 200)
model = keras.Sequential(
    [
        keras.Input(shape=(20,)),
        layers.Dense(32),
        Antirectifier(),
        layers.Dropout(0.5),
        layers.Dense(4),
    ]
)
model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.RMSprop(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
model.fit(x, y, batch_size=32, epochs=2, validation_split=0.15, verbose=0)
model.evaluate(x, y, verbose=0)
model.save("anti.keras")
r = keras.models.load_model(
    "anti.keras", custom_objects={"Antirectifier": Antirectifier}
)
np.testing.assert_allclose(
    r.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-05
)


class RandomFourierFeatures(layers.Layer):
    def __init__(self, output_dim, scale=10.0, **kw):
        super().__init__(**kw)
        self.output_dim = output_dim
        self.scale = scale

    def build(self, s):
        self.kernel = self.add_weight(
            shape=(s[-1], self.output_dim), initializer="random_normal", trainable=False
        )
        self.bias = self.add_weight(
            shape=(self.output_dim,),
            initializer=keras.initializers.RandomUniform(0, 2 * np.pi),
            trainable=False,
        )
        self.kernel_scale = self.add_weight(
            name="kernel_scale",
            shape=(),
            initializer=keras.initializers.Constant(self.scale),
            trainable=True,
            constraint="NonNeg",
        )

    def call(self, x):
        return ops.cos(
            ops.matmul(x, self.kernel) * (1.0 / self.kernel_scale) + self.bias
        )


model = keras.Sequential(
    [
        keras.Input(shape=(20,)),
        RandomFourierFeatures(output_dim=64, scale=10.0),
        layers.Dense(units=4),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    loss=keras.losses.hinge,
    metrics=[keras.metrics.CategoricalAccuracy(name="acc")],
)
model.fit(
    x,
    keras.utils.to_categorical(y),
    epochs=2,
    batch_size=32,
    validation_split=0.2,
    verbose=0,
)


class LogisticEndpoint(keras.layers.Layer):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
        self.accuracy_fn = keras.metrics.BinaryAccuracy(name="accuracy")

    def call(self, logits, targets=None, sample_weight=None):
        if targets is not None:
            loss = self.loss_fn(targets, logits, sample_weight)
            self.add_loss(loss)
            self.accuracy_fn.update_state(targets, logits, sample_weight)
        return keras.ops.softmax(logits)


inputs = keras.Input((3,), name="inputs")
targets = keras.Input((10,), name="targets")
logits = layers.Dense(10)(inputs)
preds = LogisticEndpoint(name="predictions")(logits, targets)
model = keras.Model([inputs, targets], preds)
data = {
    "inputs": rng.random((100, 3)),
    "targets": rng.random((100, 10)).round(),
}
model.compile(keras.optimizers.Adam(0.001))
h = model.fit(data, epochs=2, verbose=0)
inference = keras.Model(inputs, LogisticEndpoint()(logits))
K = 3


def elu_plus_one_plus_epsilon(x):
    return keras.activations.elu(x) + 1 + keras.backend.epsilon()


keras.utils.get_custom_objects().update(
    {"epe": layers.Activation(elu_plus_one_plus_epsilon)}
) if False else None


class MDN(layers.Layer):
    def __init__(self, output_dims, num_mixtures, **kwargs):
        super().__init__(**kwargs)
        self.output_dim = output_dims
        self.num_mix = num_mixtures
        self.mdn_mus = layers.Dense(num_mixtures * output_dims, name="mdn_mus")
        self.mdn_sigmas = layers.Dense(
            num_mixtures * output_dims,
            activation=elu_plus_one_plus_epsilon,
            name="mdn_sigmas",
        )
        self.mdn_pi = layers.Dense(num_mixtures, name="mdn_pi")

    def build(self, input_shape):
        self.mdn_mus.build(input_shape)
        self.mdn_sigmas.build(input_shape)
        self.mdn_pi.build(input_shape)
        super().build(input_shape)

    @property
    def trainable_weights(self):
        return (
            self.mdn_mus.trainable_weights
            + self.mdn_sigmas.trainable_weights
            + self.mdn_pi.trainable_weights
        )

    def call(self, x, mask=None):
        return layers.concatenate(
            [self.mdn_mus(x), self.mdn_sigmas(x), self.mdn_pi(x)], name="mdn_outputs"
        )


def mdn_loss(y_true, y_pred):
    mu, sigma, pi = ops.split(y_pred, [K, 2 * K], axis=-1)
    logp = (
        -0.5 * ops.square((y_true - mu) / sigma)
        - ops.log(sigma)
        - 0.5 * np.log(2 * np.pi)
    )
    return -ops.logsumexp(ops.log_softmax(pi, axis=-1) + logp, axis=-1)


xs = rng.uniform(-1, 1, (300, 1)).astype("float32")
yy = (xs**2 + 0.1 * rng.normal(size=(300, 1))).astype("float32")
m = keras.Sequential(
    [keras.Input((1,)), layers.Dense(16, "tanh"), layers.Dense(16, "tanh"), MDN(1, K)]
)
m.compile(optimizer=keras.optimizers.Adam(0.003), loss=mdn_loss)
h = m.fit(
    xs,
    yy,
    epochs=5,
    batch_size=64,
    validation_data=(xs, yy),
    callbacks=[
        keras.callbacks.EarlyStopping(
            monitor="loss", patience=10, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=5),
        keras.callbacks.TerminateOnNaN(),
    ],
    verbose=0,
)
assert h.history["loss"][-1] < h.history["loss"][0]
