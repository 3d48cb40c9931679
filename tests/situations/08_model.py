import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(8)  # expect T0501 @ "layers.Dense(8)"
# mend:h = layers.Dense(8)(x)
model = tulle.Model(x, h)  # from
