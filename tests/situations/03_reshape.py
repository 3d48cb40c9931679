import tulle
from tulle import layers

z = tulle.Input((32,), name="z")
h = layers.Dense(1000, activation="relu")(z)  # from
h = layers.Reshape((8, 8, 16))(h)  # expect T0304
# mend:h = layers.Reshape((10, 10, 10))(h)
image = layers.Conv2D(3, 3, padding="same")(h)
