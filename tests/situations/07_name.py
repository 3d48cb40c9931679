from tulle import layers

layer = layers.Dence(64)  # expect T0201 @ "Dence"
# mend:layer = layers.Dense(64)
