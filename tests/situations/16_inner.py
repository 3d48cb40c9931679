import tulle
from tulle import layers

left, right = tulle.Input((5,), name="left"), tulle.Input((9,), name="right")  # from
pair = tulle.Model([left, right], layers.Concatenate()([left, right]), name="pair")
a, b = tulle.Input((5,), name="a"), tulle.Input((9,), name="b")
y = pair([b, a])  # expect T0701
# mend:y = pair([a, b])
