import tulle
from tulle import layers

model = tulle.Sequential([
    tulle.Input((16,), dtype="int32", name="tokens"),
    layers.Dense(64, activation="relu"),  # expect T0403
    # mend:    layers.Embedding(1000, 8), layers.Flatten(), layers.Dense(64, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
