import tulle
from tulle import layers

x = image = tulle.Input((28, 28, 1), name="image")  # from
for filters in (16, 16, 32):
    x = layers.Conv2D(filters, 5, activation="relu")(x)  # expect T0320
    # mend:    x = layers.Conv2D(filters, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)  # from
model = tulle.Model(image, layers.Dense(10)(layers.Flatten()(x)))
