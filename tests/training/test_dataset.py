"""Data sets: every step against NumPy, in order, again, resumed, and on a thread."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tulle import ops
from tulle.data import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec
from tulle.graph.diagnostics import TensorTypeError, TulleError
from tulle.graph.variable import set_random_seed

X = np.arange(22, dtype="float32").reshape(11, 2)
Y = np.arange(11)


def numbers(data):
    return [item.tolist() for item in data]


def refused(function, code, *words):
    with pytest.raises(TulleError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    for word in words:
        assert word in found.message, found.message
    assert found.span is not None
    assert found.span.source.name == __file__
    return found


def count(n):
    def generator():
        yield from range(n)

    return Dataset.from_generator(generator)


CHAINS = {
    "slices": lambda: Dataset.from_tensor_slices((X, {"y": Y})),
    "tensors": lambda: Dataset.from_tensors((X, Y)),
    "generator": lambda: count(7),
    "map": lambda: Dataset.range(9).map(lambda i: i * 2),
    "filter": lambda: Dataset.range(9).filter(lambda i: i % 3),
    "shuffle": lambda: Dataset.range(20).shuffle(5, seed=1),
    "shuffle all": lambda: Dataset.range(20).shuffle(50, seed=1),
    "shuffle drawn": lambda: count(20).shuffle(6, seed=1),
    "shuffle twice": lambda: Dataset.range(20).shuffle(9, seed=1).shuffle(3, seed=2),
    "batch": lambda: Dataset.from_tensor_slices((X, Y)).batch(4),
    "batch whole": lambda: Dataset.range(9).batch(4, drop_remainder=True),
    "batch mapped": lambda: Dataset.range(9).map(lambda i: -i).batch(4),
    "batch shuffled": lambda: Dataset.range(19).shuffle(19, seed=4).batch(4),
    "unbatch": lambda: Dataset.range(9).batch(4).unbatch(),
    "repeat": lambda: Dataset.range(4).shuffle(4, seed=1).repeat(3),
    "repeat unknown": lambda: count(4).repeat(3),
    "repeat batched": lambda: Dataset.range(5).repeat(2).batch(3),
    "endless": lambda: Dataset.range(4).shuffle(4, seed=1).repeat().take(11),
    "take": lambda: Dataset.range(9).take(4),
    "skip": lambda: Dataset.range(9).skip(4),
    "zip": lambda: Dataset.zip(Dataset.range(5), count(9)),
    "zip nest": lambda: Dataset.zip({"a": Dataset.range(5), "b": Dataset.range(4)}),
    "concatenate": lambda: Dataset.range(3).concatenate(Dataset.range(9)),
    "concatenate drawn": lambda: count(3).concatenate(count(2)),
    "enumerate": lambda: Dataset.range(5, 9).enumerate(start=2),
    "cache": lambda: count(6).cache(),
    "prefetch": lambda: Dataset.range(9).shuffle(9, seed=2).batch(2).prefetch(3),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_every_chain_repeats_resumes_and_tells_its_length_and_types(chain):
    data = CHAINS[chain]()
    passes = [list(map(repr, data)) for _ in range(2)]
    again = CHAINS[chain]()
    assert [list(map(repr, again)) for _ in range(2)] == passes
    size = data.cardinality()
    assert size in (len(passes[0]), UNKNOWN_CARDINALITY)
    for number, wanted in enumerate(passes):
        for position in range(len(wanted) + 1):
            iterator = iter(CHAINS[chain]())
            iterator.set_state({"pass": number, "position": position})
            assert list(map(repr, iterator)) == wanted[position:]
    spec = data.element_spec
    for element in data.as_numpy_iterator():
        pairs = zip(leaves(spec), leaves(element), strict=True)
        assert all(wanted.takes(array) for wanted, array in pairs)


def leaves(nest):
    if isinstance(nest, tuple):
        return [leaf for item in nest for leaf in leaves(item)]
    if isinstance(nest, dict):
        return [leaf for item in nest.values() for leaf in leaves(item)]
    return [nest]


def test_values_are_those_of_numpy():
    data = Dataset.from_tensor_slices((X, Y)).map(lambda x, y: (x * 2, y + 1)).batch(4)
    found = [np.concatenate(part) for part in zip(*data, strict=True)]
    np.testing.assert_array_equal(found[0], X * 2)
    np.testing.assert_array_equal(found[1], Y + 1)
    assert [len(x) for x, _ in data] == [4, 4, 3]
    assert numbers(Dataset.range(2).concatenate(Dataset.range(2))) == [0, 1, 0, 1]
    assert numbers(Dataset.range(7).skip(2).take(3)) == [2, 3, 4]
    assert numbers(Dataset.range(9).filter(lambda i: i > 6)) == [7, 8]
    assert numbers(Dataset.range(5).batch(2).unbatch()) == [0, 1, 2, 3, 4]


def test_ops_of_tulle_in_a_map():
    data = Dataset.from_tensor_slices(X).map(lambda x: ops.cast(x, "int32") + 1)
    first = next(data.as_numpy_iterator())
    assert isinstance(first, np.ndarray)
    assert first.dtype == np.int32
    assert first.tolist() == [1, 2]


def test_a_pass_gives_tensors_and_text_as_it_is():
    data = Dataset.from_tensor_slices({"x": X, "name": list("abcdefghijk")[: len(X)]})
    first = next(iter(data.batch(2)))
    assert ops.is_tensor(first["x"])
    np.testing.assert_array_equal(first["x"].numpy(), X[:2])
    assert first["name"].tolist() == ["a", "b"]


def test_a_shuffle_holds_everything_once_and_draws_from_its_buffer():
    found = numbers(Dataset.range(100).shuffle(10, seed=3))
    assert sorted(found) == list(range(100))
    assert found != sorted(found)
    # An element cannot come before it was read.
    assert all(value <= place + 9 for place, value in enumerate(found))


def test_each_pass_shuffles_anew_unless_told_otherwise():
    data = Dataset.range(30).shuffle(30, seed=3)
    assert numbers(data) != numbers(data)
    still = Dataset.range(30).shuffle(30, seed=3, reshuffle_each_iteration=False)
    assert numbers(still) == numbers(still)
    twice = numbers(Dataset.range(30).shuffle(30, seed=3).repeat(2))
    assert twice[:30] != twice[30:]


def test_a_seed_for_everything():
    def drawn(seed):
        set_random_seed(seed)
        return numbers(Dataset.range(30).shuffle(30))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_place_in_a_data_set_is_a_small_dictionary():
    data = Dataset.range(30).shuffle(30, seed=3).batch(4).prefetch()
    iterator = iter(data)
    next(iterator), next(iterator)
    state = json.loads(json.dumps(iterator.get_state()))
    assert state == {"pass": 0, "position": 2}
    again = iter(data)
    again.set_state(state)
    assert numbers(again) == numbers(iterator)
    other = Dataset.range(30).shuffle(30, seed=3).batch(4)
    other.set_state(data.get_state())
    assert numbers(other) == numbers(data)
    refused(lambda: again.set_state({"position": -1}), "T0204", "`pass`")
    refused(lambda: data.set_state([]), "T0204", "`passes`")


def test_lengths():
    assert len(Dataset.range(10).batch(3)) == 4
    assert len(Dataset.range(10).repeat(2).skip(1)) == 19
    assert Dataset.range(3).repeat().cardinality() == INFINITE_CARDINALITY
    assert Dataset.range(3).filter(bool).cardinality() == UNKNOWN_CARDINALITY
    with pytest.raises(TypeError, match="no end"):
        len(Dataset.range(3).repeat())
    assert Dataset.range(3).repeat()


def test_types_of_elements():
    data = Dataset.from_tensor_slices({"x": X, "y": Y})
    assert data.element_spec["x"] == TensorSpec((2,), "float32")
    assert data.batch(4).element_spec["x"] == TensorSpec((None, 2), "float32")
    whole = data.batch(4, drop_remainder=True).element_spec
    assert whole["x"] == TensorSpec((4, 2), "float32")
    mapped = data.batch(4).map(lambda e: e["x"].sum(1)).element_spec
    assert mapped == TensorSpec((None,), "float32")


def test_rows_of_a_memory_map_are_read_when_needed(tmp_path):
    path = tmp_path / "x.dat"
    np.memmap(path, "float32", "w+", shape=(100, 3))[:] = 1.0
    mapped = np.memmap(path, "float32", "r", shape=(100, 3))
    data = Dataset.from_tensor_slices(mapped).shuffle(100, seed=0).batch(10)
    batch = next(data.as_numpy_iterator())
    assert batch.shape == (10, 3)
    assert batch.base is None or batch.base.nbytes < 1000


def test_a_generator_is_held_to_what_was_declared():
    def make():
        yield np.zeros(3, "float32")
        yield np.zeros(4, "float32")

    spec = TensorSpec((3,), "float32")
    data = Dataset.from_generator(make, output_signature=spec)
    found = refused(lambda: list(data), "T0701", "element 1", "`make`", "float32[4]")
    assert "float32[3]" in found.message
    integers = Dataset.from_generator(make, output_types="int32")
    refused(lambda: list(integers), "T0702", "element 0", "int32")
    pairs = Dataset.from_generator(make, output_signature=(spec, spec))
    refused(lambda: list(pairs), "T0701", "element 0", "(·, ·)")
    arguments = Dataset.from_generator(lambda n: iter(range(n)), args=(3,))
    assert numbers(arguments) == [0, 1, 2]


def test_elements_that_make_no_batch():
    ragged = Dataset.range(5).map(lambda i: np.zeros(3 if i < 3 else 2)).batch(2)
    refused(lambda: list(ragged), "T0701", "element 3", "(2,)", "(3,)")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Dataset.from_generator(iter([1])), "without calling"),
        (lambda: Dataset.range(3).batch(0), "batch_size"),
        (lambda: Dataset.range(3).shuffle(2.5), "buffer_size"),
        (lambda: Dataset.range(3).map(3), "map_func"),
        (lambda: Dataset.range(3).take("2"), "count"),
        (lambda: Dataset.range(3).concatenate([1]), "no data set"),
        (lambda: Dataset.zip([1]), "data sets"),
    ],
)
def test_wrong_arguments(make, word):
    found = refused(make, "T0204")
    assert word in " ".join([found.message, *found.help])


def test_arrays_of_different_lengths():
    refused(lambda: Dataset.from_tensor_slices((X, Y[:3])), "T0701", "11", "3")


# The thread.


def settled(before):
    """Whether the threads of data sets are gone, after a while."""
    for _ in range(200):
        if threading.active_count() <= before:
            return True
        time.sleep(0.01)
    return False


def test_what_goes_wrong_on_the_thread_is_raised_where_it_is_read():
    def fails(i):
        if i == 3:
            raise ZeroDivisionError("at three")
        return i

    before = threading.active_count()
    iterator = iter(Dataset.range(9).map(fails).prefetch(2))
    assert [int(next(iterator)) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="at three"):
        next(iterator)
    assert settled(before)


def test_a_pass_that_is_left_early_ends_its_thread():
    before = threading.active_count()
    for _ in Dataset.range(10).repeat().prefetch(4):
        break
    iterator = iter(Dataset.range(10).repeat().prefetch(4))
    next(iterator)
    iterator.close()
    assert settled(before)


def test_elements_are_made_ahead():
    made = []
    data = Dataset.range(9).map(lambda i: made.append(i) or i).prefetch(3)
    iterator = iter(data)
    next(iterator)
    for _ in range(200):
        if len(made) >= 4:
            break
        time.sleep(0.01)
    assert 4 <= len(made) <= 5
    iterator.close()


def test_the_interpreter_ends_while_a_thread_makes_elements():
    text = (
        "from tulle.data import Dataset\n"
        "kept = iter(Dataset.range(5).repeat().prefetch(2))\n"
        "next(kept)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], timeout=60, check=False)
    assert done.returncode == 0


def test_a_file_for_the_cache_is_refused():
    with pytest.raises(TensorTypeError, match="kept in memory, not in a file"):
        count(6).cache("here")
