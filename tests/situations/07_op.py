import tulle
from tulle import ops

x = tulle.Input((8,))
y = ops.gelu(x, aproximate=True)  # expect T0202 @ "aproximate"
# mend:y = ops.gelu(x, approximate=True)
