"""Masks: made by Embedding and Masking, used by LSTM, passed on by one's layers."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(13)
rng = np.random.default_rng(0)
raw_inputs = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded_inputs = keras.utils.pad_sequences(raw_inputs, padding="post")
assert padded_inputs.shape == (3, 6)

embedding = layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
mask = embedding.compute_mask(padded_inputs)
expected = padded_inputs != 0
np.testing.assert_array_equal(np.asarray(mask), expected)

masking_layer = layers.Masking()
unmasked = np.tile(np.expand_dims(padded_inputs, -1), [1, 1, 10]).astype("float32")
masked = masking_layer(unmasked)
np.testing.assert_array_equal(
    np.asarray(masking_layer.compute_mask(unmasked)), expected
)

model = keras.Sequential(
    [layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True), layers.LSTM(32)]
)
inputs = keras.Input(shape=(None,), dtype="int32")
x = layers.Embedding(input_dim=5000, output_dim=8, mask_zero=True)(inputs)
outputs = layers.LSTM(4)(x)
model = keras.Model(inputs, outputs)
longer = np.pad(padded_inputs, [(0, 0), (0, 3)])
np.testing.assert_allclose(
    model.predict(padded_inputs, verbose=0),
    model.predict(longer, verbose=0),
    rtol=1e-4,
    atol=1e-6,
)


class MyLayer(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(5000, 16, mask_zero=True)
        self.lstm = layers.LSTM(8)

    def call(self, inputs):
        x = self.embedding(inputs)
        mask = self.embedding.compute_mask(inputs)
        return self.lstm(x, mask=mask)


assert MyLayer()(rng.integers(0, 5000, (3, 7))).shape == (3, 8)


class CustomEmbedding(layers.Layer):
    def __init__(self, input_dim, output_dim, mask_zero=False, **kwargs):
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.mask_zero = mask_zero

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer="random_normal",
            dtype="float32",
        )

    def call(self, inputs):
        inputs = ops.cast(inputs, "int32")
        return ops.take(self.embeddings, inputs, axis=0)

    def compute_mask(self, inputs, mask=None):
        if not self.mask_zero:
            return None
        return ops.not_equal(inputs, 0)


class MyActivation(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return ops.relu(inputs)


class TemporalSoftmax(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        broadcast_float_mask = ops.expand_dims(ops.cast(mask, "float32"), -1)
        inputs_exp = ops.exp(inputs) * broadcast_float_mask
        inputs_sum = ops.sum(inputs_exp * broadcast_float_mask, axis=1, keepdims=True)
        return inputs_exp / inputs_sum


layer = CustomEmbedding(10, 6, mask_zero=True)
x = rng.integers(0, 10, size=(3, 7))
y = layer(x)
np.testing.assert_array_equal(np.asarray(layer.compute_mask(x)), x != 0)

inputs = keras.Input(shape=(None,), dtype="int32")
x = CustomEmbedding(input_dim=10, output_dim=6, mask_zero=True)(inputs)
x = MyActivation()(x)
x = layers.Dense(1)(x)
outputs = TemporalSoftmax()(x)
model = keras.Model(inputs, outputs)
tokens = np.array([[1, 2, 0, 0], [3, 4, 5, 0]])
weights = model.predict(tokens, verbose=0)[:, :, 0]
np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
assert (weights[tokens == 0] == 0).all()

# A loss sees the mask too: padded steps do not count.
tagger = keras.Sequential(
    [
        keras.Input((None,), dtype="int32"),
        layers.Embedding(10, 4, mask_zero=True),
        layers.Dense(3),
    ]
)
tagger.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
targets = np.array([[0, 1, 2, 2], [1, 1, 0, 2]])
one = tagger.evaluate(tokens, targets, verbose=0)
targets[tokens == 0] = 0
two = tagger.evaluate(tokens, targets, verbose=0)
np.testing.assert_allclose(one, two, rtol=1e-6)
