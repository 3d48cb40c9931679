"""Callbacks: their hooks, figures and numbers, and what they cost."""

import re
import sys

import numpy as np
import pytest

from tulle import TulleError, callbacks, layers, metrics, optimizers
from tulle.callbacks import Callback, CallbackList
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.training.callbacks import HOOKS
from tulle.training.model import Sequential
from tulle.training.saving import load_model
from tulle.training.streams import StandardStep

X = np.arange(40, dtype="float32").reshape(20, 2) / 40
Y = X.sum(axis=1, keepdims=True)


def model(rate=0.1, **settings):
    made = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
    made.compile(optimizers.SGD(rate, **settings), "mse", metrics=["mae"])
    return made


def fit(made, told, epochs=2, **more):
    given = {"batch_size": 8, "verbose": 0, "shuffle": False, **more}
    return made.fit(X, Y, epochs=epochs, callbacks=told, **given)


def figures(*values, monitor="val_loss"):
    """A callback that puts figures of its own in the place of those of `fit`."""

    def put(epoch, logs):
        logs[monitor] = values[epoch]

    return callbacks.LambdaCallback(on_epoch_end=put)


class Everything(Callback):
    def __init__(self):
        self.seen = []


def _noting(hook):
    def note(self, *args):
        self.seen.append((hook, *args[:-1], sorted(args[-1])))

    return note


for _hook in HOOKS:
    if _hook not in ("on_batch_begin", "on_batch_end"):
        setattr(Everything, _hook, _noting(_hook))


def test_all_hooks_in_their_order_with_their_logs():
    told = Everything()
    fit(model(), [told], 1, validation_data=(X[:8], Y[:8]))
    train, both = ["loss", "mae"], ["loss", "mae", "val_loss", "val_mae"]
    batches = [
        (f"on_train_batch_{end}", batch, train if end == "end" else [])
        for batch in range(3)
        for end in ("begin", "end")
    ]
    assert told.seen == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        *batches,
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, train),
        ("on_test_end", train),
        ("on_epoch_end", 0, both),
        ("on_train_end", []),
    ]
    assert told.params == {"epochs": 1, "steps": 3, "batch_size": 8, "verbose": 0}


def test_hooks_of_evaluate_and_predict():
    made, told = model(), Everything()
    made.evaluate(X, Y, batch_size=16, verbose=0, callbacks=[told])
    made.predict(X, batch_size=16, verbose=0, callbacks=told)
    train = ["loss", "mae"]
    assert told.seen == [
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, train),
        ("on_test_batch_begin", 1, []),
        ("on_test_batch_end", 1, train),
        ("on_test_end", train),
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_batch_begin", 1, []),
        ("on_predict_batch_end", 1, ["outputs"]),
        ("on_predict_end", ["outputs"]),
    ]


