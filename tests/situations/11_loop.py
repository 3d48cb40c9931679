import tulle
from tulle import layers

block = tulle.Sequential([layers.Dense(128, activation="relu"), layers.Dense(96)])
# mend:block = tulle.Sequential([layers.Dense(128, activation="relu"), layers.Dense(64)])
x = tulle.Input((64,), name="x")
h = x
for _ in range(6):
    h = block(h)  # expect T0701
