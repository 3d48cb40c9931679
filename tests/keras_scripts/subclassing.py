"""Layers and models of one's own: every habit of the guide on subclassing."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(22)


class Linear(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            trainable=True,
        )
        self.b = self.add_weight(
            shape=(self.units,), initializer="random_normal", trainable=True
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config


layer = Linear(64)
config = layer.get_config()
new_layer = Linear.from_config(config)
assert new_layer.units == 64
y = Linear(4)(ops.ones((2, 2)))
assert y.shape == (2, 4)


class ComputeSum(keras.layers.Layer):
    def __init__(self, input_dim):
        super().__init__()
        self.total = self.add_weight(
            initializer="zeros", shape=(input_dim,), trainable=False
        )

    def call(self, inputs):
        self.total.assign_add(ops.sum(inputs, axis=0))
        return self.total


my_sum = ComputeSum(2)
x = ops.ones((2, 2))
assert ops.convert_to_numpy(my_sum(x)).tolist() == [2, 2]
assert ops.convert_to_numpy(my_sum(x)).tolist() == [4, 4]
assert len(my_sum.non_trainable_weights) == 1
assert my_sum.trainable_weights == []


class CustomDropout(keras.layers.Layer):
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs, training=None):
        if training:
            return keras.random.dropout(
                inputs, rate=self.rate, seed=self.seed_generator
            )
        return inputs


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        batch = ops.shape(z_mean)[0]
        dim = ops.shape(z_mean)[1]
        epsilon = keras.random.normal(shape=(batch, dim), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class Encoder(layers.Layer):
    def __init__(self, latent_dim=4, intermediate_dim=16, name="encoder", **kwargs):
        super().__init__(name=name, **kwargs)
        self.dense_proj = layers.Dense(intermediate_dim, activation="relu")
        self.dense_mean = layers.Dense(latent_dim)
        self.dense_log_var = layers.Dense(latent_dim)
        self.sampling = Sampling()

    def call(self, inputs):
        x = self.dense_proj(inputs)
        z_mean = self.dense_mean(x)
        z_log_var = self.dense_log_var(x)
        z = self.sampling((z_mean, z_log_var))
        return z_mean, z_log_var, z


class VariationalAutoEncoder(keras.Model):
    def __init__(self, original_dim, name="autoencoder", **kwargs):
        super().__init__(name=name, **kwargs)
        self.encoder = Encoder()
        self.decoder = keras.Sequential(
            [layers.Dense(16, "relu"), layers.Dense(original_dim, "sigmoid")]
        )

    def call(self, inputs):
        z_mean, z_log_var, z = self.encoder(inputs)
        reconstructed = self.decoder(z)
        kl_loss = -0.5 * ops.mean(
            z_log_var - ops.square(z_mean) - ops.exp(z_log_var) + 1
        )
        self.add_loss(kl_loss)
        return reconstructed


pictures = np.random.default_rng(0).random((96, 20)).astype("float32").round()
vae = VariationalAutoEncoder(20)
vae.compile(keras.optimizers.Adam(0.01), loss=keras.losses.MeanSquaredError())
logs = vae.fit(pictures, pictures, epochs=3, batch_size=32, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]


class ResidualBlock(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = [layers.Dense(units, activation="relu") for _ in range(2)]
        self.branches = {"skip": layers.Dense(units)}
        self.norm = layers.LayerNormalization()

    def call(self, x):
        h = x
        for layer in self.dense:
            h = layer(h)
        return self.norm(h + self.branches["skip"](x))


block = ResidualBlock(6)
assert block(np.ones((2, 3))).shape == (2, 6)
assert len(block.weights) == 8
inputs = keras.Input((3,))
outputs = CustomDropout(0.5)(ResidualBlock(6)(inputs))
model = keras.Model(inputs, outputs)
still = model(np.ones((2, 3)))
np.testing.assert_allclose(still, model(np.ones((2, 3)), training=False))
assert (np.asarray(model(np.ones((50, 3)), training=True)) == 0).any()


class Dictionary(keras.Model):
    """Several inputs by name, outputs by name."""

    def __init__(self):
        super().__init__()
        self.a = layers.Dense(2)
        self.b = layers.Dense(3)

    def call(self, inputs):
        joined = ops.concatenate([inputs["x"], inputs["y"]], axis=-1)
        return {"two": self.a(joined), "three": self.b(joined)}


model = Dictionary()
model.compile("adam", loss={"two": "mse", "three": "mae"})
data = {"x": np.ones((8, 2)), "y": np.ones((8, 1))}
logs = model.fit(
    data, {"two": np.zeros((8, 2)), "three": np.ones((8, 3))}, epochs=2, verbose=0
).history
assert {"loss", "two_loss", "three_loss"} <= set(logs)
found = model.predict(data, verbose=0)
assert found["three"].shape == (8, 3)


class WithOutputShape(layers.Layer):
    """Tells its output's shape itself."""

    def call(self, x):
        return ops.tile(x, [1, 2])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] * 2)


assert WithOutputShape()(keras.Input((3,))).shape == (None, 6)
assert WithOutputShape().compute_output_shape((None, 3)) == (None, 6)
