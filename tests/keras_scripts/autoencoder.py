"""An autoencoder in three models that share layers; sparse, then denoising."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(9)
rng = np.random.default_rng(6)
x_train = rng.random((160, 36)).astype("float32").round()
x_train[:, 18:] = x_train[:, :18]

input_img = keras.Input(shape=(36,))
encoded = layers.Dense(
    12, activation="relu", activity_regularizer=keras.regularizers.l1(1e-5)
)(input_img)
decoded = layers.Dense(36, activation="sigmoid")(encoded)
autoencoder = keras.Model(input_img, decoded)
encoder = keras.Model(input_img, encoded)
encoded_input = keras.Input(shape=(12,))
decoder_layer = autoencoder.layers[-1]
decoder = keras.Model(encoded_input, decoder_layer(encoded_input))

autoencoder.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy")
history = autoencoder.fit(
    x_train,
    x_train,
    epochs=6,
    batch_size=32,
    shuffle=True,
    verbose=0,
    validation_data=(x_train, x_train),
).history
assert history["val_loss"][-1] < 0.9 * history["val_loss"][0]
codes = encoder.predict(x_train, verbose=0)
assert codes.shape == (160, 12)
np.testing.assert_allclose(
    decoder.predict(codes, verbose=0),
    autoencoder.predict(x_train, verbose=0),
    rtol=1e-4,
    atol=1e-5,
)

# Convolutional, denoising.
images = x_train.reshape(-1, 6, 6, 1)
noisy = np.clip(images + 0.3 * rng.normal(size=images.shape), 0.0, 1.0)
inputs = keras.Input(shape=(6, 6, 1))
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(inputs)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(x)
x = layers.UpSampling2D((2, 2))(x)
x = layers.Conv2DTranspose(8, (3, 3), activation="relu", padding="same")(x)
outputs = layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
denoiser = keras.Model(inputs, outputs)
denoiser.compile("adam", "binary_crossentropy")
logs = denoiser.fit(noisy, images, epochs=2, batch_size=32, verbose=0).history
assert logs["loss"][1] < logs["loss"][0]
assert denoiser.output_shape == denoiser.input_shape
