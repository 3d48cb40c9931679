import tulle
from tulle import ops

x = tulle.Input((16,), name="x")
y = ops.fori_loop(0, 6, lambda i, h: ops.concatenate([h, ops.tanh(h)], axis=-1), x)  # expect T0321
# mend:y = ops.fori_loop(0, 6, lambda i, h: h + ops.tanh(h), x)
