import tulle
from tulle import layers

model = tulle.Sequential(
    [
        tulle.Input((28, 28, 1)),  # from
        layers.Conv2D(16, 5, activation="relu"),  # from
        layers.MaxPooling2D(2),  # from
        layers.Conv2D(16, 5, activation="relu"),  # from
        layers.MaxPooling2D(2),  # from
        layers.Conv2D(32, 5, activation="relu"),  # expect T0320
        # mend:        layers.Conv2D(32, 4, activation="relu"),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
