"""Segmentation: a U-shaped functional network, augmentation, per-pixel classes."""

import numpy as np

import tulle as keras
from tulle import layers


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=(*img_size, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for filters in [8, 16]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(
            previous_block_activation
        )
        x = layers.add([x, residual])
        previous_block_activation = x
    for filters in [16, 8, 4]:
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.add([x, residual])
        previous_block_activation = x
    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, outputs)


keras.utils.set_random_seed(34)
rng = np.random.default_rng(0)
images = rng.random((24, 16, 16, 3)).astype("float32")
masks = (images.mean(axis=-1, keepdims=True) > 0.5).astype("uint8")
images[..., 0] += masks[..., 0]
model = get_model((16, 16), 2)
assert model.output_shape == (None, 16, 16, 2)
augment = keras.Sequential(
    [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)]
)
assert augment(images[:2], training=True).shape == (2, 16, 16, 3)
np.testing.assert_array_equal(augment(images[:2], training=False), images[:2])
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss="sparse_categorical_crossentropy",
    metrics=[
        "accuracy",
        keras.metrics.MeanIoU(num_classes=2, sparse_y_pred=False, name="iou"),
    ],
)
logs = model.fit(images, masks, epochs=4, batch_size=8, verbose=0).history
assert logs["loss"][-1] < logs["loss"][0]
assert 0 <= logs["iou"][-1] <= 1
assert model.predict(images[:3], verbose=0).argmax(axis=-1).shape == (3, 16, 16)
