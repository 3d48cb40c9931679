"""Callbacks that write figures: rows of files, events, the display."""

import csv
import importlib.util
import io
import json
import struct
import sys

import numpy as np
import pytest

from tulle import TulleError, callbacks, layers, optimizers
from tulle.callbacks import CallbackList
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.training.model import Sequential

X = np.arange(40, dtype="float32").reshape(20, 2) / 40
Y = X.sum(axis=1, keepdims=True)

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboardX") is None, reason="needs tensorboardX"
)


def model():
    made = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
    made.compile(optimizers.SGD(0.1), "mse")
    return made


def fit(made, told, epochs=2, **more):
    given = {"batch_size": 8, "verbose": 0, "shuffle": False, **more}
    return made.fit(X, Y, epochs=epochs, callbacks=told, **given)


def rows(path, **options):
    with path.open(newline="") as file:
        return list(csv.reader(file, **options))


def test_rows_of_csv(tmp_path):
    path = tmp_path / "log.csv"
    found = fit(model(), [callbacks.CSVLogger(path)], 3)
    head, *body = rows(path)
    assert head == ["epoch", "loss"]
    assert [int(row[0]) for row in body] == [0, 1, 2]
    assert [float(row[1]) for row in body] == found.history["loss"]


def test_csv_is_begun_anew_or_added_to(tmp_path):
    path = tmp_path / "log.csv"
    for append in (False, False, True):
        told = callbacks.CSVLogger(path, separator=";", append=append)
        fit(model(), [told], 2)
    found = [row[0] for row in rows(path, delimiter=";")]
    assert found == ["epoch", "0", "1", "0", "1"]


def test_csv_has_columns_for_a_validation_that_comes_later(tmp_path):
    path = tmp_path / "log.csv"
    told = [callbacks.CSVLogger(path)]
    fit(model(), told, 2, validation_data=(X, Y), validation_freq=2)
    head, first, second = rows(path)
    assert head == ["epoch", "loss", "val_loss"]
    assert first[2] == "NA"
    assert float(second[2]) > 0


def test_arrays_in_csv(tmp_path):
    told = callbacks.CSVLogger(tmp_path / "log.csv")
    parts = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(parts=np.array([1.0, 2.5]))
    )
    fit(model(), [parts, told], 1)
    assert rows(tmp_path / "log.csv")[1][2] == '"[1.0, 2.5]"'


