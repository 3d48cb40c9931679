import tulle
from tulle import layers, losses

model = tulle.Sequential(
    [
        tulle.Input((8,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(1, activation="sigmoid"),  # from
    ]
)
model.compile("adam", loss=losses.BinaryCrossentropy(from_logits=True))  # expect T0602
# mend:model.compile("adam", loss=losses.BinaryCrossentropy())
