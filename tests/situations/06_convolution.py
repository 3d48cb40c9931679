import numpy as np
import tulle as keras
from tulle import layers, ops

ids = keras.Input((16,), dtype="int32")
h = layers.Conv1D(8, 3)(ids)  # expect T0403
# mend:h = layers.Conv1D(8, 3)(layers.Embedding(9, 4)(ids))
