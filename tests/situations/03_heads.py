import numpy as np
import tulle as keras
from tulle import layers, ops

class Heads(layers.Layer):
    def call(self, x):
        return ops.reshape(x, (ops.shape(x)[0], 12, -1))  # expect T0304
# mend:        return ops.reshape(x, (ops.shape(x)[0], 10, -1))

x = keras.Input((100,))
y = Heads()(x)
