import tulle
from tulle import layers, ops

x = tulle.Input((8,), name="x")
h = layers.Dense(16, name="router")(x)  # from
best = ops.cast(ops.argmax(h, axis=-1, keepdims=True), "float32")  # expect T0508 @ "ops.argmax(h, axis=-1, keepdims=True)"
# mend:best = ops.softmax(h)
model = tulle.Model(x, layers.Dense(1, name="last")(best))
model.compile("adam", "mse")
