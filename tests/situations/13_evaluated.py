import numpy as np
import tulle
from tulle import layers

x = tulle.Input((None, 8), name="x")  # from
model = tulle.Model(x, layers.LSTM(4)(x))
model.compile("adam", "mse")
model.fit(np.zeros((16, 5, 8)), np.zeros((16, 4)), verbose=0)
model.evaluate(np.zeros((16, 5, 7)), np.zeros((16, 4)), verbose=0)  # expect T0701
# mend:model.evaluate(np.zeros((16, 5, 8)), np.zeros((16, 4)), verbose=0)
