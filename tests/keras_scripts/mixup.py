"""Pairs of samples mixed in a data set, and semi-supervised metrics by name."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(40)
rng = np.random.default_rng(0)
y = rng.integers(0, 4, 160)
x = rng.normal(size=(160, 10)).astype("float32")
x[np.arange(160), y] += 2.5
onehot = keras.utils.to_categorical(y, 4)
data = keras.data.Dataset
one = data.from_tensor_slices((x, onehot)).shuffle(160, seed=1).batch(32)
two = data.from_tensor_slices((x, onehot)).shuffle(160, seed=2).batch(32)


def mix_up(ds_one, ds_two):
    images_one, labels_one = ds_one
    images_two, labels_two = ds_two
    share = 0.8
    images = images_one * share + images_two * (1 - share)
    labels = labels_one * share + labels_two * (1 - share)
    return images, labels


mixed = data.zip((one, two)).map(mix_up, num_parallel_calls=keras.data.AUTOTUNE)
images, labels = next(iter(mixed))
assert images.shape == (32, 10)
np.testing.assert_allclose(np.asarray(labels).sum(axis=1), 1.0, rtol=1e-5)
model = keras.Sequential(
    [
        layers.Input((10,)),
        layers.GaussianNoise(0.1),
        layers.Dense(16, activation="relu"),
        layers.Dense(4, activation="softmax"),
    ]
)
model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(0.02),
    metrics=["accuracy"],
)
logs = model.fit(
    mixed.prefetch(keras.data.AUTOTUNE), validation_data=one, epochs=4, verbose=0
).history
assert logs["loss"][-1] < logs["loss"][0]
assert logs["val_accuracy"][-1] > 0.6
