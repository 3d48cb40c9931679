import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((18, 20))
h = layers.Flatten()(x)
y = ops.reshape(h, (-1, 256))  # expect T0304
# mend:y = ops.reshape(h, (-1, 360))
y = layers.Dense(10)(y)
model = keras.Model(x, y)
