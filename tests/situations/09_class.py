import numpy as np
import tulle
from tulle import layers

x = tulle.Input((3,), name="x")
model = tulle.Model(x, layers.Dense(2)(x))  # from
model.compile("adam", tulle.losses.MeanAbsoluteError())
model.fit(np.ones((16, 3)), np.ones(16), verbose=0)  # expect T0601
# mend:model.fit(np.ones((16, 3)), np.ones((16, 2)), verbose=0)
