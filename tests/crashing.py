"""A training that is killed: run as a program by `tests/training/test_crashes.py`.

`python crashing.py FOLDER SETTINGS` trains and writes `weights.npz`, `figures.json` and
`log.csv` into the folder. SETTINGS, as JSON, say what is trained and where the process
kills itself, or what happens to it: `{"kill": ["replace", 3]}` is at the third
renaming of a file.
"""

import json
import os
import resource
import shutil
import signal
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

from tulle import Model, Sequential, callbacks, data, losses, optimizers
from tulle.graph.variable import set_random_seed
from tulle.layers import BatchNormalization, Dense, Dropout, Input


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


class At(callbacks.Callback):
    """Does something at the n-th call of a hook, of all epochs."""

    def __init__(self, hook, count, action):
        self.left, self.action = count, action
        setattr(self, hook, self.strike)

    def strike(self, *args):
        self.left -= 1
        if not self.left:
            self.action()


def kill_around(owner, name, count, before):
    """Let the n-th call of a function of the system be the last thing done."""
    real, left = getattr(owner, name), [count]

    def fatal(*args, **kwargs):
        left[0] -= 1
        if not left[0] and before:
            kill()
        result = real(*args, **kwargs)
        if not left[0]:
            kill()
        return result

    setattr(owner, name, fatal)


OWNERS = {"fsync": os, "replace": Path, "writestr": zipfile.ZipFile}


def troubles(settings, folder):
    """The callbacks that make trouble as the settings say."""
    found = []
    if "kill" in settings:
        where, count = settings["kill"]
        if where.startswith("on_"):
            found.append(At(where, count, kill))
        else:
            name = where.removeprefix("after_")
            kill_around(OWNERS[name], name, count, where == name)
    if "signal" in settings:
        number, where, count = settings["signal"]
        found.append(At(where, count, lambda: os.kill(os.getpid(), number)))
    if "pause" in settings:
        found.append(
            callbacks.LambdaCallback(
                on_train_batch_begin=lambda *_: time.sleep(settings["pause"])
            )
        )
    if "full" in settings:
        found.append(At("on_epoch_begin", settings["full"], no_room))
    if "gone" in settings:
        found.append(At("on_epoch_begin", settings["gone"], lambda: lose(folder)))
    return found


def no_room():
    """From now on no file may have more than 2000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))


def lose(folder):
    """A file stands where the folder of backups was."""
    shutil.rmtree(folder / "backup")
    (folder / "backup").touch()


class Counting(callbacks.Callback):
    """A callback of the user's, with state of its own."""

    state_attributes = ("seen",)

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([batch, logs["loss"]])


def arrays(size=70):
    random = np.random.default_rng(0)
    x = random.normal(size=(size, 6)).astype("float32")
    return x, (x[:, :3].argmax(axis=1)).astype("int32")


def classifier():
    return Sequential(
        [
            Input((6,)),
            Dense(9, "relu"),
            BatchNormalization(),
            Dropout(0.3),
            Dense(3),
        ]
    )


class Own(Model):
    """A model with a step and an optimizer of its own, built when it is first used."""

    def __init__(self):
        super().__init__()
        self.first, self.drop = Dense(9, "relu"), Dropout(0.3)
        self.last = Dense(3)
        self.other = optimizers.SGD(0.01, momentum=0.5)

    def call(self, x, training=False):
        return self.last(self.drop(self.first(x), training=training))

    def train_step(self, data):
        found = super().train_step(data)
        weight = self.last.kernel
        self.other.apply([weight * 0.1], [weight])
        return found


def made(kind):
    model = Own() if kind == "own" else classifier()
    optimizer = {
        "arrays": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        "accumulated": lambda: optimizers.AdamW(0.01, gradient_accumulation_steps=3),
        "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), 8.0, 3),
    }.get(kind, lambda: optimizers.Adam(0.01))()
    model.compile(
        optimizer,
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        run_eagerly=kind == "eager",
    )
    return model


def fed(kind):
    """What `fit` takes besides the callbacks."""
    x, y = arrays()
    more = {"batch_size": 16, "validation_split": 0.2}
    if kind == "dataset":
        whole = data.Dataset.from_tensor_slices((x, y)).shuffle(70).batch(16)
        check = data.Dataset.from_tensor_slices((x, y)).shuffle(70).batch(30)
        return {"x": whole.prefetch(2), "validation_data": check}
    if kind == "steps":
        endless = data.Dataset.from_tensor_slices((x, y)).shuffle(9).batch(16)
        return {"x": endless, "steps_per_epoch": 3, "validation_data": (x, y)}
    if kind == "generator":

        def batches():
            while True:
                for start in range(0, 64, 16):
                    yield x[start : start + 16], y[start : start + 16]

        return {"x": batches(), "steps_per_epoch": 5}
    return {"x": x, "y": y, **more}


def listeners(folder, save_freq):
    return [
        callbacks.BackupAndRestore(
            folder / "backup", save_freq, delete_checkpoint=False
        ),
        callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
        callbacks.CSVLogger(folder / "log.csv"),
        Counting(),
    ]


def main(folder, settings):
    kind = settings.get("kind", "arrays")
    set_random_seed(settings.get("seed", 5))
    model, given = made(kind), fed(kind)
    told = listeners(folder, settings.get("save_freq", "epoch"))
    every = [*told, *troubles(settings, folder)]
    history = model.fit(**given, epochs=6, verbose=0, callbacks=every)
    resource.setrlimit(resource.RLIMIT_FSIZE, [resource.RLIM_INFINITY] * 2)
    weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    np.savez(folder / "weights.npz", **weights)
    figures = {"history": history.history, "seen": told[-1].seen}
    (folder / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    # What a shell runs in the background ignores it from the start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
