import numpy as np
import tulle
from tulle import layers

user = tulle.Input((10,), name="user")  # from
item = tulle.Input((20,), name="item")  # from
h = layers.Concatenate()([layers.Dense(16)(user), layers.Dense(16)(item)])
model = tulle.Model([user, item], layers.Dense(1)(h))
model.compile("adam", "mse")
users = np.zeros((32, 10), "float32")
items = np.zeros((32, 20), "float32")
model.fit([items, users], np.zeros((32, 1), "float32"), verbose=0)  # expect T0701
# mend:model.fit({"user": users, "item": items}, np.zeros((32, 1), "float32"), verbose=0)
