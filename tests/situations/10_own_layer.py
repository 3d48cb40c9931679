import numpy as np
import tulle as keras
from tulle import layers, ops

class Vq(layers.Layer):
    def __init__(self):
        super().__init__()
        self.enc = layers.Dense(6)
        self.book = layers.Embedding(6, 4)
    def call(self, x):
        return self.book(ops.argmax(self.enc(x), -1))  # expect T0508
# mend:        return ops.matmul(ops.softmax(self.enc(x)), self.book(ops.arange(6)))
x = keras.Input((5,))
m = keras.Model(x, Vq()(x))
m.compile("adam", "mse")
m.fit(np.zeros((8, 5), "float32"), np.zeros((8, 4), "float32"), verbose=0)