def test_outputs_of_batches_are_those_of_predict():
    made, parts = model(), []

    class Keep(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            parts.append(logs["outputs"])

    whole = made.predict(X, batch_size=8, verbose=0, callbacks=[Keep()])
    assert [len(part) for part in parts] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_older_names_of_batch_hooks():
    class Old(Callback):
        def __init__(self):
            self.seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(batch)

        def on_batch_end(self, batch, logs=None):
            self.seen.append(logs["loss"] > 0)

    told = Old()
    fit(model(), [told], 1)
    assert told.seen == [0, True, 1, True, 2, True]


@pytest.fixture
def reads(monkeypatch):
    """How often figures are read from the device."""
    count, real = [], StandardStep.figures

    def counted(self):
        count.append(self.kind)
        return real(self)

    monkeypatch.setattr(StandardStep, "figures", counted)
    return count


def test_without_batch_hooks_nothing_is_read_between_batches(reads, tmp_path):
    told = [
        callbacks.EarlyStopping("loss", patience=9),
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        callbacks.ModelCheckpoint(tmp_path / "m.tulle"),
        callbacks.BackupAndRestore(tmp_path / "backup"),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]
    fit(model(), told, 3)
    assert reads == ["train"] * 3


def test_saving_between_batches_reads_figures_only_for_names(reads, tmp_path):
    told = [
        callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.tulle", save_freq=2),
    ]
    fit(model(), told, 2)  # six batches
    assert reads.count("train") == 2 + 3
    names = sorted(path.name for path in tmp_path.glob("*.tulle"))
    assert names == ["1-2.tulle", "2-1.tulle", "2-3.tulle"]


def test_an_overridden_batch_hook_of_a_built_in_gets_figures():
    class Mine(callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(logs["loss"])
            super().on_train_batch_end(batch, logs)

    losses = []
    fit(model(), [Mine("unused.tulle", save_freq=100)], 1)
    assert len(losses) == 3


def test_a_list_calls_its_callbacks():
    told = Everything()
    found = CallbackList([[told]], add_history=True, model=model(), epochs=3)
    assert [type(c).__name__ for c in found.callbacks] == ["Everything", "History"]
    found.on_epoch_begin(2)
    found.on_train_batch_end(1, {"loss": 1.0})
    found.on_epoch_end(2, logs={"loss": 0.5})
    found.on_train_end()
    assert told.seen == [
        ("on_epoch_begin", 2, []),
        ("on_train_batch_end", 1, ["loss"]),
        ("on_epoch_end", 2, ["loss"]),
        ("on_train_end", []),
    ]
    assert found.callbacks[1].history == {"loss": [0.5]}
    assert found.params == told.params == {"epochs": 3}


def test_history_is_the_models_too():
    made = model()
    found = fit(made, None, 3)
    assert made.history is found
    assert found.epoch == [0, 1, 2]
    assert sorted(found.history) == ["loss", "mae"]
    assert found.params["epochs"] == 3


# One figure is watched.


def stopped_after(values, **settings):
    stop = callbacks.EarlyStopping(**settings)
    fit(model(), [figures(*values), stop], len(values))
    return len(stop.model.history.epoch), stop


@pytest.mark.parametrize(
    ("values", "settings", "epochs"),
    [
        ([5, 4, 4, 4, 3], {"patience": 2}, 4),
        ([5, 4, 3, 2, 1], {}, 5),
        ([1, 2, 3], {}, 2),
        ([1, 2, 2, 3, 1], {"mode": "max", "patience": 1}, 3),
        ([1.0, 0.95, 0.9, 0.85], {"min_delta": 0.06, "patience": 2}, 4),
        ([3, 3, 3, 3], {"start_from_epoch": 2, "patience": 1}, 4),
        ([9, 9, 9, 1], {"baseline": 5, "patience": 3}, 3),
        ([9, 8, 7, 6], {"baseline": 5, "patience": 3}, 4),
        ([9, 8, 7, 7, 6], {"baseline": 5, "patience": 3}, 4),
        ([2, float("nan"), 1, 3, 3, 3], {"patience": 2}, 5),
    ],
)
def test_early_stopping(values, settings, epochs):
    assert stopped_after(values, **settings)[0] == epochs


def test_early_stopping_gives_the_best_weights_back(capsys):
    kept = []
    watch = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(watch_model.get_weights())
    )
    watch_model = model()
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    fit(watch_model, [watch, figures(3, 1, 2, 2, 2), stop], 5)
    assert (stop.best_epoch, stop.stopped_epoch) == (1, 3)
    for weight, best in zip(watch_model.get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(weight, best)
    assert "epoch 4: early stopping" in capsys.readouterr().out


def test_a_figure_of_a_validation_that_is_not_due_is_waited_for():
    stop = callbacks.EarlyStopping(patience=5)
    found = fit(model(), [stop], 4, validation_data=(X, Y), validation_freq=2)
    assert len(found.epoch) == 4
    assert stop.best == min(found.history["val_loss"])


class Level(metrics.Mean):
    """A metric of which nobody knows whether it should rise."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_pred)


def test_the_direction_of_a_metric():
    made = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    made.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", Level(name="level")],
    )
    labels = np.zeros(20, "int32")
    watch = callbacks.EarlyStopping("accuracy")
    made.fit(X, labels, verbose=0, callbacks=[watch])
    assert watch.sign() == 1
    for monitor in ("loss", "val_loss"):
        told = callbacks.EarlyStopping(monitor)
        told.set_model(made)
        assert told.sign() == -1
    told = callbacks.EarlyStopping("level")
    told.set_model(made)
    with pytest.raises(Exception, match="rise or fall"):
        told.sign()


def refused(action, code, word):
    with pytest.raises(TulleError) as caught:
        action()
    (told,) = caught.value.diagnostics
    assert told.code == code
    assert word in f"{told.message} {' '.join(told.help)}"


@pytest.mark.parametrize(
    ("make", "code", "word"),
    [
        (lambda: callbacks.EarlyStopping(mode="up"), "T0204", "min, max or auto"),
        (lambda: callbacks.EarlyStopping(patiense=1), "T0202", "patience"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "T0204", "below 1"),
        (lambda: callbacks.ModelCheckpoint("a", save_freq=0), "T0204", "save_freq"),
        (lambda: callbacks.BackupAndRestore(""), "T0204", "a path, not ''"),
        (lambda: callbacks.BackupAndRestore("a", "batch"), "T0204", "save_freq"),
        (lambda: callbacks.LearningRateScheduler(0.1), "T0204", "function"),
        (lambda: callbacks.CSVLogger("a", separator=", "), "T0204", "one character"),
        (
            lambda: callbacks.LambdaCallback(on_epoch_ende=print),
            "T0202",
            "did you mean `on_epoch_end`",
        ),
        (lambda: callbacks.LambdaCallback(on_epoch_end=3), "T0204", "function"),
        (lambda: CallbackList(["x"]), "T0204", "no callback"),
    ],
)
def test_wrong_arguments_are_told(make, code, word):
    refused(make, code, word)


@pytest.mark.parametrize(
    ("told", "code", "word"),
    [
        (callbacks.EarlyStopping("vall_loss"), "T0201", "loss, mae"),
        (callbacks.EarlyStopping(), "T0201", "validation data"),
        (callbacks.LearningRateScheduler(lambda e: 1), "T0204", "is a float"),
        (callbacks.SwapEMAWeights(swap_on_epoch=True), "T0204", "use_ema=True"),
        (callbacks.ModelCheckpoint("{acc}.tulle"), "T0204", "epoch, loss, mae"),
        (callbacks.ModelCheckpoint("m.json"), "T0707", ".tulle"),
        (callbacks.CSVLogger("no/such/log.csv"), "T0705", "no folder"),
    ],
)
def test_what_fit_refuses(told, code, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(lambda: fit(model(), [told]), code, word)


# Rates.


def rates_after(values, **settings):
    told = callbacks.ReduceLROnPlateau(**settings)
    found = fit(model(0.8), [figures(*values), told], len(values))
    return np.round(found.history["learning_rate"], 6).tolist()


@pytest.mark.parametrize(
    ("values", "settings", "rates"),
    [
        ([5, 5, 5, 5], {"patience": 1, "factor": 0.5}, [0.8, 0.8, 0.4, 0.2]),
        (
            [5, 5, 5, 5, 5],
            {"patience": 1, "factor": 0.5, "cooldown": 2},
            [0.8, 0.8, 0.4, 0.4, 0.2],
        ),
        (
            [5, 5, 5, 5],
            {"patience": 1, "factor": 0.1, "min_lr": 0.3},
            [0.8, 0.8, 0.3, 0.3],
        ),
        ([5, 4, 3], {"patience": 1}, [0.8, 0.8, 0.8]),
        ([1, 1.00005, 1.1], {"patience": 1, "mode": "max"}, [0.8, 0.8, 0.08]),
    ],
)
def test_reduce_on_plateau(values, settings, rates):
    """The figures have the rate that an epoch was trained with."""
    assert rates_after(values, **settings) == rates


@pytest.mark.parametrize(
    "schedule", [lambda epoch, rate: rate / 2, lambda epoch: 0.8 / 2 ** (epoch + 1)]
)
def test_scheduler(schedule, capsys):
    told = callbacks.LearningRateScheduler(schedule, verbose=1)
    found = fit(model(0.8), [told], 3)
    assert np.round(found.history["learning_rate"], 6).tolist() == [0.4, 0.2, 0.1]
    assert "epoch 3: the learning rate is 0.1\n" in capsys.readouterr().out


def test_scheduler_of_several_optimizers():
    rates = optimizers.OptimizerMap(
        optimizers.SGD(0.5), {".*bias": optimizers.Adam(0.25)}
    )
    made = Sequential([Input((2,)), layers.Dense(1)])
    made.compile(optimizers.MultiOptimizer(rates), "mse")
    told = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    found = made.fit(X, Y, verbose=0, callbacks=[told]).history
    assert found["learning_rate_sgd"] == [0.25]
    assert found["learning_rate_adam"] == [0.125]


def test_terminate_on_nan_can_raise(capsys):
    made = model(1e30)
    told = callbacks.TerminateOnNaN()
    with pytest.warns(TulleWarning, match="broken down"):
        fit(made, [told], 5)
    assert "the training stops" in capsys.readouterr().out
    refused(
        lambda: fit(model(1e30), [callbacks.TerminateOnNaN(raise_error=True)]),
        "T0706",
        "after batch",
    )


# Averages.


@pytest.mark.parametrize("on_epoch", [False, True])
@pytest.mark.parametrize("stop", [False, True])
def test_evaluation_with_moving_averages(on_epoch, stop):
    """The validation is that of the averages; the model ends with them."""
    made = model(0.3, use_ema=True, ema_momentum=0.5)
    averages, seen = [], []

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if stop and epoch == 2:
                self.model.stop_training = True
            slots = [made.optimizer.slot(v, "average") for v in made.trainable_weights]
            weights = made.trainable_weights if on_epoch else slots
            averages.append([v.numpy() for v in weights])
            other = model()
            other.set_weights(averages[-1])
            loss = other.evaluate(X, Y, verbose=0)[0]
            seen.append((loss, logs["val_loss"]))

    told = [callbacks.SwapEMAWeights(swap_on_epoch=on_epoch), Look()]
    fit(made, told, 4, validation_data=(X, Y))
    assert len(seen) == (3 if stop else 4)
    for ours, expected in seen:
        assert ours == pytest.approx(expected, rel=1e-5)
    plain = model(0.3, use_ema=True, ema_momentum=0.5)
    fit(plain, None, len(seen))
    for one, other in zip(made.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Files of models.


def test_checkpoint_after_each_epoch(tmp_path, capsys):
    made = model()
    path = tmp_path / "deep" / "{epoch:02d}-{loss:.3f}.tulle"
    found = fit(made, [callbacks.ModelCheckpoint(path, verbose=1)], 3)
    names = sorted(p.name for p in (tmp_path / "deep").iterdir())
    losses = found.history["loss"]
    assert names == [f"{i + 1:02d}-{loss:.3f}.tulle" for i, loss in enumerate(losses)]
    last = load_model(tmp_path / "deep" / names[-1])
    np.testing.assert_array_equal(last.get_weights()[0], made.get_weights()[0])
    assert capsys.readouterr().out.count("saved") == 3


@pytest.mark.parametrize("name", ["m-{epoch}.keras", "m.weights.h5"])
def test_a_checkpoint_asks_for_its_package_before_the_training(
    tmp_path, monkeypatch, name
):
    made = model()
    monkeypatch.setitem(sys.modules, "h5py", None)
    before, weights = made.get_weights(), name.endswith(".h5")
    kept = callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=weights)
    with pytest.raises(TulleError, match=r"T0802.*h5py"):
        fit(made, [kept], 1)
    np.testing.assert_array_equal(made.get_weights()[0], before[0])


def saved_in(values, tmp_path, **settings):
    """The epochs after which a model was written."""
    kept = []

    class Spy(callbacks.ModelCheckpoint):
        def _save(self, epoch, batch, logs):
            path.unlink(missing_ok=True)
            super()._save(epoch, batch, logs)
            if path.exists():
                kept.append(epoch)

    path = tmp_path / "m.safetensors"
    told = Spy(path, save_best_only=True, save_weights_only=True, **settings)
    fit(model(), [figures(*values), told], len(values))
    return kept


@pytest.mark.parametrize(
    ("values", "settings", "epochs"),
    [
        ([5, 4, 6, 4, 3], {}, [0, 1, 4]),
        ([5, 4, 6, 4, 7], {"mode": "max"}, [0, 2, 4]),
        ([5, 4, 6, 3.5, 3], {"initial_value_threshold": 4}, [3, 4]),
    ],
)
def test_only_the_best_is_kept(tmp_path, values, settings, epochs):
    assert saved_in(values, tmp_path, **settings) == epochs


def test_a_checkpoint_that_cannot_be_written_is_told_once(tmp_path, monkeypatch):
    made = model()
    told = callbacks.ModelCheckpoint(tmp_path / "m.tulle")
    fit(made, [told], 1)
    before = (tmp_path / "m.tulle").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(TulleWarning) as caught:
        found = fit(made, [told], 3)
    assert len(found.epoch) == 3
    (warning,) = caught
    assert re.search("no space left.*without this checkpoint", str(warning.message))
    assert (tmp_path / "m.tulle").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.tulle"]
    monkeypatch.undo()
    made.save(tmp_path / "elsewhere.tulle")
    np.testing.assert_array_equal(
        load_model(tmp_path / "elsewhere.tulle").get_weights()[0], made.get_weights()[0]
    )
