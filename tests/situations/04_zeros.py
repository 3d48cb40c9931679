import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((8,))
y = x + ops.zeros((64, 8))  # expect T0302
# mend:y = x + ops.zeros((ops.shape(x)[0], 8))
