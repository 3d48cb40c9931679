import tulle
from tulle import layers

inputs = tulle.Input((64,), name="x")  # from
block = tulle.Sequential([layers.Dense(256, activation="relu"), layers.Dense(128)])  # from
x = inputs
for _ in range(6):
    x = block(x)  # expect T0701
    # mend:    x = layers.Dense(64)(block(x))
