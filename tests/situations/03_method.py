import tulle
from tulle import layers, ops

x = tulle.Input((28, 28, 1), name="x")
h = layers.Conv2D(6, 5)(x)  # from
flat = ops.reshape(h, (-1, 28 * 28 * 6))  # expect T0304
# mend:flat = ops.reshape(h, (-1, 24 * 24 * 6))
y = layers.Dense(10)(flat)
