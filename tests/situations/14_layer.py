import tulle
from tulle import layers

model = tulle.Sequential([
    tulle.Input((8,)),
    layers.Dense(3),
    layers.Softmax(),  # from
])
loss = tulle.losses.CategoricalCrossentropy(from_logits=True)
model.compile("adam", loss)  # expect T0602
# mend:model.compile("adam", "categorical_crossentropy")
