import numpy as np
import tulle as keras
from tulle import layers, ops

ids = keras.Input((16, 3), dtype="uint8")
h = layers.MultiHeadAttention(2, 4)(ids, ids)  # expect T0403
# mend:h = layers.MultiHeadAttention(2, 4)(ops.cast(ids, "float32"), ops.cast(ids, "float32"))
