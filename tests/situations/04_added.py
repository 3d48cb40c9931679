import tulle
from tulle import layers, ops

x = tulle.Input((12,), name="x")
h = layers.Dense(8)(x)
noise = ops.ones((32, 8))
# mend:noise = ops.ones_like(h)
y = h + 0.1 * noise  # expect T0302
