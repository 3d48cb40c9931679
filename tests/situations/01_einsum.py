import numpy as np
import tulle as keras
from tulle import layers, ops

def block(x):
    q = layers.Dense(16)(x)
    k = layers.Dense(32)(x)
# mend:    k = layers.Dense(16)(x)
    return ops.einsum("btd,bsd->bts", q, k)  # expect T0301

x = keras.Input((7, 8))
y = block(x)
