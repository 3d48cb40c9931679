"""Metrics of decisions, overlaps and scores against plain NumPy; what they refuse."""

import numpy as np
import pytest

from tulle import metrics
from tulle.graph.diagnostics import TensorTypeError

RANDOM = np.random.default_rng(8)
WHERE = np.linspace(0, 1, 11).tolist()


def decisions(size=60):
    y_true = RANDOM.integers(0, 2, size)
    y_pred = np.round(RANDOM.uniform(size=size), 1).astype("float32")
    return y_true, y_pred


@pytest.mark.parametrize("thresholds", [0.3, WHERE, [0.9, 0.3, 0.31]])
def test_counts_by_hand(thresholds):
    y_true, y_pred = decisions()
    levels = np.float32(np.reshape(thresholds, (-1, 1)))
    yes, right = y_pred > levels, y_true.astype(bool)
    for kind, want in (
        (metrics.TruePositives, yes & right),
        (metrics.FalsePositives, yes & ~right),
        (metrics.TrueNegatives, ~yes & ~right),
        (metrics.FalseNegatives, ~yes & right),
    ):
        found = np.array(kind(thresholds)(y_true, y_pred)).ravel()
        np.testing.assert_array_equal(found, want.sum(-1), kind.__name__)


def test_the_area_is_the_share_of_pairs_in_order():
    y_true, y_pred = RANDOM.integers(0, 2, 60), RANDOM.uniform(size=60)
    pairs = y_pred[y_true == 1][:, None] - y_pred[y_true == 0]
    found = metrics.AUC(num_thresholds=20001)(y_true, y_pred)
    assert float(found) == pytest.approx(np.mean(pairs > 0), abs=1e-3)
    logits = metrics.AUC(num_thresholds=20001, from_logits=True)
    found = logits(y_true, np.log(y_pred / (1 - y_pred)))
    assert float(found) == pytest.approx(np.mean(pairs > 0), abs=1e-3)


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_the_sides_of_strips_hold_the_area(curve):
    data = decisions()
    low, high = (
        float(metrics.AUC(15, curve, side)(*data)) for side in ("minoring", "majoring")
    )
    middle = float(metrics.AUC(15, curve)(*data))
    assert low <= middle <= high
    assert low < high


@pytest.mark.parametrize("thresholds", [None, [0.15, 0.4]])
def test_labels_have_areas_of_their_own(thresholds):
    y_true = RANDOM.integers(0, 2, (40, 3))
    y_pred = RANDOM.uniform(size=(40, 3)).astype("float32")
    single = [
        float(metrics.AUC(thresholds=thresholds)(y_true[:, i], y_pred[:, i]))
        for i in range(3)
    ]
    weights = [1.0, 2.0, 5.0]
    for given in (None, weights):
        several = metrics.AUC(
            thresholds=thresholds, multi_label=True, label_weights=given
        )
        found = float(several(y_true, y_pred))
        assert found == pytest.approx(np.average(single, weights=given), rel=1e-5)


def test_the_best_of_each_row():
    y_true = np.array([[0, 1, 0, 1], [1, 0, 0, 0]])
    y_pred = np.array([[0.1, 0.4, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]], "float32")
    assert float(metrics.Precision(top_k=2)(y_true, y_pred)) == 0.25
    assert float(metrics.Recall(top_k=2)(y_true, y_pred)) == pytest.approx(1 / 3)
    assert float(metrics.Recall(top_k=2, class_id=1)(y_true, y_pred)) == 1.0


def test_overlap_by_hand():
    y_true, y_pred = RANDOM.integers(0, 4, (2, 5, 8))
    shares = [
        np.sum((y_true == c) & (y_pred == c)) / np.sum((y_true == c) | (y_pred == c))
        for c in range(4)
    ]
    assert float(metrics.MeanIoU(4)(y_true, y_pred)) == pytest.approx(np.mean(shares))
    found = metrics.IoU(4, [2, 0])(y_true, y_pred)
    assert float(found) == pytest.approx((shares[0] + shares[2]) / 2)
    scores = np.moveaxis(np.eye(4)[y_pred], -1, 1)
    metric = metrics.MeanIoU(4, sparse_y_pred=False, axis=1)
    assert float(metric(y_true, scores)) == pytest.approx(np.mean(shares))


