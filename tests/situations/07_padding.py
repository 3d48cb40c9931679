import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5, 5, 1))
y = layers.Conv2D(2, 3, padding="smae")(x)  # expect T0204
# mend:y = layers.Conv2D(2, 3, padding="same")(x)
