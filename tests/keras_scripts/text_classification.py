"""Texts as numbers: Embedding, Bidirectional LSTM, padding, and Conv1D instead."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(10)
max_features, maxlen = 60, 12
rng = np.random.default_rng(7)
texts, labels = [], []
for _ in range(160):
    words = rng.integers(10, max_features, size=rng.integers(3, 18)).tolist()
    label = int(rng.integers(0, 2))
    words[int(rng.integers(0, len(words)))] = 3 + label
    words[-1] = 3 + label
    texts.append(words)
    labels.append(label)
x = keras.utils.pad_sequences(texts, maxlen=maxlen)
assert x.shape == (160, maxlen)
assert x.dtype == np.int32
after = keras.utils.pad_sequences(
    [[1], [2, 3], [4, 5, 6]], maxlen=2, padding="post", truncating="post", value=9
)
assert after.tolist() == [[1, 9], [2, 3], [4, 5]]
y = np.array(labels)

inputs = keras.Input(shape=(None,), dtype="int32")
h = layers.Embedding(max_features, 16)(inputs)
h = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(h)
h = layers.Bidirectional(layers.LSTM(8))(h)
outputs = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(0.02),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(x, y, batch_size=32, epochs=4, verbose=0, validation_split=0.2)
assert history.history["accuracy"][-1] > 0.8

inputs = keras.Input(shape=(None,), dtype="int64")
h = layers.Embedding(max_features, 16)(inputs)
h = layers.Dropout(0.2)(h)
h = layers.Conv1D(16, 3, padding="valid", activation="relu")(h)
h = layers.GlobalMaxPooling1D()(h)
h = layers.Dense(16, activation="relu")(h)
predictions = layers.Dense(1, activation="sigmoid", name="predictions")(h)
model = keras.Model(inputs, predictions)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
logs = model.fit(x, y, epochs=2, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]
loss, accuracy = model.evaluate(x, y, verbose=0)
assert 0 <= accuracy <= 1
