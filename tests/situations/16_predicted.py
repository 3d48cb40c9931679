import numpy as np
import tulle as keras
from tulle import layers, ops

q = keras.Input((7, 10), name="query")
v = keras.Input((9, 12), name="value")
m = keras.Model([q, v], layers.MultiHeadAttention(2, 4)(q, v))
a, b = np.zeros((8, 7, 10), "float32"), np.zeros((8, 9, 12), "float32")
out = m.predict([b, a], verbose=0)  # expect T0701
# mend:out = m.predict([a, b], verbose=0)
