import tulle
from tulle import layers

x = tulle.Input((65, 65, 3), name="x")  # from
skip = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
down = layers.Conv2D(32, 3, padding="same")(layers.MaxPooling2D(2)(skip))  # from
up = layers.Conv2DTranspose(16, 2, strides=2)(down)  # from
joined = layers.Concatenate()([skip, up])  # expect T0305
# mend:joined = layers.Concatenate()([skip[:, 1:, 1:], up])
