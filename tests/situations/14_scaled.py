import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5,))
p = layers.Dense(4)(x)
p = ops.softmax(p) * 1.0
# mend:p = p * 1.0
m = keras.Model(x, p)
m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))  # expect T0602
m.fit(np.zeros((8, 5), "float32"), np.zeros((8,), "int32"), verbose=0)
