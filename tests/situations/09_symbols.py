import tulle
from tulle import layers, ops

x = tulle.Input((3,), name="x")
y = tulle.Input((), name="y")  # from
prediction = layers.Dense(1)(x)  # from
loss = ops.mean(ops.square(prediction - y))  # expect T0302
# mend:loss = ops.mean(ops.square(ops.squeeze(prediction, axis=-1) - y))
