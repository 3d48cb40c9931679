import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((48,))
block = keras.Sequential([layers.Dense(64, activation="gelu"), layers.Dense(32)])
# mend:block = keras.Sequential([layers.Dense(64, activation="gelu"), layers.Dense(48)])
h = x
for _ in range(5):
    h = block(h)  # expect T0701
