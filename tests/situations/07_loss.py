import numpy as np
import tulle
from tulle import layers

x = tulle.Input((4,), name="x")
model = tulle.Model(x, layers.Dense(3, activation="softmax")(x))
model.compile(optimizer="adam", loss="sparse_categorical_crossentopy")  # expect T0204
# mend:model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
