import tulle
from tulle import layers

tokens = tulle.Input((8,), dtype="int32", name="tokens")
h = layers.Embedding(100, 16)  # expect T0501
# mend:h = layers.Embedding(100, 16)(tokens)
last = h[:, -1]
y = layers.Dense(1)(last)
