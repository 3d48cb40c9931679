import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((48,))
w = keras.Variable(np.zeros((20, 48), "float32"), name="mix")
h = layers.Dense(48, activation="tanh")(x)
y = ops.matmul(h, w)  # expect T0301
# mend:y = ops.matmul(h, ops.transpose(w))
