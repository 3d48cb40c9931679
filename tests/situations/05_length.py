import tulle
from tulle import layers

x = tulle.Input((None, 64), name="x")  # from
y = layers.Conv1D(64, 2, padding="valid", activation="relu")(x)  # from
z = layers.Add()([x, y])  # expect T0302
# mend:z = layers.Add()([x[:, 1:], y])
