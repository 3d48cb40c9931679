"""Helpers for data: classes as rows, padding, windows, parts, batches by number."""

import threading

import numpy as np
import pytest

import tulle
from tulle import Input, Sequential, layers, utils
from tulle.graph.diagnostics import DataError, TensorTypeError


def test_classes_as_rows():
    found = utils.to_categorical([[2], [0]], num_classes=4)
    np.testing.assert_array_equal(found, [[0, 0, 1, 0], [1, 0, 0, 0]])
    assert utils.to_categorical(np.zeros((2, 3), int)).shape == (2, 3, 1)
    tensor = utils.to_categorical(tulle.constant([1]))
    assert isinstance(tensor, tulle.Tensor)


@pytest.mark.parametrize(("x", "classes"), [([3], 3), ([-1, 0], None)])
def test_numbers_without_a_class(x, classes):
    with pytest.raises(DataError, match="T0708"):
        utils.to_categorical(x, classes)


def test_normalize_by_other_norms():
    x = np.array([[1.0, -3.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x, order=1), [[0.25, -0.75], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0), [[1, -1], [0, 0]])
    found = utils.normalize(tulle.convert_to_tensor(x.astype("float32")), order=1)
    np.testing.assert_allclose(found, [[0.25, -0.75], [0, 0]])


def test_symbols_are_normalized_in_a_model():
    x = Input((2,))
    model = tulle.Model(x, utils.normalize(x, axis=1))
    found = model.predict(np.array([[3.0, 4.0], [0.0, 0.0]]), verbose=0)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, [[0, 0, 1], [2, 3, 4]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 4]]),
        ({"maxlen": 2}, [[0, 1], [3, 4]]),
        ({"maxlen": 2, "truncating": "post", "value": 7}, [[7, 1], [2, 3]]),
    ],
)
def test_padding(settings, wanted):
    found = utils.pad_sequences([[1], [2, 3, 4]], **settings)
    assert found.dtype == np.int32
    assert found.tolist() == wanted


def test_padding_of_vectors_and_of_nothing():
    found = utils.pad_sequences([[[1.5, 2]], [[3, 4], [5, 6]], []], dtype="float32")
    assert found.shape == (3, 2, 2)
    assert found[0].tolist() == [[0, 0], [1.5, 2]]
    assert utils.pad_sequences([[], []]).shape == (2, 0)


def test_what_is_no_sequence_is_told():
    with pytest.raises(DataError, match="T0702"):
        utils.pad_sequences([1, 2])
    with pytest.raises(DataError, match="T0701"):
        utils.pad_sequences([[[1]], [[1, 2]]])
    with pytest.raises(TensorTypeError, match="`padding` is one of"):
        utils.pad_sequences([[1]], padding="left")


def test_windows_of_a_memory_map(tmp_path):
    series = np.memmap(tmp_path / "s", "float32", "w+", shape=(50, 2))
    series[:] = np.arange(100).reshape(50, 2)
    found = utils.timeseries_dataset_from_array(
        series, np.arange(50), 3, sequence_stride=5, sampling_rate=2, start_index=10,
        end_index=30, batch_size=2,
    )  # fmt: skip
    batches = list(found)
    assert [len(x) for x, _ in batches] == [2, 2]
    np.testing.assert_array_equal(batches[0][0][1], series[[15, 17, 19]])
    assert np.concatenate([y for _, y in batches]).tolist() == [0, 5, 10, 15]


def test_shuffled_windows_repeat_under_a_seed():
    def drawn():
        found = utils.timeseries_dataset_from_array(
            np.arange(30), None, 2, shuffle=True, seed=4
        )
        return np.concatenate([np.asarray(b) for b in found])[:, 0].tolist()

    assert drawn() == drawn()
    assert sorted(drawn()) == list(range(29))
    assert drawn() != list(range(29))


def test_a_window_longer_than_the_series():
    with pytest.raises(DataError, match="a window takes 9 steps, and there are 5"):
        utils.timeseries_dataset_from_array(np.arange(5), None, 5, sampling_rate=2)


def test_parts_of_arrays_dictionaries_and_data_sets():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.7)
    assert (len(left), len(right)) == (7, 3)
    assert [int(b) for _, b in right] == [7, 8, 9]
    left, right = utils.split_dataset({"a": x}, right_size=4, shuffle=True, seed=1)
    rows = np.concatenate([[e["a"] for e in part] for part in (left, right)])
    assert (len(left), len(right)) == (6, 4)
    assert sorted(rows[:, 0].tolist()) == list(range(0, 20, 2))
    assert rows[:, 0].tolist() != list(range(0, 20, 2))
    data = tulle.data.Dataset.range(5)
    left, right = utils.split_dataset(data, left_size=2, right_size=2)
    assert [int(i) for i in left] + [int(i) for i in right] == [0, 1, 2, 3]
    with pytest.raises(TensorTypeError, match="left_size"):
        utils.split_dataset(x, left_size=1.5)


class Numbered(utils.PyDataset):
    """Remembers which thread reads which batch."""

    def __init__(self, count, **options):
        super().__init__(**options)
        self.count, self.read, self.ends = count, [], 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.read.append((index, threading.current_thread().name))
        x = np.full((4, 1), index, "float32")
        return x, 2 * x

    def on_epoch_end(self):
        self.ends += 1


def small():
    model = Sequential([Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_workers_read_ahead_and_in_order():
    data = Numbered(6, workers=3, max_queue_size=2)
    found = small().predict(data, verbose=0)
    alone = small()
    assert found.shape == (24, 1)
    assert sorted(index for index, _ in data.read) == list(range(6))
    assert all(name.startswith("tulle-data") for _, name in data.read)
    slope = alone.layers[0].kernel.numpy()[0, 0]
    wanted = alone.predict(Numbered(6), verbose=0)
    np.testing.assert_allclose(wanted[:, 0], slope * np.repeat(np.arange(6), 4), 1e-5)


def test_a_batch_size_beside_batches_has_no_effect():
    with pytest.warns(UserWarning, match="`batch_size` has no effect"):
        found = small().predict(Numbered(2), batch_size=3, verbose=0)
    assert found.shape == (8, 1)


def test_epochs_are_told_and_shuffled():
    data = Numbered(5)
    small().fit(data, epochs=2, verbose=0)
    assert data.ends == 2
    orders = [index for index, _ in data.read]
    assert sorted(orders[:5]) == sorted(orders[5:]) == list(range(5))
    data.read.clear()
    small().fit(data, shuffle=False, verbose=0)
    assert [index for index, _ in data.read] == list(range(5))


def test_batches_without_end():
    class Endless(Numbered):
        num_batches = None

    data = Endless(0)
    history = small().fit(data, steps_per_epoch=3, epochs=2, verbose=0, shuffle=False)
    assert [index for index, _ in data.read] == list(range(6))
    assert len(history.history["loss"]) == 2


def test_what_goes_wrong_on_a_worker_is_raised():
    class Broken(Numbered):
        def __getitem__(self, index):
            raise KeyError(index)

    with pytest.raises(KeyError):
        small().fit(Broken(2, workers=2), verbose=0)


def test_the_bar_counts_means_and_states(capsys):
    bar = utils.Progbar(3, verbose=2, stateful_metrics=["accuracy"])
    bar.update(1, [("loss", 3.0), ("accuracy", 0.1)])
    bar.update(3, [("loss", 0.0), ("accuracy", 0.4)])
    assert bar.figures() == {"loss": 1.0, "accuracy": 0.4}
    assert "loss 1.0000" in capsys.readouterr().out
