import tulle
from tulle import layers

x = tulle.Input((None, 64), name="x")  # from
y = layers.Conv1D(64, 2, activation="relu")(x)  # from
z = x + y  # expect T0302
# mend:z = x[:, 1:] + y
