"""`BackupAndRestore`: what it keeps, and what it refuses to go on from."""

import json
import os
import signal
import threading
import zipfile

import numpy as np
import pytest

from tulle import TulleError, callbacks, layers, optimizers
from tulle.graph.network import Input
from tulle.graph.variable import set_random_seed
from tulle.training.model import Sequential
from tulle.training.notices import TulleWarning
from tulle.training.snapshot_files import packed, read_snapshot, unpacked

X = np.arange(80, dtype="float32").reshape(40, 2) / 80
Y = X.sum(axis=1, keepdims=True)


def model(units=3):
    set_random_seed(4)
    made = Sequential([Input((2,)), layers.Dense(units, "tanh"), layers.Dense(1)])
    made.compile(optimizers.Adam(0.01), "mse")
    return made


def fit(made, told, epochs=3, size=40, **more):
    given = {"batch_size": 8, "verbose": 0, **more}
    return made.fit(X[:size], Y[:size], epochs=epochs, callbacks=told, **given)


class Leave(callbacks.Callback):
    """Ends a training after so many batches."""

    def __init__(self, left):
        self.left = left

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise EOFError


def left_after(batches, folder, **settings):
    """A training that ended with an error; the callback that kept it."""
    told = callbacks.BackupAndRestore(folder, **settings)
    with pytest.raises(EOFError):
        fit(model(), [told, Leave(batches)])
    return told


def refused(action, code, *words):
    with pytest.raises(TulleError) as caught:
        action()
    (told,) = caught.value.diagnostics
    assert told.code == code
    text = f"{told.message} {' '.join(told.help)}"
    assert all(word in text for word in words), text


def test_the_state_is_removed_at_the_end_unless_it_is_kept(tmp_path):
    for delete in (True, False):
        folder = tmp_path / str(delete)
        fit(model(), [callbacks.BackupAndRestore(folder, delete_checkpoint=delete)])
        assert folder.exists() is not delete
    state = read_snapshot(folder / "latest.state")
    assert state.finished
    assert state.place == "after epoch 3"


def test_a_learning_rate_that_was_changed_is_told(tmp_path):
    """The one that was kept is used, also where a callback had changed it."""
    slower = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    told = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(EOFError):
        fit(model(), [told, Leave(12), slower])
    told = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    again = model()
    again.compile(optimizers.Adam(0.5), "mse")
    with pytest.warns(TulleWarning, match=r"is 0\.5 now.* with 0\.0025, which `"):
        fit(again, [told, slower])
    whole = model()
    fit(whole, [slower])
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()
    fit(model(), [told, slower], 4)  # as it was: nothing is told


