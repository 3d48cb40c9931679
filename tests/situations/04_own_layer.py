import tulle
from tulle import layers, ops


class Split(layers.Layer):
    def call(self, x):
        return ops.reshape(x, (64, 4, -1))  # expect T0304
        # mend:        return ops.reshape(x, (-1, 4, x.shape[-1] // 4))


x = tulle.Input((24,), name="x")
y = Split()(x)
