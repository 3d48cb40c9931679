import tulle
from tulle import layers


def block(x):
    h = layers.Dense(256, activation="relu")(x)
    return layers.Dense(128)(h)  # from


x = inputs = tulle.Input((64,), name="x")  # from
for _ in range(6):
    x = x + block(x)  # expect T0302
    # mend:    x = x + layers.Dense(64)(block(x))
