import numpy as np
import tulle as keras
from tulle import layers, ops

m = keras.Sequential([keras.Input((12,)), layers.Dense(3)])
y = m.predict(np.zeros((5, 13)), verbose=0)  # expect T0701
# mend:y = m.predict(np.zeros((5, 12)), verbose=0)
