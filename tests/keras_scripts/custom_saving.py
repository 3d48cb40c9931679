"""Saving in one's own way: variables, files beside them, building and compiling."""

import tempfile
from pathlib import Path

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(3)
registered = keras.saving.register_keras_serializable(package="own_saving")


@registered
class Words(layers.Layer):
    def __init__(self, words=None, **kwargs):
        super().__init__(**kwargs)
        self.words = words

    def call(self, inputs):
        return inputs

    def save_assets(self, inner_path):
        Path(inner_path, "vocabulary.txt").write_text(self.words)

    def load_assets(self, inner_path):
        text = Path(inner_path, "vocabulary.txt").read_text()
        self.words = text.replace("<unk>", "little")


@registered
class Marked(layers.Layer):
    """Keeps a number that is no weight."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

    def call(self, inputs):
        return inputs * self.scale

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["mark"] = np.array([7.0])

    def load_own_variables(self, store):
        self.scale.assign(store["0"])
        self.mark = float(np.array(store["mark"])[0])


@registered
class Begun(layers.Layer):
    """Its `build` wants more than a shape."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape, kind="zeros"):
        self.kind = kind
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer=kind
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def get_config(self):
        return dict(units=self.units, **super().get_config())

    def get_build_config(self):
        return {"kind": self.kind, "input_shape": (None, 5)}

    def build_from_config(self, config):
        self.build(config["input_shape"], config["kind"])


begun = Begun(units=3)
begun.build((None, 5), "random_normal")
model = keras.Sequential(
    [keras.Input((5,)), Words("Mary had a <unk> lamb."), Marked(), begun]
)
x = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "model.keras")
    model.save(path)
    again = keras.models.load_model(path)
assert again.layers[0].words == "Mary had a little lamb."
assert again.layers[1].mark == 7.0
assert again.layers[2].kind == "random_normal"
np.testing.assert_allclose(model.predict(x, verbose=0), again.predict(x, verbose=0))


@registered
class Nameless(layers.Layer):
    """Only keeps: nobody calls it."""

    def __init__(self, text=None, **kwargs):
        super().__init__(**kwargs)
        self.text = text

    def save_assets(self, inner_path):
        Path(inner_path, "inside").mkdir()
        Path(inner_path, "inside", "text").write_text(self.text)

    def load_assets(self, inner_path):
        self.text = Path(inner_path, "inside", "text").read_text() + "!"


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "model.keras")
    keras.Sequential([keras.Input((5,)), Nameless("lamb")]).save(path)
    assert keras.models.load_model(path).layers[0].text == "lamb!"


@registered
class Trained(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def compile(self, optimizer, loss_fn, share):
        super().compile(optimizer=optimizer, loss=loss_fn)
        self.loss_fn, self.share = loss_fn, share

    def get_compile_config(self):
        return {
            "optimizer": self.optimizer,
            "loss_fn": self.loss_fn,
            "share": self.share,
        }

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        self.compile(config["optimizer"], config["loss_fn"], config["share"])


model = Trained()
model.compile(keras.optimizers.SGD(0.25), keras.losses.Huber(delta=2.0), 0.5)
model.fit(x, np.ones((6, 1)), verbose=0)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "model.keras")
    model.save(path)
    again = keras.models.load_model(path)
assert again.share == 0.5
assert again.loss_fn.name == "huber_loss"
assert float(again.optimizer.learning_rate) == 0.25
again.fit(x, np.ones((6, 1)), verbose=0)
