import numpy as np
import tulle
from tulle import layers

x = tulle.Input((784,), name="x")  # from
model = tulle.Model(x, layers.Dense(10)(layers.Dense(128, activation="relu")(x)))
images = np.zeros((32, 783), "float32")
model(images)  # expect T0701
# mend:model(np.pad(images, ((0, 0), (0, 1))))
