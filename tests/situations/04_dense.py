import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((6, 10))
h = layers.Dense(10)(x)
y = ops.reshape(h, (16, 60))  # expect T0307
# mend:y = ops.reshape(h, (-1, 60))
model = keras.Model(x, layers.Dense(3)(y))
