import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((16, 16, 3))
h = layers.Conv2D(4, 3, strides=2)(x)
h = layers.Conv2D(4, 3, dilation_rate=4)(h)  # expect T0320
# mend:h = layers.Conv2D(4, 2, dilation_rate=4)(h)
