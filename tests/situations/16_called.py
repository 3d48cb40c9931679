import numpy as np
import tulle
from tulle import layers

user = tulle.Input((10,), name="user")  # from
item = tulle.Input((20,), name="item")  # from
h = layers.Concatenate()([layers.Dense(16)(user), layers.Dense(16)(item)])
model = tulle.Model([user, item], layers.Dense(1)(h))
users = np.zeros((32, 10), "float32")
items = np.zeros((32, 20), "float32")
model([items, users])  # expect T0701
# mend:model([users, items])
