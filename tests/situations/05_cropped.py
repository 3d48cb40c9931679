import tulle
from tulle import layers, ops

x = tulle.Input((None, 16), name="x")
past = layers.ZeroPadding1D((1, 0))(x)
both = ops.concatenate([x, past], axis=-1)  # expect T0305
# mend:both = ops.concatenate([x, past[:, :-1]], axis=-1)
