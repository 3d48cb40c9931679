"""Learning rates: schedules of the library and one's own, callbacks, optimizers."""

import numpy as np

import tulle as keras
from tulle import layers, ops


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak, warmup_steps):
        super().__init__()
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = step / self.warmup_steps
        down = ops.sqrt(self.warmup_steps / ops.maximum(step, 1.0))
        return self.peak * ops.minimum(up, down)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


keras.utils.set_random_seed(19)
rng = np.random.default_rng(14)
x = rng.normal(size=(64, 3)).astype("float32")
y = x @ np.ones((3, 1), "float32")


def fitted(optimizer, **options):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(optimizer, loss="mse")
    history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, **options)
    return model, history.history


schedules = keras.optimizers.schedules
for schedule in (
    schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.9, staircase=True),
    schedules.PiecewiseConstantDecay([4, 8], [0.1, 0.05, 0.01]),
    schedules.CosineDecay(0.1, decay_steps=12),
    schedules.PolynomialDecay(0.1, 12, 0.01, power=0.5),
    schedules.InverseTimeDecay(0.1, 4, 0.5),
    schedules.CosineDecayRestarts(0.1, 5),
    Warmup(0.1, 4),
):
    optimizer = keras.optimizers.SGD(learning_rate=schedule, momentum=0.5)
    model, logs = fitted(optimizer)
    assert logs["loss"][-1] < logs["loss"][0]
    assert int(optimizer.iterations) == 12
    np.testing.assert_allclose(
        float(optimizer.learning_rate), float(schedule(12)), rtol=1e-5
    )

rates = []
model, logs = fitted(
    keras.optimizers.Adam(0.1),
    callbacks=[
        keras.callbacks.LearningRateScheduler(lambda epoch, lr: 0.1 * 0.5**epoch),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"])
        ),
    ],
)
np.testing.assert_allclose(rates, [0.1, 0.05, 0.025], rtol=1e-6)
model, logs = fitted(
    "sgd",
    validation_data=(x, y),
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.2, patience=1, min_lr=0.001
        )
    ],
)
for name in (
    *("Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion", "RMSprop"),
    *("AdamW", "Lamb", "Adafactor"),
):
    optimizer = getattr(keras.optimizers, name)()
    model, logs = fitted(optimizer)
    assert np.isfinite(logs["loss"]).all(), name
model, logs = fitted(
    keras.optimizers.Adam(
        0.05, clipnorm=1.0, use_ema=True, ema_momentum=0.9, weight_decay=1e-4
    )
)
optimizer = keras.optimizers.get({"class_name": "SGD", "config": {"momentum": 0.9}})
config = keras.optimizers.serialize(optimizer)
assert keras.optimizers.deserialize(config).momentum == 0.9