def test_lines_of_json(tmp_path):
    path = tmp_path / "log.jsonl"
    nothing = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(odd=float("nan"))
    )
    found = fit(model(), [nothing, callbacks.JSONLogger(path)], 2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert [line["loss"] for line in lines] == found.history["loss"]
    assert [line["odd"] for line in lines] == [None, None]
    assert all(line["seconds"] > 0 for line in lines)


@pytest.mark.parametrize("kind", [callbacks.CSVLogger, callbacks.JSONLogger])
def test_rows_of_epochs_that_are_run_again_are_taken_back(tmp_path, kind):
    """The state is of the second epoch; two more had been written since."""
    path, logger = tmp_path / "log", kind(tmp_path / "log")
    fit(model(), [logger], 2)
    state, size = logger.get_state(), path.stat().st_size
    fit(model(), [kind(path, append=True)], 2)
    assert path.stat().st_size > size
    again = kind(path)
    again.on_train_begin()
    again.set_state(state)
    again.on_epoch_end(2, {"loss": 0.5})
    text = path.read_text()
    assert len(text.splitlines()) == 3 + (kind is callbacks.CSVLogger)
    assert "0.5" in text.splitlines()[-1]


def test_a_log_that_takes_no_more_is_told_once(tmp_path):
    path = tmp_path / "log.csv"

    def lose(epoch, logs):
        if epoch == 1:
            path.unlink()
            path.mkdir()

    watch = callbacks.LambdaCallback(on_epoch_begin=lose)
    with pytest.warns(TulleWarning, match="takes no more rows") as caught:
        found = fit(model(), [watch, callbacks.CSVLogger(path)], 4)
    assert len(caught) == 1
    assert len(found.epoch) == 4


# Events.


def events(path):
    """The records of an event file, their sums checked, each as tag, step and value."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = path.read_bytes(), []
    while data:
        length, check = struct.unpack("<QI", data[:12])
        body, rest = data[12 : 12 + length], data[12 + length :]
        assert check == masked(data[:8])
        assert struct.unpack("<I", rest[:4])[0] == masked(body)
        event, data = Event.FromString(body), rest[4:]
        found += [(value.tag, event.step, value) for value in event.summary.value]
    return found


def masked(data):
    """The checksum of event files: CRC-32C (RFC 3720), turned and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_the_checksum_of_the_test_itself():
    """The check value of CRC-32C is that of the nine digits."""
    crc = (masked(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert ((crc << 15) | (crc >> 17)) & 0xFFFFFFFF == 0xE3069283


def all_events(folder):
    return [event for path in sorted(folder.iterdir()) for event in events(path)]


@needs_tensorboard
def test_scalars_of_epochs_and_evaluations(tmp_path):
    told = callbacks.TensorBoard(tmp_path)
    found = fit(model(), [told], 3, validation_data=(X, Y))
    train = all_events(tmp_path / "train")
    losses = [v.simple_value for tag, _, v in train if tag == "epoch_loss"]
    np.testing.assert_allclose(losses, found.history["loss"], rtol=1e-6)
    assert [step for tag, step, _ in train if tag == "epoch_loss"] == [0, 1, 2]
    rates = [v.simple_value for tag, _, v in train if tag == "epoch_learning_rate"]
    np.testing.assert_allclose(rates, [0.1] * 3)
    assert "layers/text_summary" in {tag for tag, _, _ in train}
    other = all_events(tmp_path / "validation")
    steps = [s for tag, s, _ in other if tag == "evaluation_loss_vs_iterations"]
    assert steps == [3, 6, 9]
    values = [v.simple_value for tag, _, v in other if tag == "epoch_loss"]
    np.testing.assert_allclose(values, found.history["val_loss"], rtol=1e-6)


@needs_tensorboard
def test_scalars_of_batches_and_weights(tmp_path):
    pytest.importorskip("PIL")
    told = callbacks.TensorBoard(
        tmp_path,
        histogram_freq=2,
        write_images=True,
        update_freq=2,
        write_graph=False,
        write_steps_per_second=True,
    )
    made = model()
    fit(made, [told], 3)  # nine batches
    found = all_events(tmp_path / "train")
    assert [s for tag, s, _ in found if tag == "batch_loss"] == [2, 4, 6, 8]
    speeds = [v.simple_value for tag, _, v in found if "steps_per_second" in tag]
    assert len(speeds) == 4 + 3
    assert min(speeds) > 0
    bars = [(s, v) for tag, s, v in found if tag == "dense/kernel/histogram"]
    assert [step for step, _ in bars] == [0, 2]
    assert bars[1][1].histo.max == pytest.approx(made.get_weights()[0].max(), rel=1e-6)
    pictures = [v.image for tag, _, v in found if tag == "dense/kernel/image"]
    assert [(p.height, p.width) for p in pictures] == [(2, 1)] * 2


@needs_tensorboard
def test_events_of_a_resumed_training_are_there_once(tmp_path):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("stop")

    def told(*more):
        events, backup = tmp_path / "events", tmp_path / "backup"
        return [
            callbacks.TensorBoard(events), *more, callbacks.BackupAndRestore(backup)
        ]  # fmt: skip

    with pytest.raises(RuntimeError):
        fit(model(), told(Stop()), 5)
    fit(model(), told(), 5)
    found = all_events(tmp_path / "events" / "train")
    steps = [step for tag, step, _ in found if tag == "epoch_loss"]
    assert sorted(steps) == [0, 1, 2, 3, 4]


@needs_tensorboard
def test_what_is_not_written_for_tensorboard_is_refused():
    for name in ("profile_batch", "embeddings_freq", "embeddings_metadata"):
        with pytest.raises(TulleError, match=name):
            callbacks.TensorBoard(**{name: 2})


def test_a_library_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(TulleError, match=r"tulle\[tensorboard\]"):
        callbacks.TensorBoard()


# The display.


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_display_as_a_callback_shows_what_fit_shows(capsys):
    fit(model(), None, 2, verbose=2)
    plain = capsys.readouterr().out
    fit(model(), [callbacks.ProgbarLogger()], 2, verbose=2)
    told = capsys.readouterr().out

    def cut(text):
        return [line.split("  ")[:2] for line in text.splitlines()]

    assert cut(plain) == cut(told)
    assert len(cut(told)) == 2


def test_the_display_of_a_loop_of_ones_own(capsys):
    made = model()
    told = CallbackList(
        None, add_progbar=True, model=made, epochs=2, steps=3, verbose=2, batch_size=8
    )
    told.on_train_begin()
    for epoch in range(2):
        told.on_epoch_begin(epoch)
        for batch in range(3):
            logs = made.train_on_batch(X[:8], Y[:8], return_dict=True)
            told.on_train_batch_end(batch, logs)
        told.on_epoch_end(epoch, logs)
    told.on_train_end()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2  loss ")
    assert second.startswith("epoch 2/2  loss ")
    assert second.endswith("samples/s")


def test_a_live_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    fit(model(), [callbacks.ProgbarLogger()], 1, verbose=1)
    assert "\x1b[" in terminal.getvalue()
    assert "epoch 1/1  loss" in terminal.getvalue()
