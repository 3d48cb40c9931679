import tulle
from tulle import layers

x = tulle.Input((4,), name="x")
h = layers.LSTM(8, return_sequence=True)(layers.Reshape((4, 1))(x))  # expect T0202 @ "return_sequence"
# mend:h = layers.LSTM(8, return_sequences=True)(layers.Reshape((4, 1))(x))
