import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((5,))
norm = layers.LayerNormalization()  # expect T0501
# mend:norm = layers.LayerNormalization()(x)
y = layers.Dense(2)(norm)
