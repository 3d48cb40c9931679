from tulle import Input, Layer, Model, ops


class Positions(Layer):
    def build(self, shape):
        self.table = self.add_weight((256, shape[-1]), name="table")

    def call(self, x):
        return x + self.table[: ops.shape(x)[1]]  # expect T0308


x = Input((None, 8), name="x")  # from
# mend:x = Input(("T in 1..256", 8), name="x")
model = Model(x, Positions()(x))
