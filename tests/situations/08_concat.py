import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
a = layers.Dense(4)(x)
b = layers.Dense(4, activation="relu")  # expect T0501
# mend:b = layers.Dense(4, activation="relu")(x)
y = layers.Concatenate()([a, b])
