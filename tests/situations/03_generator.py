import tulle
from tulle import layers

noise = tulle.Input((64,), name="noise")
h = layers.Dense(7 * 7 * 64, activation="relu")(noise)  # from
h = layers.Reshape((8, 8, 64))(h)  # expect T0304
# mend:h = layers.Reshape((7, 7, 64))(h)
image = layers.Conv2DTranspose(1, 4, strides=4)(h)
