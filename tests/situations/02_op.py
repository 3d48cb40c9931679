import tulle
from tulle import layers, ops

x = tulle.Input((6, 6, 4), name="x")
kernel = tulle.Variable(tulle.initializers.HeNormal()((7, 7, 4, 8)), name="kernel")
# mend:kernel = tulle.Variable(tulle.initializers.HeNormal()((5, 5, 4, 8)), name="kernel")
y = ops.conv(x, kernel)  # expect T0320
