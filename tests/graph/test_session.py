"""Questions about dtypes, nests, and random numbers that are made of others."""

import numpy as np
import pytest

import tulle
from tulle import Input, backend, random, tree
from tulle.graph.diagnostics import TensorTypeError


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [
        ("int8", "int8"),
        (np.float16, "float16"),
        (int, "int32"),
        (None, "float32"),
        (float, "float32"),
        (np.ones(2), "float64"),
        (bool, "bool"),
    ],
)
def test_dtypes_by_every_name(dtype, wanted):
    assert backend.standardize_dtype(dtype) == wanted


def test_dtypes_of_tensors_and_what_is_none():
    assert backend.standardize_dtype(Input((2,), dtype="int64")) == "int64"
    for wrong in ("float31", object()):
        with pytest.raises(TensorTypeError, match="T0401"):
            backend.standardize_dtype(wrong)


@pytest.mark.parametrize(
    ("dtypes", "wanted"),
    [
        (("int32", "float32"), "float32"),
        (("int8", int), "int8"),
        (("float16", "bfloat16"), "float32"),
        ((int, float), "float32"),
        (("bool", "uint8"), "uint8"),
    ],
)
def test_the_dtype_of_several(dtypes, wanted):
    assert backend.result_type(*dtypes) == wanted


def test_trees():
    nest = {"b": [1, (2,)], "a": 3}
    assert tree.flatten(nest) == [3, 1, 2]
    assert tree.flatten_with_path(nest)[1] == (("b", 0), 1)
    doubled = tree.map_structure(lambda a, b: a + b, nest, nest)
    assert doubled == {"b": [2, (4,)], "a": 6}
    assert list(doubled) == ["b", "a"]
    assert tree.pack_sequence_as(nest, [7, 8, 9]) == {"b": [8, (9,)], "a": 7}
    assert tree.lists_to_tuples(nest) == {"b": (1, (2,)), "a": 3}
    with pytest.raises(TensorTypeError):
        tree.assert_same_structure([1, 2], [1, [2]])
    with pytest.raises(TensorTypeError):
        tree.pack_sequence_as(nest, [1])


def test_classes_come_as_often_as_their_logits_say():
    logits = np.log([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]])
    found = np.asarray(random.categorical(logits.astype("float32"), 20_000, seed=3))
    assert found.shape == (2, 20_000)
    shares = np.stack([np.bincount(row, minlength=3) for row in found]) / 20_000
    np.testing.assert_allclose(shares, np.exp(logits), atol=0.02)


def test_truncated_normals():
    found = np.asarray(random.truncated_normal((40_000,), 1.0, 0.5, seed=3))
    assert np.abs(found - 1.0).max() <= 1.0 + 1e-6
    assert found.mean() == pytest.approx(1.0, abs=0.01)
    assert found.std() == pytest.approx(0.5 * 0.8796, abs=0.01)  # of the cut bell


def test_epsilon_reaches_metrics_and_ops():
    before = tulle.config.epsilon()
    tulle.config.set_epsilon(0.5)
    try:
        found = tulle.ops.normalize(np.array([[0.1, 0.0]], "float32"))
        metric = tulle.metrics.F1Score()
        metric.update_state(np.eye(2), np.eye(2))
        score = float(metric.result()[0])
    finally:
        tulle.config.set_epsilon(before)
    np.testing.assert_allclose(found, [[0.2, 0.0]], rtol=1e-5)
    assert score < 0.8
