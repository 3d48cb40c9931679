"""Saving: whole models, weights, configuration, checkpoints."""

import pathlib
import tempfile

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(23)


@keras.saving.register_keras_serializable(package="my_package", name="my_scale")
class Scale(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("my_package")
def custom_activation(x):
    return ops.tanh(x) ** 2


def get_model():
    inputs = keras.Input(shape=(6,))
    x = layers.Dense(4, activation=custom_activation)(inputs)
    outputs = layers.Dense(1)(Scale(2.0)(x))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(), loss="mean_squared_error")
    return model


model = get_model()
rng = np.random.default_rng(0)
x, y = rng.random((64, 6)), rng.random((64, 1))
model.fit(x, y, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder)
    model.save(path / "my_model.keras")
    again = keras.models.load_model(path / "my_model.keras")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), again.predict(x, verbose=0), rtol=1e-5
    )
    again.fit(x, y, verbose=0)
    model.save_weights(path / "w.weights.h5")
    other = get_model()
    other.load_weights(path / "w.weights.h5")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), other.predict(x, verbose=0), rtol=1e-5
    )
    best = path / "best.keras"
    model.fit(
        x,
        y,
        epochs=2,
        verbose=0,
        validation_split=0.25,
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                filepath=best, save_best_only=True, monitor="val_loss"
            ),
            keras.callbacks.CSVLogger(path / "log.csv"),
        ],
    )
    assert best.exists()
    assert (path / "log.csv").read_text().count("\n") == 3
    keras.saving.load_model(best)

as_json = model.to_json()
fresh = keras.models.model_from_json(as_json)
assert fresh.count_params() == model.count_params()
config = keras.layers.serialize(layers.Dense(2, name="d"))
assert keras.layers.deserialize(config).units == 2
