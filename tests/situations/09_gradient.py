import numpy as np
import tulle
from tulle import ops

x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
y = x @ np.array([1.0, 2.0, 3.0], "float32")


def loss(w):
    prediction = ops.matmul(x, w)  # from
    return ops.mean((prediction - y) ** 2)  # expect T0302
    # mend:    return ops.mean((ops.squeeze(prediction, axis=-1) - y) ** 2)


value, gradient = tulle.value_and_grad(loss)(np.zeros((3, 1), "float32"))
