"""Metrics that are updated with values again and again: their programs do the same."""

import copy
import pickle

import numpy as np
import pytest
from work import compiled_graphs, programs_come_soon

from tulle import ops
from tulle.backend.tapes import GradientTape
from tulle.graph import programs
from tulle.graph.diagnostics import TulleError
from tulle.graph.masking import set_mask
from tulle.graph.tensor import Tensor
from tulle.training import metrics
from tulle.training.metric import Metric

TIMES = 4
RNG = np.random.default_rng(0)
FURTHER = {
    "AUC": {"num_thresholds": 20},
    "IoU": {"num_classes": 2, "target_class_ids": [0, 1]},
    "BinaryIoU": {"target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 5, "target_class_ids": [0, 3]},
    "OneHotMeanIoU": {"num_classes": 5},
    "MeanRelativeError": {"normalizer": np.full(5, 2.0, "float32")},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
NAMES = [name for name in sorted(dir(metrics)) if name[0].isupper()]
NAMES = [
    name
    for name in NAMES
    if isinstance(getattr(metrics, name), type)
    and issubclass(getattr(metrics, name), Metric)
    and name not in ("Metric", "MeanOf", "MeanMetricWrapper")
]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    return compiled_graphs(monkeypatch)


def batches(name):
    """Arguments of updates that suit a metric."""
    found = []
    for _ in range(TIMES):
        scores = RNG.uniform(0.05, 0.95, (6, 5)).astype("float32")
        hot = np.eye(5, dtype="float32")[RNG.integers(0, 5, 6)]
        if name in ("Mean", "Sum"):
            found.append((scores,))
        elif name.startswith("Sparse"):
            found.append((RNG.integers(0, 5, 6).astype("int32"), scores))
        elif name in ("IoU", "MeanIoU"):
            found.append(
                (hot.astype("int32")[:, 0], (scores[:, 0] > 0.5).astype("int32"))
            )
        else:
            found.append((hot, scores))
    return found


def figures(metric, given, weights):
    found = []
    for index, arguments in enumerate(given):
        more = (weights,) if weights is not None else ()
        some = map(Tensor, arguments) if index % 2 else arguments
        metric.update_state(*some, *more)
        found += [np.array(v) for v in metric.variables]
        found.append(np.array(metric.result()))
    metric.reset_state()
    metric.update_state(*given[0])
    return [*found, np.array(metric.result())]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_programs_keep_the_state_that_ops_do(monkeypatch, name, weighted):
    kind, given, results = getattr(metrics, name), batches(name), []
    # Those that count whole samples take whole weights.
    many = np.arange(6) if "IoU" in name else np.linspace(0.5, 2.0, 6)
    kind_of_number = "int32" if "IoU" in name else "float32"
    weights = many.astype(kind_of_number) if weighted else None
    for compiler in (programs.compiler, None):
        with monkeypatch.context() as context:
            context.setattr(programs, "compiler", compiler)
            metric = kind(**FURTHER.get(name, {}))
            results.append(figures(metric, given, weights))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_updates_and_results_are_programs_and_copies_are_apart(compiled):
    metric, (y, p) = metrics.BinaryAccuracy(), batches("BinaryAccuracy")[0]
    for _ in range(TIMES):
        metric.update_state(y, p)
        metric.result()
    assert len(compiled) == 2
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):  # noqa: S301
        other.update_state(y, p)
        assert float(other.count) == (TIMES + 1) * 6
    assert float(metric.count) == TIMES * 6
    assert len(compiled) == 2


def test_changed_settings_are_followed():
    metric, y = metrics.BinaryAccuracy(threshold=0.5), np.ones((2, 1), "float32")
    for _ in range(TIMES):
        metric.update_state(y, y * 0.6)
    metric.settle(threshold=0.7)
    metric.update_state(y, y * 0.6)
    np.testing.assert_allclose(float(metric.result()), TIMES / (TIMES + 1), rtol=1e-6)


class Loud(metrics.Mean):
    """A metric of a user's, which counts its updates in Python."""

    updates = 0

    def update_state(self, values, sample_weight=None):
        self.updates += 1
        super().update_state(ops.multiply(values, float(self.updates)), sample_weight)


def test_code_of_a_user_runs_each_time():
    metric, seen = Loud(), []
    wrapped = metrics.MeanMetricWrapper(lambda y, p: seen.append(1) or p * len(seen))
    for time in range(1, TIMES + 1):
        metric.update_state(Tensor(np.ones(2, "float32")))
        wrapped.update_state(np.ones(2, "float32"), np.ones(2, "float32"))
        wanted = (time + 1) / 2
        np.testing.assert_allclose([float(metric.result()), float(wrapped.result())],
                                   [wanted, wanted])  # fmt: skip
    assert (metric.updates, len(seen)) == (TIMES, TIMES)


def test_tapes_see_no_update_and_gradients_stay():
    metric, x = metrics.Mean(), Tensor(np.array([1.0, 2.0], "float32"))
    for time in range(1, TIMES + 1):
        with GradientTape() as tape:
            tape.watch(x)
            y = x * x
            metric.update_state(y)
            z = ops.sum(y) + metric.result()
        np.testing.assert_allclose(tape.gradient(z, x), [2.0, 4.0], rtol=1e-6)
        np.testing.assert_allclose(float(metric.count), 2.0 * time)


def test_masks_and_labels_with_fractions_are_served():
    mean, x = metrics.MeanSquaredError(), Tensor(np.ones((2, 3), "float32"))
    for _ in range(TIMES):
        given = Tensor(np.array([[3.0] * 3, [1.0] * 3], "float32"))
        set_mask(given, Tensor(np.array([True, False])))
        mean.update_state(x, given)
        np.testing.assert_allclose(float(mean.result()), 4.0)
    sparse, scores = metrics.SparseCategoricalAccuracy(), np.eye(3, dtype="float32")
    for _ in range(TIMES):
        sparse.update_state(np.array([0.0, 1.0, 2.0], "float32"), scores)
    with pytest.raises(TulleError, match="class numbers"):
        sparse.update_state(np.array([0.0, 1.5, 2.0], "float32"), scores)
    assert float(sparse.result()) == 1.0