def test_what_else_is_in_the_folder_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(model(), [callbacks.BackupAndRestore(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_kept_state_goes_on_with_more_epochs(tmp_path):
    whole = model()
    found = fit(whole, None, 5)
    parts = model()
    kept = callbacks.BackupAndRestore(tmp_path, 3, delete_checkpoint=False)
    fit(parts, [kept], 2)
    assert fit(parts, [kept], 5).history == found.history
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_early_stopping_stays_stopped(tmp_path):
    class After(callbacks.Callback):
        """The process ends after the last epoch, before `fit` does."""

        def on_train_end(self, logs=None):
            raise EOFError

    def told(*more):
        stop = callbacks.EarlyStopping("loss", patience=1, min_delta=9.0)
        return [stop, callbacks.BackupAndRestore(tmp_path), *more]

    with pytest.raises(EOFError):
        fit(model(), told(After()), 9)
    found = fit(model(), told(), 9)
    assert len(found.epoch) == 2
    assert not tmp_path.exists()


def test_the_place_that_is_told_on_going_on(tmp_path):
    told = left_after(8, tmp_path, save_freq=3)
    heard = []
    told.told = heard.append
    fit(model(), [told])
    assert heard == ["going on after step 1 of epoch 2"]


def test_the_state_before_helps_out(tmp_path):
    left_after(8, tmp_path, save_freq=2, double_checkpoint=True)
    latest = tmp_path / "latest.state"
    assert read_snapshot(latest).place == "after step 1 of epoch 2"
    assert read_snapshot(tmp_path / "previous.state").place == "after step 4 of epoch 1"
    latest.write_bytes(latest.read_bytes()[:1000])
    whole, again = model(), model()
    fit(whole, None)
    with pytest.warns(TulleWarning, match=r"previous\.state`, is taken"):
        fit(again, [callbacks.BackupAndRestore(tmp_path)])
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_rests_of_a_kill_are_swept_up(tmp_path):
    (tmp_path / ".tulle-abc").write_text("half a state")
    fit(model(), [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    assert [path.name for path in tmp_path.iterdir()] == ["latest.state"]


# What is refused.


def test_another_model_and_other_data(tmp_path):
    left_after(8, tmp_path, save_freq=3)
    told = [callbacks.BackupAndRestore(tmp_path)]
    refused(lambda: fit(model(4), told), "T0704", "another model", "shape (2, 3)")
    refused(
        lambda: fit(model(), told, batch_size=4), "T0704", "`batch_size` 8", "it is 4"
    )
    refused(lambda: fit(model(), told, size=32), "T0704", "samples 40", "it is 32")
    other = Sequential([Input((2,)), layers.Dense(1, name="only")])
    other.compile("adam", "mse")
    refused(lambda: fit(other, told), "T0704", "it has no weight `only/kernel`")
    fit(model(), told)  # and it is there still


def test_between_epochs_other_data_are_fine(tmp_path):
    left_after(7, tmp_path)
    found = fit(model(), [callbacks.BackupAndRestore(tmp_path)], batch_size=4)
    assert found.epoch == [0, 1, 2]


def _without(key):
    def change(whole):
        whole["state"]["dict"] = [p for p in whole["state"]["dict"] if p[0] != key]

    return change


def _with(key, value):
    def change(whole):
        for pair in whole["state"]["dict"]:
            if pair[0] == key:
                pair[1] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        *map(_without, ("epoch", "course", "drawn", "callbacks", "steps", "over")),
        _with("epoch", "many"),
        _with("course", None),
        _with("course", {"dict": [["taken", 3]]}),
        _with("drawn", {"dict": [["generators", []], ["seed", [1, 2]]]}),
        _with("callbacks", {"array": "no/such"}),
        _with("callbacks", 3),
        _with("steps", {"strange": 1}),
        lambda whole: whole.update(format="another"),
        lambda whole: whole.update(version=99),
        lambda whole: whole.update(sha256="0"),
    ],
)
def test_damaged_states_are_told(tmp_path, change):
    left_after(8, tmp_path, save_freq=3)
    path = tmp_path / "latest.state"
    with zipfile.ZipFile(path) as archive:
        whole = json.loads(archive.read("state.json"))
        content = archive.read("arrays.safetensors")
    change(whole)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.json", json.dumps(whole))
        archive.writestr("arrays.safetensors", content)
    told = [callbacks.BackupAndRestore(tmp_path)]
    refused(lambda: fit(model(), told), "T0704", "latest.state")


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "file").touch()
    made = model()
    before = made.get_weights()
    told = callbacks.BackupAndRestore(tmp_path / "file" / "deep")
    refused(lambda: fit(made, [told]), "T0705", "cannot be written")
    np.testing.assert_array_equal(made.get_weights()[0], before[0])


def test_state_of_a_callback_that_has_no_form(tmp_path):
    class Odd(callbacks.Callback):
        state_attributes = ("thing",)
        thing = object()

    told = [Odd(), callbacks.BackupAndRestore(tmp_path)]
    refused(lambda: fit(model(), told), "T0709", "state_attributes")


def test_nests_come_back_as_they_were():
    nest = {
        "numbers": [1, 2.5, -0.0, float("inf"), 2**70, True, None],
        "pair": ("a", {3: np.arange(4, dtype="uint64")}),
        "scalar": np.float32(0.1),
        "empty": [[], {}, ()],
    }
    arrays = {}
    text = json.dumps(packed(nest, arrays))
    found = unpacked(json.loads(text), arrays)
    assert found["numbers"] == nest["numbers"]
    assert found["scalar"] == float(np.float32(0.1))
    assert found["empty"] == nest["empty"]
    assert found["pair"][0] == "a"
    assert found["pair"][1][3].dtype == "uint64"
    np.testing.assert_array_equal(found["pair"][1][3], np.arange(4))


# Signals.


class Signal(callbacks.Callback):
    """Sends a signal to its own process, as Ctrl-C does, in the second batch."""

    def __init__(self, times=1):
        self.times = times

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_handler")
def test_control_c_waits_for_the_end_of_the_batch(tmp_path):
    made = model()
    told = callbacks.BackupAndRestore(tmp_path / "kept", save_freq=False)
    with (
        pytest.warns(TulleWarning, match="after step 2 of epoch 1; the training is"),
        pytest.raises(KeyboardInterrupt, match="stopped by Ctrl-C"),
    ):
        fit(made, [told, Signal()])
    whole, again = model(), model()
    fit(whole, None)
    fit(again, [told])
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.usefixtures("usual_handler")
def test_a_second_control_c_comes_through_at_once(tmp_path):
    told = callbacks.BackupAndRestore(tmp_path / "kept")
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        fit(model(), [told, Signal(2)])
    assert not (tmp_path / "kept" / "latest.state").exists()


@pytest.mark.usefixtures("usual_handler")
def test_without_a_place_to_keep_it_control_c_is_as_ever():
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        fit(model(), [Signal()])


def test_handlers_of_others_stay(tmp_path):
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        fit(model(), [callbacks.BackupAndRestore(tmp_path), Signal()], 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [1]


def test_on_another_thread_signals_are_left_alone(tmp_path):
    """Only the main one may have handlers."""
    done = []

    def work():
        done.append(fit(model(), [callbacks.BackupAndRestore(tmp_path)]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(done[0].epoch) == 3
