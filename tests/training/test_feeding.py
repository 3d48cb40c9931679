"""Training on data in batches: the same numbers as on arrays, and mistakes."""

import tracemalloc

import numpy as np
import pytest

from tulle.data import Dataset
from tulle.graph.diagnostics import TulleError
from tulle.graph.layers import Dense
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.graph.variable import set_random_seed
from tulle.training.losses import SparseCategoricalCrossentropy
from tulle.training.model import Model

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(103, 4)).astype("float32")
Y = RANDOM.integers(0, 3, 103)
W = RANDOM.random(103).astype("float32")


def small(run_eagerly=False):
    set_random_seed(3)
    x = Input((4,))
    model = Model(x, Dense(3)(Dense(8, activation="relu")(x)))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=run_eagerly)
    return model


def pieces(*arrays, size=32):
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, 103, size)]


class Numbered:
    """Batches by number, as a `PyDataset` of Keras has them."""

    def __init__(self):
        self.ended = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return pieces(X, Y)[index]

    def on_epoch_end(self):
        self.ended += 1


class Tensor:
    """As much of a tensor of PyTorch as is looked at."""

    def __init__(self, array):
        self.array, self.shape, self.ndim = array, array.shape, array.ndim

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Loader:
    """As a `DataLoader` of PyTorch: lists of tensors, again and again."""

    def __len__(self):
        return 4

    def __iter__(self):
        for x, y in pieces(X, Y):
            yield [Tensor(x), Tensor(y)]


def forever():
    while True:
        yield from pieces(X, Y)


def on_disk(tmp_path):
    mapped = np.memmap(tmp_path / "x.dat", "float32", "w+", shape=X.shape)
    mapped[:] = X
    return mapped


SOURCES = {
    "dataset": lambda: Dataset.from_tensor_slices((X, Y)).batch(32),
    "prefetched": lambda: Dataset.from_tensor_slices((X, Y)).batch(32).prefetch(2),
    "numbered": Numbered,
    "loader": Loader,
    "generator": forever,
}


def same(one, two):
    assert one.history.keys() == two.history.keys()
    for name, figures in one.history.items():
        np.testing.assert_array_equal(figures, two.history[name])


