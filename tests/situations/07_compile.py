import numpy as np
import tulle as keras
from tulle import layers, ops

m = keras.Sequential([keras.Input((5,)), layers.Dense(4)])
m.compile(optimizer="adem", loss="mse")  # expect T0204
# mend:m.compile(optimizer="adam", loss="mse")
