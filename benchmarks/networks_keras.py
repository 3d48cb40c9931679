"""The networks under Keras's names: `k` is the module `tulle`, or `keras`.

With `noise=False` nothing is drawn at random, so that systems can be compared.
"""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """A network, and how it is trained."""

    model: Any
    loss: Any
    optimizer: Any


def classifier(k: Any, x: Any, logits: Any, optimizer: Any = None) -> Task:
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Task(k.Model(x, logits), loss, optimizer or k.optimizers.Adam(1e-3))


def dense(k: Any, sizes: list[int]) -> Task:
    x = h = k.Input((sizes[0],))
    for units in sizes[1:-1]:
        h = k.layers.Dense(units, activation="relu")(h)
    return classifier(k, x, k.layers.Dense(sizes[-1])(h))


def mlp(k: Any, noise: bool = True) -> Task:
    return dense(k, [784, 32, 32, 10])


def bigmlp(k: Any, noise: bool = True) -> Task:
    return dense(k, [784, 1024, 1024, 10])


def deepmlp(k: Any, noise: bool = True) -> Task:
    return dense(k, [784] + [64] * 20 + [10])


def vae(k: Any, noise: bool = True) -> Task:
    layers, ops = k.layers, k.ops

    class Sampling(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = k.random.SeedGenerator(0)

        def call(self, center, log_var):
            drawn = k.random.normal(ops.shape(center), seed=self.seed) if noise else 0.5
            return center + ops.exp(0.5 * log_var) * drawn

    class Autoencoder(k.Model):
        def __init__(self):
            super().__init__()
            self.encoder = layers.Dense(64, activation="relu")
            self.center, self.log_var = layers.Dense(32), layers.Dense(32)
            self.sampling = Sampling()
            self.decoder = layers.Dense(64, activation="relu")
            self.pixels = layers.Dense(784, activation="sigmoid")

        def call(self, x):
            seen = self.encoder(x)
            center, log_var = self.center(seen), self.log_var(seen)
            apart = log_var - ops.square(center) - ops.exp(log_var) + 1.0
            self.add_loss(-0.5 * ops.mean(apart))
            return self.pixels(self.decoder(self.sampling(center, log_var)))

    adam = k.optimizers.Adam(1e-3)
    return Task(Autoencoder(), k.losses.MeanSquaredError(), adam)


def hyper(k: Any, noise: bool = True) -> Task:
    layers, ops = k.layers, k.ops
    first, second = 784 * 64, 784 * 64 + 64

    class Hyper(k.Model):
        def __init__(self):
            super().__init__()
            self.idea = layers.Dense(16, activation="relu")
            self.made = layers.Dense(784 * 64 + 64 + 640 + 10, activation="sigmoid")

        def call(self, x):
            made = self.made(self.idea(x))[0]
            kernel = ops.reshape(made[:first], (784, 64))
            hidden = ops.relu(ops.matmul(x, kernel) + made[first:second])
            kernel = ops.reshape(made[second : second + 640], (64, 10))
            return ops.matmul(hidden, kernel) + made[second + 640 :]

    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Task(Hyper(), loss, k.optimizers.Adam(1e-3))


def conv(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((28, 28, 1))
    h = layers.Conv2D(32, 3, activation="relu")(x)
    h = layers.MaxPooling2D(2)(h)
    h = layers.Conv2D(64, 3, activation="relu")(h)
    h = layers.Flatten()(layers.MaxPooling2D(2)(h))
    h = layers.Dropout(0.5 if noise else 0.0)(h)
    return classifier(k, x, layers.Dense(10)(h))


def lstm(k: Any, noise: bool = True) -> Task:
    x = k.Input((28, 28))
    return classifier(k, x, k.layers.Dense(10)(k.layers.LSTM(128)(x)))


def block(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((64, 128))
    h = layers.MultiHeadAttention(4, 32)(x, x)
    seen = layers.LayerNormalization()(x + h)
    h = layers.Dense(128)(layers.Dense(512, activation="gelu")(seen))
    h = layers.LayerNormalization()(seen + h)
    return classifier(k, x, layers.Dense(10)(layers.GlobalAveragePooling1D()(h)))


def gru(k: Any, noise: bool = True) -> Task:
    x = k.Input((40, 16))
    return classifier(k, x, k.layers.Dense(10)(k.layers.GRU(96)(x)))


def resnet(k: Any, noise: bool = True) -> Task:
    layers, ops = k.layers, k.ops
    x = k.Input((16, 16, 32))
    h = layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
    h = ops.relu(layers.BatchNormalization()(h))
    h = layers.Conv2D(32, 3, padding="same", use_bias=False)(h)
    h = ops.relu(x + layers.BatchNormalization()(h))
    logits = layers.Dense(10)(layers.GlobalAveragePooling2D()(h))
    return classifier(k, x, logits, k.optimizers.SGD(0.01, momentum=0.9))


def unet(k: Any, noise: bool = True) -> Task:
    layers = k.layers

    def double(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = k.Input((32, 32, 1))
    fine = double(x, 8)
    middle = double(layers.MaxPooling2D(2)(fine), 16)
    h = layers.Concatenate()([layers.UpSampling2D(2)(middle), fine])
    model = k.Model(x, layers.Conv2D(1, 1)(double(h, 8)))
    loss = k.losses.BinaryCrossentropy(from_logits=True)
    return Task(model, loss, k.optimizers.Adam(1e-3))


def normed(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = h = k.Input((256,))
    for _ in range(2):
        h = k.activations.gelu(layers.LayerNormalization()(layers.Dense(512)(h)))
    adamw = k.optimizers.AdamW(1e-3, weight_decay=0.004)
    return classifier(k, x, layers.Dense(10)(h), adamw)


def decoder(k: Any, noise: bool = True) -> Task:
    layers = k.layers

    class Places(layers.Layer):
        def build(self, input_shape):
            self.places = self.add_weight(shape=(64, 64), name="places")

        def call(self, x):
            return x + self.places

    x = k.Input((64,), dtype="int32")
    h = Places()(layers.Embedding(1000, 64)(x))
    inside = layers.LayerNormalization()(h)
    h = h + layers.MultiHeadAttention(4, 16)(inside, inside, use_causal_mask=True)
    inside = layers.LayerNormalization()(h)
    h = h + layers.Dense(64)(layers.Dense(256, activation="gelu")(inside))
    return classifier(k, x, layers.Dense(1000)(layers.LayerNormalization()(h)))


def series(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((128, 8))
    h = layers.Conv1D(32, 5, padding="causal", activation="relu")(x)
    h = layers.Conv1D(64, 5, strides=2, activation="relu")(h)
    model = k.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)))
    return Task(model, k.losses.MeanSquaredError(), k.optimizers.RMSprop(1e-3))


def text(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((100,), dtype="int32")
    h = layers.GlobalAveragePooling1D()(layers.Embedding(5000, 32)(x))
    model = k.Model(x, layers.Dense(1)(layers.Dense(64, activation="relu")(h)))
    loss = k.losses.BinaryCrossentropy(from_logits=True)
    return Task(model, loss, k.optimizers.Adam(1e-3))


def separable(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((32, 32, 3))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    for filters in (32, 64):
        h = layers.DepthwiseConv2D(3, padding="same", activation="relu")(h)
        h = layers.Conv2D(filters, 1, activation="relu")(h)
    return classifier(k, x, layers.Dense(10)(layers.GlobalAveragePooling2D()(h)))


def chain(k: Any, depth: int) -> Task:
    """So many residual layers of 64, which start near nothing: it stays finite."""
    small = k.initializers.RandomNormal(0.0, 1e-4)
    x = h = k.Input((64,))
    for _ in range(depth):
        h = h + k.layers.Dense(64, activation="relu", kernel_initializer=small)(h)
    logits = k.layers.Dense(10)(h)
    return classifier(k, x, logits, k.optimizers.Adam(1e-6))


NETWORKS = {
    make.__name__: make
    for make in (
        *(mlp, vae, hyper, conv, lstm, block, bigmlp, deepmlp),
        *(gru, resnet, unet, normed, decoder, series, text, separable),
    )
}
