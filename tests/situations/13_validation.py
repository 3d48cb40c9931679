import numpy as np
import tulle
from tulle import layers

x = tulle.Input((32,), name="x")  # from
model = tulle.Model(x, layers.Dense(1)(x))
model.compile("adam", "mse")
train = np.zeros((16, 32)), np.zeros((16, 1))
held = np.zeros((4, 31)), np.zeros((4, 1))
# mend:held = np.zeros((4, 32)), np.zeros((4, 1))
model.fit(*train, validation_data=held, verbose=0)  # expect T0701
