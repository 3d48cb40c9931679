import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(16, use_bias=False, name="trunk")(x)
model = tulle.Model(x, layers.Dense(3, name="head")(h))
model.freeze("trunk/bias")  # expect T0607
# mend:model.freeze("trunk/kernel")
