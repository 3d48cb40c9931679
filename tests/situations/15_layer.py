import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(64, name="encoder_1")(x)
model = tulle.Model(x, layers.Dense(3, name="head")(h))
model.get_layer("encodr_1").trainable = False  # expect T0201 @ ""encodr_1""
# mend:model.get_layer("encoder_1").trainable = False
