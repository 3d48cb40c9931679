import numpy as np
import tulle
from tulle import layers, ops

x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
y = x @ np.array([1.0, 2.0, 3.0], "float32")
inputs = tulle.Input((3,), name="x")
model = tulle.Model(inputs, layers.Dense(1)(inputs))
with tulle.GradientTape() as tape:
    prediction = model(x)  # from
    loss = ops.mean((prediction - y) ** 2)  # expect T0302
    # mend:    loss = ops.mean((ops.squeeze(prediction, axis=-1) - y) ** 2)
tape.gradient(loss, model.trainable_weights)
