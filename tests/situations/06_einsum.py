import tulle
from tulle import layers

tokens = tulle.Input((16, 8), dtype="int32", name="tokens")  # from
y = layers.EinsumDense("bti,io->bto", (None, 4))(tokens)  # expect T0403
# mend:y = layers.EinsumDense("bti,io->bto", (None, 4))(tulle.ops.cast(tokens, "float32"))
