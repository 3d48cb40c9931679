import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5,))
t = keras.Input(())
y = layers.Dense(1)(x)
loss = ops.mean(ops.square(t - y))  # expect T0302
# mend:loss = ops.mean(ops.square(t - ops.squeeze(y, axis=-1)))
