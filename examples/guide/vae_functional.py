"""The variational autoencoder of inputs and outputs, its price a symbolic loss."""

from pictures import pictures
from vae_subclassed import CODE, SIZE, WIDTH, Sampling, price

import tulle
from tulle import layers


def build() -> tulle.Model:
    picture = tulle.Input((SIZE,), name="picture")
    x = layers.Dense(WIDTH, activation="relu")(picture)
    mean = layers.Dense(CODE, name="mean")(x)
    log_var = layers.Dense(CODE, name="log_var")(x)
    code = Sampling()((mean, log_var))
    encoder = tulle.Model(picture, code, name="encoder")

    given = tulle.Input((CODE,), name="code")
    x = layers.Dense(WIDTH, activation="relu")(given)
    again = layers.Dense(SIZE, activation="sigmoid")(x)
    decoder = tulle.Model(given, again, name="decoder")
    assert decoder(encoder.output).shape == (None, SIZE)

    model = tulle.Model(picture, decoder(code), name="vae")
    model.add_loss(price(mean, log_var))
    return model


def main(count: int = 60_000, epochs: int = 1) -> list[float]:
    """The loss of each epoch."""
    tulle.utils.set_random_seed(1)
    model = build()
    model.compile(tulle.optimizers.Adam(1e-3), tulle.losses.MeanSquaredError())
    data = tulle.data.Dataset.from_tensor_slices(pictures(count)[0])
    data = data.map(lambda x: (x, x)).shuffle(1024, seed=1).batch(32)
    return model.fit(data, epochs=epochs).history["loss"]


if __name__ == "__main__":
    main()
