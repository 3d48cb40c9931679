import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(64)  # expect T0501 @ "layers.Dense(64)"
# mend:h = layers.Dense(64)(x)
y = layers.Dense(4)(h)  # from
