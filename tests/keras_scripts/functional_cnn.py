"""A functional convolutional classifier: pictures to classes, with a summary."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(1)
classes, side = 4, 12
rng = np.random.default_rng(0)
labels = rng.integers(0, classes, 192)
images = 0.3 * rng.random((192, side, side, 1)).astype("float32")
for image, label in zip(images, labels, strict=True):
    row, column = divmod(int(label), 2)
    image[6 * row : 6 * row + 6, 6 * column : 6 * column + 6] += 0.6
targets = keras.utils.to_categorical(labels, classes)
assert targets.shape == (192, classes)

inputs = keras.Input(shape=(side, side, 1), name="image")
x = layers.Rescaling(2.0, offset=-1.0)(inputs)
x = layers.Conv2D(8, kernel_size=(3, 3), activation="relu", padding="same")(x)
x = layers.BatchNormalization()(x)
x = layers.MaxPooling2D(pool_size=(2, 2))(x)
x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
x = layers.ReLU()(x)
residual = layers.Conv2D(8, 1)(x)
x = layers.add([x, residual])
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.25)(x)
outputs = layers.Dense(classes, activation="softmax", name="class")(x)
model = keras.Model(inputs=inputs, outputs=outputs, name="small_cnn")

lines = []
model.summary(print_fn=lambda line, **options: lines.append(line))
assert "small_cnn" in "\n".join(lines)
assert model.input_shape == (None, side, side, 1)
assert model.output_shape == (None, classes)
assert model.count_params() == 8 * 10 + 4 * 8 + 9 * 8 * 8 + 8 * 9 + 9 * classes

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-2),
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
    metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2, name="top2")],
)
history = model.fit(
    images,
    targets,
    batch_size=32,
    epochs=6,
    validation_split=0.25,
    verbose=0,
)
assert set(history.history) == {
    *("loss", "accuracy", "top2"),
    *("val_loss", "val_accuracy", "val_top2"),
}
assert history.epoch == list(range(6))
assert history.history["loss"][-1] < history.history["loss"][0]
assert history.history["accuracy"][-1] > 0.8

score = model.evaluate(images, targets, verbose=0)
assert isinstance(score, list)
assert len(score) == 3
probabilities = model.predict(images[:7], verbose=0)
assert probabilities.shape == (7, classes)
np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
