from tulle import layers

layer = layers.Dense(64, activaton="relu")  # expect T0202 @ "activaton"
# mend:layer = layers.Dense(64, activation="relu")
