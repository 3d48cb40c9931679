import numpy as np
import tulle
from tulle import layers, losses


def loss(true, predicted):
    return losses.categorical_crossentropy(true, predicted, from_logits=True)  # expect T0602
    # mend:    return losses.categorical_crossentropy(true, predicted)


x = tulle.Input((8,), name="x")
model = tulle.Model(x, layers.Softmax()(layers.Dense(3)(x)))  # from
model.compile("adam", loss)
model.fit(np.zeros((8, 8), "float32"), np.eye(8, 3, dtype="float32"), verbose=0)
