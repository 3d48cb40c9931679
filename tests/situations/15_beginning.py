import numpy as np
import tulle as keras
from tulle import layers, ops

m = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="encoder"), layers.Dense(4, name="head")])
m.freeze("enc")  # expect T0607
# mend:m.freeze("encoder")
