import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((None, 16))
h = layers.Conv1D(16, 3, activation="relu")(x)
y = layers.Add()([x, h])  # expect T0302
# mend:y = layers.Add()([x[:, 2:], h])
