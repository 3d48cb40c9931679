"""Metrics: Keras's numbers, independent formulas, state, names."""

import json

import numpy as np
import pytest

from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.types import tensor_type
from tulle.training import losses, metrics


def test_reset_forgets_everything():
    metric = metrics.Mean()
    metric.update_state([1.0, 2.0])
    metric.reset_state()
    assert float(metric.result()) == 0.0
    metric.update_state([4.0])
    assert float(metric.result()) == 4.0


def test_state_lies_in_variables():
    metric = metrics.SparseCategoricalAccuracy()
    assert [v.path for v in metric.variables] == [
        "sparse_categorical_accuracy/total",
        "sparse_categorical_accuracy/count",
    ]
    metric.update_state(np.array([1, 0]), np.eye(2, dtype="float32"))
    assert [float(v) for v in metric.variables] == [0.0, 2.0]


def test_top_k_by_sorting():
    random = np.random.default_rng(1)
    scores = random.normal(size=(50, 9)).astype("float32")
    labels = random.integers(0, 9, 50)
    best = np.argsort(-scores, axis=-1)[:, :3]
    want = (best == labels[:, None]).any(-1)
    found = metrics.sparse_top_k_categorical_accuracy(labels, scores, k=3)
    np.testing.assert_array_equal(found, want.astype("float32"))


def test_targets_of_another_shape_are_refused():
    metric = metrics.SparseCategoricalAccuracy()
    with pytest.raises(TensorTypeError) as caught:
        metric.update_state(np.zeros((4, 2), "int32"), np.zeros((4, 3), "float32"))
    (found,) = caught.value.diagnostics
    assert found.code == "T0601"
    assert "one class number" in found.message
    assert found.span.source.name == __file__


@pytest.mark.parametrize(
    ("y_true", "y_pred", "want"),
    [
        ((2,), (2, 5), metrics.SparseCategoricalAccuracy),
        ((2, 5), (2, 5), metrics.CategoricalAccuracy),
        ((2, 1), (2, 1), metrics.BinaryAccuracy),
        ((2,), (2,), metrics.BinaryAccuracy),
        ((2, 3), (2, 3, 5), metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_by_shapes(y_true, y_pred, want):
    types = tensor_type("int32", y_true), tensor_type("float32", y_pred)
    found = metrics.by_shape("accuracy", *types)
    assert type(found) is want
    assert found.name == "accuracy"


NEEDED = {
    "io_u": {"num_classes": 3, "target_class_ids": [0, 2]},
    "mean_io_u": {"num_classes": 3},
    "one_hot_io_u": {"num_classes": 3, "target_class_ids": [0, 2]},
    "one_hot_mean_io_u": {"num_classes": 3},
    "precision_at_recall": {"recall": 0.5},
    "recall_at_precision": {"precision": 0.5},
    "sensitivity_at_specificity": {"specificity": 0.5},
    "specificity_at_sensitivity": {"sensitivity": 0.5},
}


@pytest.mark.parametrize("name", list(metrics.CLASSES))
def test_every_metric_is_found_by_its_names(name):
    kind = metrics.CLASSES[name]
    for identifier in (name, kind.__name__, kind):
        if name not in NEEDED:
            assert type(metrics.get(identifier)) is kind
    made = kind(name="mine", dtype="float32", **NEEDED.get(name, {}))
    config = made.get_config()
    assert config["name"] == "mine"
    assert config["dtype"] == "float32"
    assert kind.from_config(config).get_config() == config
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(made))))
    assert type(again) is kind
    assert metrics.serialize(again) == metrics.serialize(made)


def test_a_function_is_found_again():
    metric = metrics.MeanMetricWrapper(losses.huber, name="far", delta=2.0)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.name == "far"
    assert float(again([[0.0]], [[3.0]])) == 4.0
    with pytest.raises(TensorTypeError, match="nonsense"):
        metrics.deserialize(
            {"class_name": "MeanMetricWrapper", "config": {"fn": "nonsense"}}
        )


def test_losses_and_functions_become_metrics():
    y = np.array([[1.0], [3.0]], "float32")
    for given in (losses.MeanSquaredError(), lambda a, b: (a - b) * (a - b)):
        metric = metrics.get(given)
        metric.update_state(y, y + 2)
        assert float(metric.result()) == 4.0


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(TensorTypeError, match="did you mean `binary_accuracy`"):
        metrics.get("binary_acuracy")
