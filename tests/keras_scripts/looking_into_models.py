"""Layers by name and index, feature extraction, weights, nesting, sharing."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(20)
model = keras.Sequential(name="my_sequential")
model.add(keras.Input(shape=(4,)))
model.add(layers.Dense(2, activation="relu", name="layer1"))
model.add(layers.Dense(3, activation="relu", name="layer2"))
model.add(layers.Dense(4, name="layer3"))
assert [layer.name for layer in model.layers] == ["layer1", "layer2", "layer3"]
assert len(model.weights) == 6
model.pop()
assert len(model.layers) == 2
assert model.get_layer("layer2") is model.get_layer(index=1)

feature_extractor = keras.Model(
    inputs=model.inputs, outputs=[layer.output for layer in model.layers]
)
features = feature_extractor(np.ones((1, 4), "float32"))
assert [tuple(f.shape) for f in features] == [(1, 2), (1, 3)]
extractor = keras.Model(model.inputs, model.get_layer(name="layer1").output)
assert extractor(np.ones((2, 4))).shape == (2, 2)

late = keras.Sequential([layers.Dense(2), layers.Dense(3)])
assert not late.built
late(np.ones((1, 4)))
assert len(late.weights) == 4
built = keras.Sequential([layers.Dense(2)])
built.build((None, 4))
assert built.weights[0].shape == (4, 2)

inputs = keras.Input((8, 8, 3), name="img")
x = layers.Conv2D(4, 3, activation="relu", name="a")(inputs)
x = layers.Conv2D(4, 3, name="b")(x)
block = layers.MaxPooling2D(2, name="pool")(x)
x = layers.Flatten()(block)
cnn = keras.Model(inputs, layers.Dense(2, name="head")(x), name="cnn")
assert [layer.name for layer in cnn.layers] == [
    *("img", "a", "b", "pool", "flatten", "head")
]
assert isinstance(cnn.layers[0], layers.InputLayer)
assert cnn.input.shape == (None, 8, 8, 3)
assert cnn.output.shape == (None, 2)
features = keras.Model(inputs=cnn.input, outputs=cnn.get_layer("b").output)
assert features.predict(np.ones((3, 8, 8, 3)), verbose=0).shape == (3, 4, 4, 4)
pair = keras.Model(cnn.input, [cnn.get_layer("a").output, cnn.output])
one, two = pair.predict(np.ones((3, 8, 8, 3)), verbose=0)
assert one.shape == (3, 6, 6, 4)
assert cnn.get_layer("a").input.shape == (None, 8, 8, 3)

weights = cnn.get_layer("head").get_weights()
assert [w.shape for w in weights] == [(16, 2), (2,)]
cnn.get_layer("head").set_weights([np.zeros((16, 2)), np.array([1.0, 2.0])])
np.testing.assert_allclose(cnn.predict(np.ones((1, 8, 8, 3)), verbose=0), [[1, 2]])
kernel, bias = cnn.get_layer("head").weights
assert kernel.name == "kernel"
assert kernel.path == "head/kernel"
assert bias.trainable
bias.assign(bias + 1.0)
np.testing.assert_allclose(np.asarray(bias), [2, 3])
copy = keras.models.clone_model(cnn)
assert copy.count_params() == cnn.count_params()
copy.set_weights(cnn.get_weights())
np.testing.assert_allclose(
    copy.predict(np.ones((1, 8, 8, 3)), verbose=0), [[2, 3]], rtol=1e-6
)

# Models in models, an ensemble, a shared layer.
stack = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        keras.Sequential([layers.Conv2D(2, 3), layers.ReLU()], name="stem"),
        layers.Flatten(),
        keras.Sequential([layers.Dense(4), layers.Dense(2)], name="top"),
    ]
)
stack.compile("adam", "mse")
stack.fit(np.ones((8, 8, 8, 3)), np.ones((8, 2)), epochs=1, verbose=0)
assert len(stack.get_layer("top").layers) == 2
assert len(stack.trainable_weights) == 6


def get_model():
    inputs = keras.Input(shape=(6,))
    return keras.Model(inputs, layers.Dense(1)(inputs))


members = [get_model() for _ in range(3)]
inputs = keras.Input(shape=(6,))
outputs = layers.average([member(inputs) for member in members])
ensemble = keras.Model(inputs=inputs, outputs=outputs)
assert len(ensemble.weights) == 6
mean = np.mean([m.predict(np.ones((2, 6)), verbose=0) for m in members], axis=0)
np.testing.assert_allclose(
    ensemble.predict(np.ones((2, 6)), verbose=0), mean, rtol=1e-5
)

shared = layers.Embedding(10, 4)
a, b = keras.Input((5,), dtype="int32"), keras.Input((5,), dtype="int32")
both = keras.Model([a, b], layers.dot([shared(a), shared(b)], axes=(1, 1)))
assert len(both.weights) == 1


class Inherited(keras.Model):
    """A subclass that is functional."""

    def __init__(self, units):
        inputs = keras.Input((3,))
        super().__init__(inputs, layers.Dense(units)(inputs), name="inherited")
        self.units = units

    def double(self, x):
        return 2 * self(x)


inherited = Inherited(2)
assert inherited.double(np.ones((1, 3))).shape == (1, 2)
assert inherited.layers[-1].units == 2
