"""Vector quantization: a codebook, a straight-through gradient, losses in a layer."""

import numpy as np

import tulle as keras
from tulle import layers, ops


class VectorQuantizer(layers.Layer):
    def __init__(self, num_embeddings, embedding_dim, beta=0.25, **kwargs):
        super().__init__(**kwargs)
        self.embedding_dim = embedding_dim
        self.num_embeddings = num_embeddings
        self.beta = beta
        self.embeddings = self.add_weight(
            shape=(embedding_dim, num_embeddings),
            initializer="random_uniform",
            trainable=True,
            name="embeddings_vqvae",
        )

    def call(self, x):
        input_shape = ops.shape(x)
        flattened = ops.reshape(x, [-1, self.embedding_dim])
        encoding_indices = self.get_code_indices(flattened)
        encodings = ops.one_hot(encoding_indices, self.num_embeddings)
        quantized = ops.matmul(encodings, ops.transpose(self.embeddings))
        quantized = ops.reshape(quantized, input_shape)
        commitment_loss = ops.mean((ops.stop_gradient(quantized) - x) ** 2)
        codebook_loss = ops.mean((quantized - ops.stop_gradient(x)) ** 2)
        self.add_loss(self.beta * commitment_loss + codebook_loss)
        return x + ops.stop_gradient(quantized - x)

    def get_code_indices(self, flattened_inputs):
        similarity = ops.matmul(flattened_inputs, self.embeddings)
        distances = (
            ops.sum(flattened_inputs**2, axis=1, keepdims=True)
            + ops.sum(self.embeddings**2, axis=0)
            - 2 * similarity
        )
        return ops.argmin(distances, axis=1)


keras.utils.set_random_seed(36)
data = np.random.default_rng(0).random((64, 8, 8, 1)).astype("float32").round()
data[:, :, 4:] = data[:, :, :4]
latent_dim = 4
encoder_inputs = keras.Input(shape=(8, 8, 1))
x = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(encoder_inputs)
encoder = keras.Model(
    encoder_inputs, layers.Conv2D(latent_dim, 1, padding="same")(x), name="encoder"
)
latent_inputs = keras.Input(shape=encoder.output.shape[1:])
x = layers.Conv2DTranspose(8, 3, activation="relu", strides=2, padding="same")(
    latent_inputs
)
decoder = keras.Model(
    latent_inputs, layers.Conv2DTranspose(1, 3, padding="same")(x), name="decoder"
)
inputs = keras.Input(shape=(8, 8, 1))
vq_layer = VectorQuantizer(16, latent_dim, name="vector_quantizer")
model = keras.Model(inputs, decoder(vq_layer(encoder(inputs))), name="vq_vae")


class Trainer(keras.models.Model):
    def __init__(self, vqvae, train_variance, **kwargs):
        super().__init__(**kwargs)
        self.vqvae = vqvae
        self.train_variance = train_variance
        self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
        self.vq_loss_tracker = keras.metrics.Mean(name="vq_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.vq_loss_tracker]

    def train_step(self, x):
        with keras.GradientTape() as tape:
            reconstructions = self.vqvae(x)
            reconstruction_loss = (
                ops.mean((x - reconstructions) ** 2) / self.train_variance
            )
            total_loss = reconstruction_loss + sum(self.vqvae.losses)
        grads = tape.gradient(total_loss, self.vqvae.trainable_variables)
        self.optimizer.apply_gradients(
            zip(grads, self.vqvae.trainable_variables, strict=True)
        )
        self.total_loss_tracker.update_state(total_loss)
        self.vq_loss_tracker.update_state(sum(self.vqvae.losses))
        return {
            "loss": self.total_loss_tracker.result(),
            "vqvae_loss": self.vq_loss_tracker.result(),
        }


trainer = Trainer(model, np.var(data))
trainer.compile(optimizer=keras.optimizers.Adam(0.01))
codebook = vq_layer.get_weights()[0]
logs = trainer.fit(data, epochs=4, batch_size=16, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]
assert np.abs(vq_layer.get_weights()[0] - codebook).max() > 0
flat = encoder.predict(data, verbose=0).reshape(-1, latent_dim)
indices = ops.convert_to_numpy(vq_layer.get_code_indices(flat))
assert indices.shape == (64 * 16,)
assert indices.max() < 16
