import tulle
from tulle import layers

tokens = tulle.Input((16,), dtype="int32", name="tokens")  # from
h = layers.Dense(64, activation="relu")(tokens)  # expect T0403
# mend:h = layers.Embedding(1000, 64)(tokens)
model = tulle.Model(tokens, layers.Dense(4)(h))
