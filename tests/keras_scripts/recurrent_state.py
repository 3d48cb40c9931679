"""Recurrent layers: states, stateful models, cells, custom cells, encoder-decoder."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(21)
rng = np.random.default_rng(15)
paragraph = rng.normal(size=(4, 10, 3)).astype("float32")

lstm = layers.LSTM(6, stateful=True)
whole = layers.LSTM(6)
whole.build((4, 10, 3))
lstm.build((4, 5, 3))
lstm.set_weights(whole.get_weights())
lstm(paragraph[:, :5])
output = lstm(paragraph[:, 5:])
np.testing.assert_allclose(output, whole(paragraph), rtol=1e-4, atol=1e-5)
lstm.reset_state()
again = lstm(paragraph[:, :5])
np.testing.assert_allclose(again, whole(paragraph[:, :5]), rtol=1e-4, atol=1e-5)

model = keras.Sequential(
    [
        keras.Input(batch_shape=(4, 5, 3)),
        layers.GRU(6, stateful=True, return_sequences=True),
        layers.GRU(3, stateful=True),
        layers.Dense(1),
    ]
)
model.compile("rmsprop", "mse")
for _ in range(2):
    model.fit(paragraph[:, :5], np.ones((4, 1)), batch_size=4, epochs=1, verbose=0,
              shuffle=False)  # fmt: skip
    for layer in model.layers:
        if hasattr(layer, "reset_state"):
            layer.reset_state()

encoder_input = layers.Input(shape=(None,))
encoder_embedded = layers.Embedding(input_dim=20, output_dim=8)(encoder_input)
output, state_h, state_c = layers.LSTM(8, return_state=True, name="encoder")(
    encoder_embedded
)
encoder_state = [state_h, state_c]
decoder_input = layers.Input(shape=(None,))
decoder_embedded = layers.Embedding(input_dim=20, output_dim=8)(decoder_input)
decoder_output = layers.LSTM(8, name="decoder")(
    decoder_embedded, initial_state=encoder_state
)
output = layers.Dense(5)(decoder_output)
model = keras.Model([encoder_input, decoder_input], output)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
sentences = rng.integers(0, 20, (16, 6))
logs = model.fit(
    [sentences, sentences], sentences[:, 0] % 5, epochs=2, verbose=0
).history
assert len(logs["loss"]) == 2

stacked = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True)
assert stacked(paragraph).shape == (4, 10, 3)


class MinimalRNNCell(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units),
            initializer="uniform",
            name="recurrent_kernel",
        )

    def call(self, inputs, states):
        prev_output = states[0]
        h = ops.matmul(inputs, self.kernel)
        output = h + ops.matmul(prev_output, self.recurrent_kernel)
        return output, [output]


x = keras.Input((None, 3))
layer = layers.RNN([MinimalRNNCell(8), MinimalRNNCell(4)])
model = keras.Model(x, layer(x))
model.compile("sgd", "mse")
model.fit(paragraph, np.zeros((4, 4)), epochs=1, verbose=0)
assert model.predict(paragraph, verbose=0).shape == (4, 4)

timed = layers.TimeDistributed(layers.Dense(2))
assert timed(paragraph).shape == (4, 10, 2)
film = rng.normal(size=(2, 4, 6, 6, 1)).astype("float32")
assert layers.ConvLSTM2D(3, 3, padding="same")(film).shape == (2, 6, 6, 3)
both_ways = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="sum")
assert both_ways(paragraph).shape == (4, 10, 3)
