import numpy as np
import tulle as keras
from tulle import layers, ops

z = keras.Input((32,))
h = layers.Dense(1500, activation="relu")(z)
# mend:h = layers.Dense(1568, activation="relu")(z)
h = layers.Reshape((7, 7, 32))(h)  # expect T0304
