import numpy as np
import tulle
from tulle import layers

x = tulle.Input((784,), name="x")  # from
model = tulle.Model(x, layers.Dense(10, activation="softmax")(x))
model.compile("adam", "sparse_categorical_crossentropy")
images = np.zeros((32, 783), "float32")
labels = np.zeros(32, "int32")
model.fit(images, labels, verbose=0)  # expect T0701
# mend:model.fit(np.pad(images, ((0, 0), (0, 1))), labels, verbose=0)