def refused(function, code, *words):
    with pytest.raises(TulleError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    for word in words:
        assert word in str(found), str(found)
    assert found.span.source.name == __file__


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("kind", SOURCES)
def test_batches_train_as_arrays_do(kind, eagerly):
    steps = 4 if kind == "generator" else None
    given = {"epochs": 2, "verbose": 0, "shuffle": False}
    arrays, batches = small(eagerly), small(eagerly)
    wanted = arrays.fit(X, Y, validation_data=(X, Y), **given)
    found = batches.fit(
        SOURCES[kind](),
        steps_per_epoch=steps,
        validation_data=SOURCES[kind](),
        validation_steps=steps,
        **given,
    )
    same(wanted, found)
    for a, b in zip(arrays.get_weights(), batches.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    figures = batches.evaluate(SOURCES[kind](), steps=steps, verbose=0)
    assert figures == arrays.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(
        batches.predict(SOURCES[kind](), steps=steps, verbose=0),
        arrays.predict(X, verbose=0),
    )


def test_a_memory_map_trains_as_an_array_does(tmp_path):
    same(
        small().fit(X, Y, epochs=3, verbose=0, validation_split=0.2),
        small().fit(on_disk(tmp_path), Y, epochs=3, verbose=0, validation_split=0.2),
    )


def test_a_memory_map_is_never_copied_whole(tmp_path):
    mapped = np.memmap(tmp_path / "x.dat", "float32", "w+", shape=(200_000, 64))
    x = Input((64,))
    model = Model(x, Dense(1)(x))
    model.compile("sgd", "mse")
    targets = np.zeros(len(mapped), "float32")[:, None]
    model.fit(mapped[:64], targets[:64], verbose=0)
    tracemalloc.start()
    model.fit(mapped, targets, batch_size=5000, verbose=0)
    model.evaluate(mapped, targets, batch_size=5000, verbose=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < mapped.nbytes / 4


def test_weights_of_samples_and_classes_come_along():
    given = {"epochs": 2, "verbose": 0, "shuffle": False}
    weighed = Dataset.from_tensor_slices((X, Y, W)).batch(32)
    same(
        small().fit(X, Y, sample_weight=W, **given),
        small().fit(weighed, **given),
    )
    classes = {0: 1.0, 1: 2.0, 2: 0.5}
    plain = Dataset.from_tensor_slices((X, Y)).batch(32)
    same(
        small().fit(X, Y, class_weight=classes, **given),
        small().fit(plain, class_weight=classes, **given),
    )


def test_steps_per_epoch_go_on_where_the_last_epoch_ended():
    """Six epochs of two batches are three passes of four."""
    given = {"verbose": 0, "shuffle": False}
    wanted, found = small(), small()
    wanted.fit(X, Y, epochs=3, **given)
    history = found.fit(X, Y, epochs=6, steps_per_epoch=2, **given)
    assert len(history.epoch) == 6
    for a, b in zip(wanted.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    endless = Dataset.from_tensor_slices((X, Y)).batch(32).repeat()
    same(history, small().fit(endless, epochs=6, steps_per_epoch=2, **given))


@pytest.mark.parametrize("kind", ["arrays", "dataset", "numbered"])
@pytest.mark.parametrize("steps", [None, 2])
def test_a_later_first_epoch_shuffles_as_if_the_others_had_been(kind, steps):
    def seen(initial_epoch):
        rows = Dataset.from_tensor_slices((X, Y)).shuffle(103, seed=5).batch(32)
        sources = {"arrays": (X, Y), "dataset": (rows,), "numbered": (Numbered(),)}
        model = small()
        model.optimizer.learning_rate = 0.0
        given = {"epochs": 5, "steps_per_epoch": steps, "verbose": 0}
        return model.fit(*sources[kind], initial_epoch=initial_epoch, **given).history

    whole, later = seen(0), seen(2)
    np.testing.assert_array_equal(whole["accuracy"][2:], later["accuracy"])


def test_batches_by_number_are_shuffled_and_hear_of_epochs():
    numbered = Numbered()
    shuffled = small().fit(numbered, epochs=3, verbose=0)
    assert numbered.ended == 3
    ordered = small().fit(Numbered(), epochs=3, verbose=0, shuffle=False)
    assert shuffled.history["loss"] != ordered.history["loss"]


def test_validation_now_and_then():
    given = {"epochs": 4, "verbose": 0, "validation_data": (X, Y)}
    every = small().fit(X, Y, validation_freq=2, **given)
    assert len(every.history["val_loss"]) == 2
    some = small().fit(X, Y, validation_freq=[1, 2, 4], **given)
    assert len(some.history["val_loss"]) == 3


def test_data_that_end_early_are_told():
    def short():
        yield from pieces(X, Y)

    model = small()
    with pytest.warns(TulleWarning, match="after 1 of 3 batches of epoch 2/3"):
        history = model.fit(short(), steps_per_epoch=3, epochs=3, verbose=0)
    assert history.epoch == [0, 1]
    with pytest.warns(TulleWarning, match="gave no batch for epoch 2/2"):
        history = small().fit(short(), epochs=2, verbose=0)
    assert history.epoch == [0]
    with pytest.warns(TulleWarning, match="gave no batch"):
        refused(lambda: model.evaluate(iter([]), verbose=0), "T0701", "no batch")


@pytest.mark.parametrize(
    ("batch", "code", "words"),
    [
        ((X[:8, :3], Y[:8]), "T0701", "batch 1 of the generator"),
        ((X[:8], Y[:7]), "T0701", "batch 1 of the generator"),
        ((X[:8],), "T0703", "batch 1 of the generator"),
        ((X[:8], Y[:8], W[:8], W[:8]), "T0701", "4 parts"),
        ((X[:8].astype("U"), Y[:8]), "T0702", "text"),
        ((np.full((8, 4), np.nan, "float32"), Y[:8]), "T0706", "batch 1"),
        ((X[:8], Y[:8] + 9), "T0708", "batch 1"),
    ],
)
def test_a_wrong_batch_is_told_by_its_number(batch, code, words):
    def wrong():
        yield X[:8], Y[:8]
        yield batch

    refused(lambda: small().fit(wrong(), verbose=0), code, words)


def test_what_does_not_go_with_batches():
    model, data = small(), Dataset.from_tensor_slices((X, Y)).batch(8)
    refused(lambda: model.fit(data, Y), "T0204", "`y`")
    refused(lambda: model.fit(data, sample_weight=W), "T0204", "`sample_weight`")
    refused(lambda: model.fit(data, validation_split=0.1), "T0204", "cuts arrays")
    refused(lambda: model.fit(data, steps_per_epoch=0), "T0204", "steps_per_epoch")


def test_an_error_of_a_generator_is_its_own():
    def broken():
        yield X[:8], Y[:8]
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        small().fit(broken(), verbose=0)
