import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5,))
a = layers.Dense(5)(x)
b = layers.Dense(5)  # expect T0501
# mend:b = layers.Dense(5)(x)
y = layers.Concatenate()([a, b])
