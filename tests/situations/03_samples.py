import tulle
from tulle import layers, ops

x = tulle.Input((20, 20), name="x")  # from
h = ops.reshape(x, (-1, 256))  # expect T0304 @ "(-1, 256)"
# mend:h = ops.reshape(x, (-1, 400))
model = tulle.Model(x, layers.Dense(10)(h))
