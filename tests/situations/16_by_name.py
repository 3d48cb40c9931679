import numpy as np
import tulle as keras
from tulle import layers, ops

user = keras.Input((10,), name="user")
item = keras.Input((20,), name="item")
y = layers.Dense(1)(layers.Concatenate()([user, item]))
m = keras.Model({"user": user, "item": item}, y)
m.compile("adam", "mse")
u, i = np.zeros((8, 10), "float32"), np.zeros((8, 20), "float32")
m.fit({"user": i, "item": u}, np.zeros((8, 1), "float32"), verbose=0)  # expect T0701
# mend:m.fit({"user": u, "item": i}, np.zeros((8, 1), "float32"), verbose=0)
