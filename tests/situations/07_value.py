from tulle import layers

layer = layers.Dense(64, activation="rellu")  # expect T0204 @ ""rellu""
# mend:layer = layers.Dense(64, activation="relu")
