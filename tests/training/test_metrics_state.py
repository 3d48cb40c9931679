"""The state of metrics: reset, merged, without effects, in classes of users, in fit."""

import numpy as np
import pytest

import tulle
from tulle import layers, metrics, ops
from tulle.graph.diagnostics import TensorTypeError

RANDOM = np.random.default_rng(3)


def batch(size=6, classes=3):
    y_true = np.eye(classes, dtype="float32")[RANDOM.integers(0, classes, size)]
    return y_true, RANDOM.uniform(size=(size, classes)).astype("float32")


ALL = [
    metrics.AUC(num_thresholds=7),
    metrics.AUC(thresholds=[0.2, 0.6], multi_label=True, num_labels=3),
    metrics.BinaryAccuracy(),
    metrics.BinaryIoU(),
    metrics.F1Score(),
    metrics.FBetaScore("weighted", 2.0),
    metrics.FalseNegatives([0.1, 0.6]),
    metrics.MeanSquaredError(),
    metrics.OneHotMeanIoU(3),
    metrics.Precision(top_k=2),
    metrics.PrecisionAtRecall(0.4),
    metrics.R2Score(),
    metrics.Recall(class_id=1),
    metrics.RootMeanSquaredError(),
]
each = pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)


@each
def test_whole_weights_repeat_samples(metric):
    y_true, y_pred = batch()
    times = np.array([0, 1, 2, 3, 1, 2])
    metric.reset_state()
    weighted = np.array(metric(y_true, y_pred, times))
    metric.reset_state()
    order = np.repeat(np.arange(6), times)
    repeated = np.array(metric(y_true[order], y_pred[order]))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5)


@each
def test_batches_add_up(metric):
    one, two = batch(4), batch(9)
    metric.reset_state()
    metric.update_state(*one)
    metric.update_state(*two)
    parts = np.array(metric.result())
    metric.reset_state()
    whole = metric(*(np.concatenate(pair) for pair in zip(one, two, strict=True)))
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-7)


@each
def test_merged_state_is_that_of_all_batches(metric):
    one, two = batch(4), batch(9)
    other = type(metric).from_config(metric.get_config())
    metric.reset_state()
    metric.update_state(*one)
    other.update_state(*two)
    metric.merge_state([other])
    merged = np.array(metric.result())
    metric.reset_state()
    metric.update_state(*one)
    metric.update_state(*two)
    np.testing.assert_allclose(merged, metric.result(), rtol=1e-5)


@each
def test_state_may_come_in_and_go_out(metric):
    one, two = batch(4), batch(9)
    metric.reset_state()
    metric.update_state(*one)
    before = [v.numpy() for v in metric.variables]
    state = metric.stateless_update_state(metric.stateless_reset_state(), *two)
    found = np.array(metric.stateless_result(state))
    for variable, value in zip(metric.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    metric.reset_state()
    np.testing.assert_allclose(found, metric(*two), rtol=1e-6)


@each
def test_compiled_updates_of_any_size(metric):
    compiled = type(metric).from_config(metric.get_config())

    @tulle.function
    def update(y_true, y_pred):
        compiled.update_state(y_true, y_pred)

    metric.reset_state()
    for size in (5, 8, 3):
        y_true, y_pred = batch(size)
        update(y_true, y_pred)
        metric.update_state(y_true, y_pred)
    np.testing.assert_allclose(compiled.result(), metric.result(), rtol=1e-5)


class Largest(metrics.Metric):
    """Figures under names of their own, and a metric inside."""

    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.top = self.add_variable((), "zeros", name="top")
        self.parts = [metrics.Mean(name="inner")]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.top.assign(ops.maximum(self.top, ops.max(y_pred)))
        self.parts[0].update_state(y_pred)

    def result(self):
        return {"top": self.top.value, "mean": self.parts[0].result()}


def test_a_metric_of_metrics_has_their_state():
    metric = Largest()
    assert [v.path for v in metric.variables] == [
        "largest/top",
        "inner/total",
        "inner/count",
    ]
    metric.update_state(None, np.array([1.0, 3.0], "float32"))
    assert metric.reading() == {"top": 3.0, "mean": 2.0}
    metric.reset_state()
    assert metric.reading() == {"top": 0.0, "mean": 0.0}


@pytest.mark.parametrize("eagerly", [False, True])
def test_figures_of_fit_and_evaluate(eagerly):
    y_true, x = batch(24)
    model = tulle.Sequential([layers.Input((3,)), layers.Dense(3, "softmax")])
    wanted = [
        "accuracy",
        "AUC",
        "mse",
        metrics.F1Score(),
        metrics.Precision(thresholds=[0.2, 0.5]),
        Largest(),
    ]
    model.compile("sgd", "mse", metrics=wanted, run_eagerly=eagerly)
    history = model.fit(x, y_true, batch_size=7, verbose=0).history
    found = model.evaluate(x, y_true, batch_size=7, verbose=0, return_dict=True)
    names = ["loss", "accuracy", "AUC", "mse", "f1_score", "precision", "top", "mean"]
    assert list(found) == names == list(history)
    y_pred = model.predict(x, verbose=0)
    assert found["AUC"] == pytest.approx(float(metrics.AUC()(y_true, y_pred)), rel=1e-5)
    np.testing.assert_allclose(
        found["f1_score"], metrics.F1Score()(y_true, y_pred), rtol=1e-5
    )
    assert found["precision"].shape == (2,)
    assert found["top"] == pytest.approx(y_pred.max())


def told(make):
    with pytest.raises(TensorTypeError) as caught:
        make()
    (found,) = caught.value.diagnostics
    assert found.span.source.name == __file__
    return found


def test_state_of_another_shape_does_not_merge():
    first, second = metrics.Precision(0.5), metrics.Precision([0.2, 0.5])
    assert "f32[1]" in told(lambda: first.merge_state([second])).message


def test_state_of_another_length_is_refused():
    metric = metrics.Mean()
    found = told(lambda: metric.stateless_result([1.0]))
    assert "2 variables" in found.message
    assert "1 value" in found.message


def test_a_class_without_super_is_told():
    class Hasty(metrics.Metric):
        def __init__(self):
            self.add_variable(())

    assert "super().__init__()" in told(Hasty).help[0]


def test_masks_are_weights():
    y_true = np.array([[1.0, 0.0], [1.0, 1.0]], "float32")
    y_pred = ops.convert_to_tensor(np.ones((2, 2), "float32"))
    tulle.utils.set_mask(y_pred, ops.convert_to_tensor([[True, False], [True, True]]))
    assert float(metrics.BinaryAccuracy()(y_true, y_pred)) == 1.0
    weights = np.array([1.0, 3.0], "float32")
    y_pred._keras_mask = ops.convert_to_tensor([[True, True], [True, True]])
    found = float(metrics.BinaryAccuracy()(y_true, y_pred, weights))
    assert found == pytest.approx((0.5 + 3.0) / 4.0)
