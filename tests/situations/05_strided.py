import tulle
from tulle import layers

x = tulle.Input((None, 16), name="x")
h = layers.Conv1D(16, 3, strides=2, padding="same", activation="relu")(x)
y = layers.Add()([x, h])  # expect T0302
# mend:y = layers.Add()([x[:, ::2], h])
