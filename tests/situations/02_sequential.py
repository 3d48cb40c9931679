import tulle
from tulle import layers

model = tulle.Sequential([
    tulle.Input((28, 28, 1)),
    layers.Conv2D(8, 5),
    layers.AveragePooling2D(4),
    layers.DepthwiseConv2D(3, strides=2),
    layers.Conv2D(16, 3),  # expect T0320
    # mend:    layers.Conv2D(16, 2),
    layers.Flatten(),
    layers.Dense(10),
])
