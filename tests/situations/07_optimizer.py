import tulle
from tulle import layers

x = tulle.Input((8,))
model = tulle.Model(x, layers.Dense(1)(x))
model.compile("adm", "mse")  # expect T0204 @ ""adm""
# mend:model.compile("adam", "mse")
