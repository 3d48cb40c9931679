import tulle
from tulle import layers

x = tulle.Input((20,), name="x")
y = tulle.Input((20,), name="y")
a = layers.Dense(16)(x)  # from
b = layers.Dense(12)(y)  # from
similarity = layers.Dot(axes=1)([a, b])  # expect T0302
# mend:similarity = layers.Dot(axes=1)([a, layers.Dense(16)(b)])
