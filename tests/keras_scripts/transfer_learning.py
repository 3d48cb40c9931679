"""Transfer learning: train a base, freeze it, train a head, then fine-tune."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(6)
rng = np.random.default_rng(4)
x = rng.normal(size=(128, 8, 8, 1)).astype("float32")
source = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
target = (x[:, :4].mean(axis=(1, 2, 3)) > 0).astype("float32")

base_inputs = keras.Input((8, 8, 1))
h = layers.Conv2D(4, 3, activation="relu", name="conv1")(base_inputs)
h = layers.BatchNormalization(name="bn")(h)
h = layers.Conv2D(4, 3, activation="relu", name="conv2")(h)
base = keras.Model(base_inputs, h, name="base")

pretraining = keras.Sequential(
    [base, layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
)
pretraining.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
pretraining.fit(x, source, epochs=1, verbose=0)

base.trainable = False
assert base.trainable_weights == []
assert len(base.non_trainable_weights) == 8

inputs = keras.Input(shape=(8, 8, 1))
h = base(inputs, training=False)
h = layers.GlobalAveragePooling2D()(h)
h = layers.Dropout(0.2)(h)
outputs = layers.Dense(1)(h)
model = keras.Model(inputs, outputs)
assert len(model.trainable_weights) == 2
assert len(model.non_trainable_weights) == 8

before = base.get_weights()
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
model.fit(x, target, epochs=2, verbose=0)
for old, new in zip(before, base.get_weights(), strict=True):
    np.testing.assert_array_equal(old, new)

# Fine-tuning: thaw all but the first layers, compile again with a low rate.
base.trainable = True
for layer in base.layers[:2]:
    layer.trainable = False
assert not base.get_layer("conv1").trainable
assert [w.path.split("/")[-2] for w in base.trainable_weights] == [
    *("bn", "bn", "conv2", "conv2")
]
model.compile(
    optimizer=keras.optimizers.Adam(1e-4),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
model.fit(x, target, epochs=1, verbose=0)
after = base.get_weights()
np.testing.assert_array_equal(before[0], after[0])
assert np.abs(before[-2] - after[-2]).max() > 0
