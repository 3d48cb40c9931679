"""Losses: Keras's numbers, independent formulas, and refusals of what does not fit."""

import numpy as np
import oracle_cases
import pytest

from tulle.graph.diagnostics import TensorTypeError, TulleError
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.network import Input
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.types import F32, TensorType, tensor_type
from tulle.training import losses

# Here the labels have a last axis of size 1, which Keras drops in silence.
SQUEEZED = {"loss_mse_squeeze_last", "loss_scce_logits"}


def symbol(name, array):
    type = tensor_type(array.dtype.name, array.shape)
    return SymbolicTensor(input_node(name, type))


def loss_and_gradient(loss, y_true, y_pred, weight, mask, cotangent):
    """The loss of symbols, evaluated, and its gradient by the prediction."""
    arrays = [y_true, y_pred, *([] if weight is None else [weight])]
    symbols = [symbol(f"x{i}", array) for i, array in enumerate(arrays)]
    if mask is not None:
        symbols[1]._keras_mask = Tensor(mask)
    result = loss(*symbols)
    values = dict(zip([s.node for s in symbols], arrays, strict=True))
    outputs = [result.node]
    if cotangent is not None:
        score = (result * Tensor(cotangent)).node
        score = call("sum", score) if score.shape else score
        outputs.append(gradients(score, [symbols[1].node])[0])
    return evaluate(outputs, values, {})


@oracle_cases.each("loss")
def test_numbers_of_keras(case_id):
    case = oracle_cases.case(case_id)
    given = dict(case.given)
    if case_id in SQUEEZED:
        axis_one = [k for k in ("y_true", "y_pred") if given[k].shape[-1] == 1]
        given.update({k: given[k][:, 0] for k in axis_one})
    loss = getattr(losses, case.name)(**case.config)
    value, *gradient = loss_and_gradient(
        loss,
        given["y_true"],
        given["y_pred"],
        given.get("sample_weight"),
        given.get("mask"),
        given.get("cot.0"),
    )
    case.check("out.0", value)
    if gradient:
        case.check("grad.y_pred", gradient[0].reshape(case.given["y_pred"].shape))


@oracle_cases.each("loss")
def test_values_give_the_same_as_symbols(case_id):
    case = oracle_cases.case(case_id)
    if case_id in SQUEEZED:
        loss = getattr(losses, case.name)(**case.config)
        with pytest.raises(TensorTypeError, match="T0601"):
            loss(case.given["y_true"], case.given["y_pred"])
        return
    y_pred = Tensor(case.given["y_pred"])
    if "mask" in case.given:
        y_pred._keras_mask = Tensor(case.given["mask"])
    loss = getattr(losses, case.name)(**case.config)
    value = loss(case.given["y_true"], y_pred, case.given.get("sample_weight"))
    case.check("out.0", value)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.fixture
def data():
    random = np.random.default_rng(3)
    scores = random.normal(size=(7, 5))
    labels = random.integers(0, 5, 7).astype("int32")
    return scores, labels


def test_sparse_crossentropy_by_formula(data):
    scores, labels = data
    want = -np.log(softmax(scores)[np.arange(7), labels])
    found = losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_categorical_crossentropy_by_formula(data):
    scores, labels = data
    target = np.eye(5)[labels] * 0.9 + 0.1 / 5
    want = -(target * np.log(softmax(scores))).sum(-1)
    found = losses.categorical_crossentropy(
        np.eye(5)[labels], scores, from_logits=True, label_smoothing=0.1
    )
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_binary_crossentropy_by_formula(data):
    scores, _ = data
    target = (scores > 0.3).astype("float64")
    p = 1 / (1 + np.exp(-scores))
    want = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(-1)
    found = losses.binary_crossentropy(target, scores, from_logits=True)
    np.testing.assert_allclose(found, want, rtol=1e-9)


def test_large_logits_stay_finite():
    scores = np.array([[-1000.0], [1000.0]], "float32")
    found = losses.binary_crossentropy(1 - np.eye(2)[:, :1], scores, from_logits=True)
    np.testing.assert_array_equal(found, [0.0, 0.0])


