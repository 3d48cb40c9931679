import numpy as np
import tulle
from tulle import layers

x = tulle.Input((5,), name="x")
body = layers.Dense(8, activation="relu", name="body")(x)
aux = layers.Dense(2, name="aux")(body)
main = layers.Dense(1, name="main")(body)
model = tulle.Model(x, {"main": main, "aux": aux})
model.compile("adam", loss={"main": "mse"})  # expect T0508
# mend:model.compile("adam", loss={"main": "mse", "aux": "mse"})
model.fit(np.zeros((8, 5)), {"main": np.zeros((8, 1))}, verbose=0)
# mend:model.fit(np.zeros((8, 5)), {"main": np.zeros((8, 1)), "aux": np.zeros((8, 2))}, verbose=0)
