import numpy as np
import tulle
from tulle import layers, ops

x = tulle.Input((5,), name="x")
levels = ops.round(layers.Dense(3, name="levels")(x))  # expect T0508
# mend:levels = ops.tanh(layers.Dense(3, name="levels")(x))
model = tulle.Model(x, layers.Dense(1, name="out")(levels))
model.compile("adam", "mse")
model.fit(np.zeros((8, 5)), np.zeros((8, 1)), verbose=0)