def test_fractions_of_weights_are_told():
    metric = metrics.MeanIoU(2)
    with pytest.warns(UserWarning, match="int32"):
        found = metric([0, 1], [0, 1], np.array([0.5, 1.5], "float32"))
    assert metric.total_cm.numpy().tolist() == [[0, 0], [0, 1]]
    assert float(found) == pytest.approx(1.0)


def test_adjusted_score_counts_rows():
    y_true, noise = RANDOM.normal(size=(2, 20, 3)).astype("float32")
    plain = float(metrics.R2Score()(y_true, y_true + noise))
    found = float(metrics.R2Score(num_regressors=4)(y_true, y_true + noise))
    assert found == pytest.approx(1 - (1 - plain) * 19 / 15, rel=1e-4)
    crowded = metrics.R2Score(num_regressors=19)
    crowded.update_state(y_true, y_true + noise)
    with pytest.warns(UserWarning, match="19 regressors are too many for 20"):
        assert float(crowded.result()) == pytest.approx(plain, rel=1e-4)


def test_figures_before_data():
    for metric in (metrics.F1Score(), metrics.R2Score(), metrics.AUC(multi_label=True)):
        assert float(metric.result()) == 0.0


def zeros(*shape):
    return np.zeros(shape, "float32")


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: metrics.AUC(curve="row"), "T0204", "'ROC', 'PR', 'PRGAIN', not 'row'"),
        (lambda: metrics.AUC(num_thresholds=1), "T0204", "from 2 on, not 1"),
        (lambda: metrics.AUC(num_labels=2), "T0204", "`multi_label=True` alone"),
        (lambda: metrics.Precision([0.5, 2]), "T0204", "from 0 to 1, not 2"),
        (lambda: metrics.Recall(top_k=0), "T0204", "whole number from 1 on"),
        (lambda: metrics.RecallAtPrecision(1.5), "T0204", "`precision` is a number"),
        (lambda: metrics.FBetaScore(beta=0), "T0204", "above 0, not 0"),
        (lambda: metrics.F1Score("mean"), "T0204", "'micro', 'macro', 'weighted'"),
        (lambda: metrics.IoU(3, [5]), "T0204", "from 0 to 2"),
        (lambda: metrics.R2Score("mean"), "T0204", "'uniform_average'"),
        (lambda: metrics.BinaryAccuracy(treshold=1), "T0202", "no argument `treshold`"),
        (lambda: metrics.AUC()(zeros(3), zeros(3, 2)), "T0601", "f32[3, 2]"),
        (
            lambda: metrics.AUC(multi_label=True)(zeros(3), zeros(3)),
            "T0306",
            "(batch, labels), and got f32[3]",
        ),
        (
            lambda: metrics.AUC(label_weights=[1, 2])(zeros(4, 3), zeros(4, 3)),
            "T0204",
            "2 numbers, and the predictions have 3 labels",
        ),
        (
            lambda: metrics.Precision(class_id=4)(zeros(4, 3), zeros(4, 3)),
            "T0311",
            "`class_id` of `precision` is 4",
        ),
        (
            lambda: metrics.Precision(top_k=4)(zeros(4, 3), zeros(4, 3)),
            "T0204",
            "has 3 classes",
        ),
        (lambda: metrics.Recall(class_id=0)(zeros(4), zeros(4)), "T0306", "no axis"),
        (
            lambda: metrics.Precision()(zeros(3), zeros(3), zeros(2)),
            "T0601",
            "sample weights f32[2]",
        ),
        (lambda: metrics.F1Score()(zeros(3), zeros(3)), "T0306", "(batch, columns)"),
        (lambda: metrics.MeanIoU(3)(zeros(2), zeros(3)), "T0601", "i32[2] and i32[3]"),
        (lambda: metrics.Mean()(zeros(3), zeros(2)), "T0601", "values of `mean`"),
    ],
)
def test_what_is_refused(make, code, words):
    with pytest.raises(TensorTypeError) as caught:
        make()
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert words in found.message
    assert found.span.source.name == __file__
