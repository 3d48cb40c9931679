"""Callbacks of one's own: every hook, logs, learning rate, early stop."""

import numpy as np

import tulle as keras


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.events = []
        self.batch_losses = []

    def on_train_begin(self, logs=None):
        self.events.append("train begin")
        self.best = float("inf")
        self.best_weights = None
        assert self.params["epochs"] == 10
        assert self.params["steps"] == 4

    def on_train_end(self, logs=None):
        self.events.append("train end")
        self.model.set_weights(self.best_weights)

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        assert {"loss", "mae", "val_loss", "val_mae"} == set(logs)
        if logs["val_loss"] < self.best:
            self.best = logs["val_loss"]
            self.best_weights = self.model.get_weights()
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.model.optimizer.learning_rate = rate * 0.5
        if epoch == 2:
            self.model.stop_training = True

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(f"batch {batch}")

    def on_train_batch_end(self, batch, logs=None):
        self.batch_losses.append(logs["loss"])

    def on_test_begin(self, logs=None):
        self.events.append("test begin")

    def on_test_batch_end(self, batch, logs=None):
        assert "loss" in logs
        self.events.append(f"test batch {batch}")

    def on_test_end(self, logs=None):
        self.events.append("test end")

    def on_predict_begin(self, logs=None):
        self.events.append("predict begin")

    def on_predict_batch_end(self, batch, logs=None):
        assert logs["outputs"].shape[-1] == 1

    def on_predict_end(self, logs=None):
        self.events.append("predict end")


keras.utils.set_random_seed(4)
x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
y = x @ np.array([[1.0], [2.0], [-1.0]], "float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", metrics=["mae"])
recorder = Recorder()
history = model.fit(
    x,
    y,
    batch_size=16,
    epochs=10,
    verbose=0,
    validation_data=(x, y),
    callbacks=[
        recorder,
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: recorder.events.append("lambda")
        ),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=5),
    ],
)
assert len(history.history["loss"]) == 3
assert recorder.events[:6] == [
    *("train begin", "epoch 0", "batch 0", "batch 1", "batch 2", "batch 3")
]
assert recorder.events[6:11] == [
    *("test begin", "test batch 0", "test batch 1", "test batch 2", "test batch 3")
]
assert recorder.events[11:13] == ["test end", "lambda"]
assert recorder.events[-1] == "train end"
assert len(recorder.batch_losses) == 12
rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
np.testing.assert_allclose(rate, 0.1 / 8, rtol=1e-6)

model.predict(x, verbose=0, callbacks=[recorder])
assert recorder.events[-2:] == ["predict begin", "predict end"]
