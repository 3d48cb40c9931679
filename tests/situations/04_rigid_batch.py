import tulle
from tulle import layers, ops

x = tulle.Input((8, 8, 3), name="x")  # from
h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)  # from
h = ops.reshape(h, (32, 256))  # expect T0307 @ "(32, 256)"
# mend:h = ops.reshape(h, (-1, 256))
model = tulle.Model(x, layers.Dense(10)(h))
