"""The same training from arrays, a data set, a generator, and a `PyDataset`."""

import math

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(18)
rng = np.random.default_rng(13)
x = rng.normal(size=(100, 3)).astype("float32")
y = x.sum(axis=1, keepdims=True)


class CustomSequence(keras.utils.PyDataset):
    def __init__(self, x_set, y_set, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y = x_set, y_set
        self.batch_size = batch_size
        self.ends = 0

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, idx):
        low = idx * self.batch_size
        high = min(low + self.batch_size, len(self.x))
        return self.x[low:high], self.y[low:high]

    def on_epoch_end(self):
        self.ends += 1


def generator():
    while True:
        for start in range(0, 100, 32):
            yield x[start : start + 32], y[start : start + 32]


def fresh():
    keras.utils.set_random_seed(18)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


kwargs = {"epochs": 3, "verbose": 0, "shuffle": False}
wanted = fresh().fit(x, y, batch_size=32, **kwargs).history["loss"]
dataset = keras.data.Dataset.from_tensor_slices((x, y)).batch(32)
sequence = CustomSequence(x, y, 32, workers=1)
for data, steps in ((dataset, None), (generator(), 4), (sequence, None)):
    model = fresh()
    got = model.fit(data, steps_per_epoch=steps, **kwargs).history["loss"]
    np.testing.assert_allclose(got, wanted, rtol=1e-4)
assert sequence.ends >= 3
assert math.isclose(
    model.evaluate(sequence, verbose=0),
    model.evaluate(x, y, verbose=0),
    rel_tol=1e-4,
)
assert model.predict(sequence, verbose=0).shape == (100, 1)
assert model.predict(dataset.map(lambda a, b: a), verbose=0).shape == (100, 1)

# Steps, validation now and then, a later beginning.
model = fresh()
history = model.fit(
    dataset.repeat(),
    steps_per_epoch=2,
    epochs=6,
    initial_epoch=2,
    validation_data=dataset.repeat(),
    validation_steps=1,
    validation_freq=2,
    verbose=0,
)
assert history.epoch == [2, 3, 4, 5]
assert len(history.history["val_loss"]) == 2

train, rest = keras.utils.split_dataset((x, y), left_size=0.8)
assert len(list(train)) == 80
assert len(list(rest)) == 20
model.fit(train.batch(16), validation_data=rest.batch(16), verbose=0)

model = fresh()
first = model.train_on_batch(x[:32], y[:32])
again = model.test_on_batch(x[:32], y[:32], return_dict=True)
assert again["loss"] < float(first) * 2
assert model.predict_on_batch(x[:5]).shape == (5, 1)
assert model.metrics_names == ["loss"]
model.reset_metrics()
