import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5,))
y = layers.Dense(4, kernel_initializer="he_nromal")(x)  # expect T0204
# mend:y = layers.Dense(4, kernel_initializer="he_normal")(x)
