import tulle
from tulle import layers

backbone = tulle.Sequential([tulle.Input((8,)), layers.Dense(4, name="low")], name="backbone")
x = tulle.Input((8,), name="x")
model = tulle.Model(x, layers.Dense(3, name="head")(backbone(x)))
model.freeze("Backbone/low")  # expect T0607
# mend:model.freeze("backbone/low")
