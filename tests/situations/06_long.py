import numpy as np
import tulle as keras
from tulle import layers, ops

ids = keras.Input((16,), dtype="int64")
h = layers.Dense(32, activation="relu")(ids)  # expect T0403
# mend:h = layers.Dense(32, activation="relu")(layers.Embedding(9, 4)(ids))
