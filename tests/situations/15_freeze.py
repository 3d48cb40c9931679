import tulle
from tulle import layers

x = tulle.Input((8,), name="x")
h = layers.Dense(64, name="encoder_1")(x)
h = layers.Dense(64, name="encoder_2")(h)
model = tulle.Model(x, layers.Dense(3, name="head")(h))
model.freeze("encodr*")  # expect T0607 @ ""encodr*""
# mend:assert str(model.freeze("encoder*")) == "froze 4 of 6 parameters"
