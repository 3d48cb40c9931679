import numpy as np
import tulle as keras
from tulle import layers, ops

class Tied(layers.Layer):
    def __init__(self):
        super().__init__()
        self.table = layers.Embedding(500, 24)

    def call(self, ids):
        h = self.table(ids)
        return ops.matmul(h, self.table.embeddings)  # expect T0301
# mend:        return ops.matmul(h, ops.transpose(self.table.embeddings))

ids = keras.Input((10,), dtype="int32")
y = Tied()(ids)
