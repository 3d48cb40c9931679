"""Forecasting: windows of a series as a data set, Conv1D and GRU, normalization."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(12)
steps = np.arange(400)
series = np.sin(steps / 5.0) + 0.05 * np.random.default_rng(0).normal(size=400)
features = np.stack([series, np.cos(steps / 5.0)], axis=1).astype("float32")
past, future = 12, 2

x = features[: -(past + future)]
y = features[past + future - 1 :, 0]
dataset_train = keras.utils.timeseries_dataset_from_array(
    x[:300], y[:300], sequence_length=past, sampling_rate=1, batch_size=32
)
dataset_val = keras.utils.timeseries_dataset_from_array(
    x[300:], y[300:], sequence_length=past, batch_size=32
)
for batch_x, batch_y in dataset_train:
    assert batch_x.shape == (32, past, 2)
    assert batch_y.shape == (32,)
    np.testing.assert_allclose(batch_x[0], x[:past], rtol=1e-6)
    np.testing.assert_allclose(batch_y[:3], y[:3], rtol=1e-6)
    break

normalizer = layers.Normalization(axis=-1)
normalizer.adapt(x)
inputs = keras.layers.Input(shape=(past, 2))
h = normalizer(inputs)
h = layers.Conv1D(8, 3, padding="causal", activation="relu")(h)
h = layers.GRU(12)(h)
outputs = layers.Dense(1)(h)
model = keras.Model(inputs=inputs, outputs=outputs)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse")
stopping = keras.callbacks.EarlyStopping(
    monitor="val_loss", min_delta=0, patience=3, restore_best_weights=True
)
history = model.fit(
    dataset_train,
    epochs=6,
    validation_data=dataset_val,
    callbacks=[stopping],
    verbose=0,
)
assert history.history["val_loss"][-1] < 0.5 * history.history["val_loss"][0]
for batch_x, _ in dataset_val.take(1):
    assert model.predict(batch_x, verbose=0).shape == (len(batch_x), 1)

# Windows with gaps and no targets.
windows = keras.utils.timeseries_dataset_from_array(
    np.arange(20),
    targets=None,
    sequence_length=4,
    sequence_stride=3,
    sampling_rate=2,
    batch_size=None,
)
found = [np.asarray(window).tolist() for window in windows]
assert found[:2] == [[0, 2, 4, 6], [3, 5, 7, 9]]
assert len(found) == 5
