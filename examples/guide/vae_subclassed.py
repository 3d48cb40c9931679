"""A variational autoencoder of nested layers (Kingma and Welling 2013).

The encoder draws a code, the decoder draws the picture again, and the whole adds the
price of its codes to its losses. Trained by a compiled step, and by `fit`.
"""

from pictures import pictures

import tulle
from tulle import layers, ops

SIZE, WIDTH, CODE = 784, 64, 32


class Sampling(layers.Layer):
    """A code of a bell around the mean, as wide as the logarithm of variance says."""

    def call(self, inputs):
        mean, log_var = inputs
        noise = tulle.random.normal(ops.shape(mean))
        return mean + ops.exp(0.5 * log_var) * noise


class Encoder(layers.Layer):
    """A picture's code: its mean, the logarithm of its variance, one of the bell."""

    def __init__(self, code: int = CODE, width: int = WIDTH, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(width, activation="relu")
        self.mean, self.log_var = layers.Dense(code), layers.Dense(code)
        self.sampling = Sampling()

    def call(self, inputs):
        x = self.hidden(inputs)
        mean, log_var = self.mean(x), self.log_var(x)
        return mean, log_var, self.sampling((mean, log_var))


class Decoder(layers.Layer):
    """The picture of a code."""

    def __init__(self, size: int = SIZE, width: int = WIDTH, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(width, activation="relu")
        self.picture = layers.Dense(size, activation="sigmoid")

    def call(self, inputs):
        return self.picture(self.hidden(inputs))


def price(mean, log_var):
    """How far codes are from standard normal ones: the Kullback-Leibler divergence."""
    return -0.5 * ops.mean(log_var - ops.square(mean) - ops.exp(log_var) + 1)


class Autoencoder(tulle.Model):
    """Encoder and decoder, trained as one."""

    def __init__(self, size: int = SIZE, width: int = WIDTH, code: int = CODE):
        super().__init__()
        self.encoder, self.decoder = Encoder(code, width), Decoder(size, width)

    def call(self, inputs):
        mean, log_var, code = self.encoder(inputs)
        self.add_loss(price(mean, log_var))
        return self.decoder(code)


def main(count: int = 32_032) -> list[float]:
    """The mean loss so far after each step of a loop of one's own."""
    tulle.utils.set_random_seed(1)
    model = Autoencoder()
    loss_of = tulle.losses.MeanSquaredError()
    optimizer = tulle.optimizers.Adam(learning_rate=1e-3)

    @tulle.function
    def step_on(x):
        with tulle.GradientTape() as tape:
            loss = loss_of(x, model(x))
            loss += sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    data = tulle.data.Dataset.from_tensor_slices(pictures(count)[0])
    total, means = 0.0, []
    for step, x in enumerate(data.shuffle(1024, seed=1).batch(32)):
        total += float(step_on(x))
        means.append(total / (step + 1))
        if step % 100 == 0:
            print("step", step, "mean loss", means[-1])
    return means


def fitted(count: int = 60_000, epochs: int = 1) -> list[float]:
    """The loss of each epoch of `fit`."""
    tulle.utils.set_random_seed(1)
    model = Autoencoder()
    model.compile(tulle.optimizers.Adam(1e-3), tulle.losses.MeanSquaredError())
    x = pictures(count)[0]
    return model.fit(x, x, batch_size=32, epochs=epochs).history["loss"]


if __name__ == "__main__":
    main()
    fitted()
