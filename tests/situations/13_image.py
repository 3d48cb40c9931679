import numpy as np
import tulle as keras
from tulle import layers, ops

x = keras.Input((28, 28, 1), name="image")
m = keras.Model(x, layers.Dense(10)(layers.Flatten()(x)))
m.compile("adam", "mse")
data = np.zeros((16, 28, 27, 1), "float32")
# mend:data = np.zeros((16, 28, 28, 1), "float32")
m.fit(data, np.zeros((16, 10), "float32"), verbose=0)  # expect T0701
