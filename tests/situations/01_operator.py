import tulle
from tulle import layers

x = tulle.Input((784,), name="x")
h = layers.Dense(128, activation="relu")(x)  # from
w = tulle.Variable("he_normal", shape=(64, 10))  # from
y = h @ w  # expect T0301
# mend:y = h[:, :64] @ w
