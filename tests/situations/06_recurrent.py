import tulle
from tulle import layers

tokens = tulle.Input((16, 1), dtype="int32", name="tokens")  # from
h = layers.LSTM(8)(tokens)  # expect T0403
# mend:h = layers.LSTM(8)(layers.Embedding(10, 4)(tokens[..., 0]))
