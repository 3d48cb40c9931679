import numpy as np
import tulle as keras
from tulle import layers, ops

model = keras.Sequential([
    keras.Input((20, 2)),
    layers.Conv1D(8, 7, activation="relu"),
    layers.MaxPooling1D(4),
    layers.Conv1D(16, 5),  # expect T0320
# mend:    layers.Conv1D(16, 5, padding="same"),
    layers.GlobalAveragePooling1D(),
])
