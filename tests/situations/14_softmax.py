import tulle
from tulle import layers, losses

x = tulle.Input((8,), name="x")
h = layers.Dense(64, activation="relu")(x)
model = tulle.Model(x, layers.Dense(3, activation="softmax")(h))  # from
model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))  # expect T0602
# mend:model.compile("adam", losses.SparseCategoricalCrossentropy())
