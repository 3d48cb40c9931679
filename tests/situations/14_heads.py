import tulle
from tulle import layers, ops

x = tulle.Input((8,), name="x")
kind = ops.softmax(layers.Dense(3)(x))  # from
price = layers.Dense(1)(x)
model = tulle.Model(x, {"kind": kind, "price": price})
losses = {"kind": tulle.losses.SparseCategoricalCrossentropy(from_logits=True), "price": "mse"}
model.compile("adam", losses)  # expect T0602
# mend:model.compile("adam", {"kind": "sparse_categorical_crossentropy", "price": "mse"})
