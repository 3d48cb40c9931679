import tulle
from tulle import layers


class Projected(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(32, input_shape[-1]), name="w")

    def call(self, x):
        return tulle.ops.matmul(x, self.w)  # expect T0301
        # mend:        return tulle.ops.matmul(x, tulle.ops.transpose(self.w))


x = tulle.Input((20,), name="x")
y = Projected()(x)
