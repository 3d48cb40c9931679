"""Addition learnt letter by letter; then an encoder and decoder cut out of a model."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(38)
rng = np.random.default_rng(0)
chars = "0123456789+ "
index = {c: i for i, c in enumerate(chars)}


def encode(text, rows):
    x = np.zeros((rows, len(chars)))
    for i, c in enumerate(text):
        x[i, index[c]] = 1
    return x


questions, answers = [], []
for _ in range(200):
    a, b = (int(v) for v in rng.integers(0, 10, 2))
    questions.append(encode(f"{a}+{b}"[::-1], 3))
    answers.append(encode(str(a + b).ljust(2), 2))
x, y = np.array(questions), np.array(answers)

model = keras.Sequential()
model.add(layers.Input((3, len(chars))))
model.add(layers.LSTM(32))
model.add(layers.RepeatVector(2))
model.add(layers.LSTM(32, return_sequences=True))
model.add(layers.Dense(len(chars), activation="softmax"))
model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(0.01),
    metrics=["accuracy"],
)
losses = []
for _epoch in range(3):
    history = model.fit(
        x[:180], y[:180], batch_size=32, epochs=1, verbose=0,
        validation_data=(x[180:], y[180:]),
    )  # fmt: skip
    losses += history.history["loss"]
assert losses[-1] < losses[0]
preds = np.argmax(model.predict(x[180:181], verbose=0), axis=-1)
assert preds.shape == (1, 2)

latent_dim, tokens = 16, len(chars)
encoder_inputs = keras.Input(shape=(None, tokens))
encoder = keras.layers.LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = keras.Input(shape=(None, tokens))
decoder_lstm = keras.layers.LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = keras.layers.Dense(tokens, activation="softmax")
decoder_outputs = decoder_dense(decoder_outputs)
model = keras.Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
shifted = np.concatenate([np.zeros((200, 1, tokens)), y[:, :1]], axis=1)
model.fit([x, shifted], y, batch_size=32, epochs=1, verbose=0)

encoder_model = keras.Model(encoder_inputs, encoder_states)
inputs = keras.Input(shape=(None, tokens))
state_inputs = [keras.Input(shape=(latent_dim,)), keras.Input(shape=(latent_dim,))]
outputs, state_h_dec, state_c_dec = decoder_lstm(inputs, initial_state=state_inputs)
decoder_model = keras.Model(
    [inputs, *state_inputs], [decoder_dense(outputs), state_h_dec, state_c_dec]
)
states = encoder_model.predict(x[:1], verbose=0)
target = np.zeros((1, 1, tokens))
for _ in range(2):
    found, h, c = decoder_model.predict([target, *states], verbose=0)
    target = np.eye(tokens)[[found[0, -1].argmax()]][None]
    states = [h, c]
assert found.shape == (1, 1, tokens)
