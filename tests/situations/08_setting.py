import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(4)(x)
y = layers.ReLU(h)  # expect T0501 @ "h"
# mend:y = layers.ReLU()(h)
