import tulle
from tulle import layers, ops

x = tulle.Input((8,), name="x")
h = layers.Dense(16, activation="relu", name="first")(x)  # from
z = ops.stop_gradient(h)  # expect T0508 @ "ops.stop_gradient(h)"
# mend:z = ops.copy(h)
model = tulle.Model(x, layers.Dense(1, name="last")(z))
model.compile("adam", "mse")
