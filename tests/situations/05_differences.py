import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input(("T", 3))
change = x[:, 1:] - x[:, :-1]
y = x * change  # expect T0302
# mend:y = x[:, 1:] * change
