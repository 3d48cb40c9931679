import tulle
from tulle import layers, ops


class Compared(layers.Layer):
    def call(self, prediction, target):
        self.add_loss(ops.mean(ops.abs(prediction - target)))  # expect T0302
        # mend:        self.add_loss(ops.mean(ops.abs(prediction[:, 0] - target)))
        return prediction


x = tulle.Input((3,), name="x")
y = tulle.Input((), name="y")  # from
out = Compared()(layers.Dense(1)(x), y)  # from
