"""What a `.tulle` file keeps of a training: figures, random numbers, the place."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError, TulleError
from tulle.graph.layers import Dense, Dropout
from tulle.graph.network import Input
from tulle.graph.variable import set_random_seed
from tulle.training import metrics, saving
from tulle.training.callbacks import Callback
from tulle.training.dataset import Dataset
from tulle.training.model import Model

RECORDED = Path(__file__).parents[1] / "data" / "tulle"
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 6)).astype("float32")
Y = RANDOM.integers(0, 3, 40)
SAVED = {"initial_epoch": "saved", "batch_size": 8, "verbose": 0}


@pytest.fixture
def place(tmp_path):
    return tmp_path / "model.tulle"


def model():
    set_random_seed(1)
    x = Input((6,))
    h = Dropout(0.3)(Dense(6, activation="relu")(x))
    return compiled(Model(x, Dense(3, activation="softmax")(h)))


def compiled(made):
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    set_random_seed(5)
    return made


@saving.register_serializable("tests")
class Own(Model):
    """Steps of its own."""

    def __init__(self):
        super().__init__()
        self.hidden, self.end = Dropout(0.3), Dense(3, activation="softmax")

    def call(self, x):
        return self.end(self.hidden(x))

    def train_step(self, data):
        return super().train_step(data)


class SaveAt(Callback):
    """Saves the model after a number of batches, and notes its figures."""

    def __init__(self, place, at):
        super().__init__()
        self.place, self.left = place, at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            self.model.save(self.place)
            self.figures = self.model.get_metrics_result()


def same_weights(one, two):
    pairs = zip(one.get_weights(), two.get_weights(), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def loaded(place):
    """The model of a file, in a process that drew other numbers meanwhile."""
    again = saving.load_model(place)
    set_random_seed(99)
    return again


def test_a_file_of_the_middle_has_figures_seeds_and_the_place(place):
    whole, saver = model(), SaveAt(place, 13)
    told = whole.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[saver]).history
    again = loaded(place)
    assert again.get_metrics_result() == saver.figures
    assert saver.figures["accuracy"] != told["accuracy"][2]
    more = again.fit(X, Y, epochs=4, **SAVED).history
    assert more == {name: figures[2:] for name, figures in told.items()}
    assert same_weights(whole, again)
    assert int(again.optimizer.iterations.numpy()) == 20


def test_a_file_of_the_end_can_be_gone_on_from(place):
    whole = model()
    whole.fit(X, Y, epochs=3, batch_size=8, verbose=0)
    again = model()
    again.fit(X, Y, epochs=1, batch_size=8, verbose=0)
    again.save(place)
    again = loaded(place)
    again.save(place)  # once more, without a step between
    again = loaded(place)
    assert again.get_metrics_result()["accuracy"] > 0
    again.fit(X, Y, epochs=2, **SAVED)
    again.fit(X, Y, epochs=3, **SAVED)  # the same model, without a file
    assert same_weights(whole, again)


def test_data_sets_and_own_steps_go_on(place):
    def batches():
        return Dataset.from_tensor_slices((X, Y)).shuffle(40, seed=3).batch(8)

    whole, saver = compiled(Own()), SaveAt(place, 7)
    whole.fit(batches(), epochs=3, verbose=0, callbacks=[saver])
    again = loaded(place)
    assert again.get_metrics_result() == saver.figures
    again.fit(batches(), epochs=3, verbose=0, initial_epoch="saved")
    assert same_weights(whole, again)


def test_an_epoch_may_end_within_a_pass(place):
    whole, again = model(), model()
    given = {"batch_size": 7, "steps_per_epoch": 3, "verbose": 0}
    set_random_seed(5)
    whole.fit(X, Y, epochs=4, **given)
    set_random_seed(5)
    again.fit(X, Y, epochs=1, **given)
    again.save(place)
    again = loaded(place)
    again.fit(X, Y, epochs=4, initial_epoch="saved", **given)
    assert same_weights(whole, again)


def test_metrics_that_shapes_decide_keep_their_figures(place):
    x = Input((6,))
    made = Model(x, Dense(3, activation="sigmoid")(x))
    kinds = [metrics.AUC(multi_label=True), metrics.R2Score(), "accuracy"]
    made.compile("sgd", "mse", metrics=kinds, weighted_metrics=["accuracy"])
    y = RANDOM.integers(0, 2, (40, 3)).astype("float32")
    made.fit(X, y, verbose=0)
    found = made.get_metrics_result()
    assert len(found) == 5
    made.save(place)
    again = saving.load_model(place)
    assert again.get_metrics_result() == found
    pair = X[:4], y[:4]
    assert again.train_on_batch(*pair) == made.train_on_batch(*pair)
    assert saving.load_model(place, compile=False).compiled is None


def test_without_a_place_that_is_told(place):
    fresh = model()
    fresh.save(place)
    with pytest.raises(DataError, match="T0703"):
        loaded(place).fit(X, Y, **SAVED)
    with pytest.raises(TulleError, match="T0204"):
        fresh.fit(X, Y, initial_epoch="last")

    class Broken(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("anything")

    with pytest.raises(KeyError):
        fresh.fit(X, Y, verbose=0, callbacks=[Broken()])
    with pytest.raises(DataError, match="T0703"):  # how far a step came is not known
        fresh.fit(X, Y, **SAVED)


def test_data_that_are_cut_otherwise(place):
    model().fit(X, Y, batch_size=8, verbose=0, callbacks=[SaveAt(place, 2)])
    with pytest.raises(DataError, match="`batch_size` 8, and now it is 4") as caught:
        loaded(place).fit(X, Y, **{**SAVED, "batch_size": 4})
    assert "leave `initial_epoch='saved'` out" in caught.value.diagnostics[0].help[1]
    with pytest.raises(DataError, match="samples 40, and now it is 39"):
        loaded(place).fit(X[:-1], Y[:-1], **SAVED)


def test_files_of_version_1_are_read(tmp_path):
    """Written, and its figures told, by the Tulle of before `checksums.json`."""
    source = RECORDED / "version-1.tulle"
    again = saving.load_model(source)
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
    told = [[0.34249568, 0.65750426], [0.38735625, 0.61264378]]
    np.testing.assert_allclose(again.predict(x[:2], verbose=0), told, rtol=1e-6)
    again.fit(x, np.arange(8) % 2, batch_size=4, verbose=0)
    assert int(again.optimizer.iterations.numpy()) == 6
    content = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        start = archive.getinfo("weights.safetensors").header_offset
    content[start + 1500] ^= 1
    (tmp_path / "changed.tulle").write_bytes(content)
    with pytest.raises(DataError, match="T0704"):
        saving.load_model(tmp_path / "changed.tulle")
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["sha256"] = "0" * 64
    members["config.json"] = json.dumps(config).encode()
    _write(tmp_path / "changed.tulle", members)
    with pytest.raises(DataError, match="checksum"):
        saving.load_model(tmp_path / "changed.tulle")


# What nobody should trust.


def _write(place, members):
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def rewritten(place, config, weights):
    members = {"config.json": json.dumps(config).encode()}
    members["weights.safetensors"] = weights
    sums = {name: sha256(content).hexdigest() for name, content in members.items()}
    _write(place, {**members, "checksums.json": json.dumps(sums).encode()})


@pytest.fixture
def middle(place):
    """Configuration and arrays of a file that was saved in the middle of a training."""
    kinds = ("accuracy", metrics.AUC(num_thresholds=5))
    x = Input((6,))
    made = Model(x, Dense(1, activation="sigmoid")(Dropout(0.1)(x)))
    made.compile("sgd", "mse", metrics=[*kinds])
    target = (Y > 0).astype("float32")
    made.fit(X, target, batch_size=8, verbose=0, callbacks=[SaveAt(place, 2)])
    with zipfile.ZipFile(place) as archive:
        config = json.loads(archive.read("config.json"))
        return config, archive.read("weights.safetensors")


def each_part(config):
    """The record of the training with each part in turn replaced by nonsense.

    By every second kind of it, which are others for the part that comes next.
    """
    stack, turn = [(config, "training")], 0
    while stack:
        parent, key = stack.pop()
        old, turn = parent[key], turn + 1
        wrongs = None, -1, 2**40, 2**70, "x", [], {}, {"array": "no"}
        for wrong in wrongs[turn % 2 :: 2]:
            parent[key] = wrong
            yield
        parent[key] = old
        if isinstance(old, dict):
            stack += [(old, inner) for inner in old]
        elif isinstance(old, list):
            stack += [(old, inner) for inner in range(len(old))]


@pytest.mark.slow
def test_a_hostile_record_of_a_training(middle, place):
    config, weights = middle
    target = (Y > 0).astype("float32")
    loads = refusals = late = 0
    for _ in each_part(config):
        rewritten(place, config, weights)
        try:
            again = saving.load_model(place)
        except DataError:
            refusals += 1
            continue
        loads += 1
        if loads % 5:  # for time's sake
            continue
        try:
            again.fit(X, target, epochs=1, **SAVED)
        except TulleError:
            late += 1
    assert refusals > 50
    assert late > 2


def test_hostile_figures(middle, place):
    from safetensors.numpy import load, save

    config, weights = middle
    arrays = load(weights)
    for name in [name for name in arrays if name.startswith("metric/")]:
        for wrong in (np.zeros((7, 7), "float32"), np.zeros(0, "float32")):
            rewritten(place, config, save({**arrays, name: wrong}))
            with pytest.raises(DataError, match="T0704"):
                saving.load_model(place)
    # One that belongs to no metric waits for a step that makes it, and is forgotten.
    stray = {**arrays, "metric/9/0": np.zeros(3, "float32")}
    rewritten(place, config, save(stray))
    again = saving.load_model(place)
    assert "metric/9/0" in again.compiled.pending_figures
    again.evaluate(X, (Y > 0).astype("float32"), verbose=0)
    assert not again.compiled.pending_figures
