import numpy as np
import tulle as keras
from tulle import layers, ops

m = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="encoder"), layers.Dense(4, name="head")])
m.get_layer("haed").trainable = False  # expect T0201
# mend:m.get_layer("head").trainable = False