def test_huber_by_formula():
    error = np.array([[-3.0, -0.5, 0.0, 0.7, 2.5]])
    size = np.abs(error)
    want = np.where(size <= 1.5, 0.5 * error**2, 1.5 * size - 1.125).mean(-1)
    np.testing.assert_allclose(losses.huber(np.zeros((1, 5)), error, 1.5), want)


def code_of(function, *args, **kwargs):
    with pytest.raises(TensorTypeError) as caught:
        function(*args, **kwargs)
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert found.span.source.name == __file__
    return found


def test_unequal_shapes_say_what_broadcasting_would_make():
    y_pred, y_true = np.ones((4, 1), "float32"), np.ones(4, "float32")
    found = code_of(losses.mean_squared_error, y_true, y_pred)
    assert found.code == "T0601"
    assert any("f32[4, 4]" in note for note in found.notes)
    assert any("squeeze" in text for text in found.help)


def test_symbolic_batch_is_no_reason_to_broadcast():
    y_true, y_pred = Input(()), Input((1,))
    found = code_of(losses.mean_absolute_error, y_true, y_pred)
    assert found.code == "T0601"
    assert any("f32[batch, batch]" in note for note in found.notes)


def test_one_hot_targets_are_sent_to_the_other_loss():
    scores = np.ones((4, 3), "float32")
    found = code_of(
        losses.sparse_categorical_crossentropy, np.ones((4, 3), "int32"), scores
    )
    assert found.code == "T0601"
    assert "categorical" in found.help[0]


def test_float_labels_are_refused():
    found = code_of(
        losses.sparse_categorical_crossentropy, np.ones(4, "float32"), np.ones((4, 3))
    )
    assert found.code == "T0402"


def test_weights_must_not_enlarge_the_losses():
    loss = losses.MeanSquaredError()
    y = np.ones((4, 3), "float32")
    found = code_of(loss, y, y, np.ones((4, 1), "float32"))
    assert found.code == "T0601"


def test_softmax_is_no_logits():
    scores = call("softmax", Input((3,)))
    labels = Input((), dtype="int32")
    found = code_of(
        losses.sparse_categorical_crossentropy, labels, scores, from_logits=True
    )
    assert found.code == "T0602"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: losses.get("mean_sqared_error"), "mean_squared_error"),
        (lambda: losses.Huber(dleta=2.0), "delta"),
        (lambda: losses.MeanSquaredError(reduction="avg"), "sum_over_batch_size"),
        (lambda: losses.get(7), "no loss"),
    ],
)
def test_wrong_names_and_arguments(wrong, word):
    found = code_of(wrong)
    assert found.code in ("T0202", "T0203", "T0204")
    assert word in str(found)


@pytest.mark.parametrize("name", list(losses.CLASSES))
def test_every_loss_is_found_by_its_names(name):
    kind = losses.CLASSES[name]
    for identifier in (name, kind.__name__, kind, losses.BY_NAME[name]):
        assert type(losses.get(identifier)) is kind
    loss = kind(reduction="sum")
    again = losses.get({"class_name": kind.__name__, "config": loss.get_config()})
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize(("target", "mixes"), [((), True), ((1,), None), ((3,), False)])
def test_only_a_missing_axis_pairs_other_samples(target, mixes):
    """[batch] against [batch, 1] becomes [batch, batch]; [batch, 3] keeps its rows."""
    batch = Dim.from_symbol(Symbol("batch"))
    y_true, y_pred = (
        SymbolicTensor(input_node("y", TensorType(F32, (batch, *map(Dim.of, sizes)))))
        for sizes in (target, (1,))
    )
    if mixes is None:
        losses.MeanSquaredError()(y_true, y_pred)
        return
    with pytest.raises(TulleError) as caught:
        losses.MeanSquaredError()(y_true, y_pred)
    assert ("pairs targets of other samples" in str(caught.value)) is mixes
