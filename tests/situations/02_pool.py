import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((6, 6, 3))
h = layers.SeparableConv2D(4, 3)(x)
h = layers.MaxPool2D(5)(h)  # expect T0320
# mend:h = layers.MaxPool2D(4)(h)
