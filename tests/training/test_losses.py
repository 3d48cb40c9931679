"""Losses: Keras's numbers, independent formulas, and refusals of what does not fit."""

import numpy as np
import pytest

from tulle.graph.diagnostics import TensorTypeError, TulleError
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.types import F32, TensorType
from tulle.training import losses
from tulle.training.operands import exact_shapes


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


def test_a_last_axis_of_size_1_is_dropped():
    wide, slim = np.arange(6.0).reshape(2, 3, 1), np.ones((2, 3))
    want = np.mean((wide[..., 0] - slim) ** 2, -1)
    for one, two in ((wide, slim), (slim, wide)):
        np.testing.assert_allclose(losses.mean_squared_error(one, two), want)
    column, vector = np.ones((4, 1), "float32"), np.arange(4.0, dtype="float32")
    for one, two in ((column, vector), (vector, column)):
        found = losses.mean_squared_error(one, two)
        np.testing.assert_array_equal(found, (vector - 1) ** 2)
    labels, scores = np.array([[0], [2]]), np.zeros((2, 3))
    found = losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
    np.testing.assert_allclose(found, np.log([3.0, 3.0]))


def test_the_language_drops_no_axis():
    with exact_shapes():
        found = code_of(
            losses.mean_squared_error, np.ones(4), np.ones((4, 1), "float32")
        )
        assert found.code == "T0601"
        assert any("f64[4, 4]" in n or "f32[4, 4]" in n for n in found.notes)
        assert any("squeeze" in text for text in found.help)
        labels = np.zeros((4, 1), "int32")
        with pytest.raises(TensorTypeError, match="T0601"):
            losses.sparse_categorical_crossentropy(labels, np.ones((4, 3)))


@pytest.mark.parametrize(
    ("one", "two"),
    [((4, 1), (4, 2)), ((3,), (4, 1)), ((4, 2, 1, 1), (4, 2)), ((4, 2), (4,))],
)
def test_unequal_shapes_are_refused(one, two):
    found = code_of(losses.mean_absolute_error, np.ones(one), np.ones(two))
    assert found.code == "T0601"


def test_symbolic_batch_is_no_reason_to_broadcast():
    found = code_of(losses.mean_absolute_error, Input((2,)), Input((1,)))
    assert found.code == "T0601"
    assert losses.mean_absolute_error(Input(()), Input((1,))).type.rank == 1


def test_one_hot_targets_are_sent_to_the_other_loss():
    scores = np.ones((4, 3), "float32")
    found = code_of(
        losses.sparse_categorical_crossentropy, np.ones((4, 3), "int32"), scores
    )
    assert found.code == "T0601"
    assert "categorical" in found.help[0]


def test_float_labels_are_refused_unless_whole():
    scores, whole = np.full((4, 3), 1 / 3), np.ones(4, "float32")
    found = code_of(losses.sparse_categorical_crossentropy, whole + 0.5, scores)
    assert found.code == "T0402"
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(whole, scores), np.log(3), rtol=1e-5
    )


def test_weights_must_not_enlarge_the_losses():
    loss = losses.MeanSquaredError()
    y = np.ones((4, 3), "float32")
    found = code_of(loss, y, y, np.ones((3, 1), "float32"))
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
        assert type(losses.as_loss(identifier)) is kind
    assert losses.get(name) is losses.BY_NAME[name]
    assert type(losses.get(kind.__name__)) is kind
    loss = kind(reduction="sum", dtype="float64")
    for config in (
        {"class_name": kind.__name__, "config": loss.get_config()},
        losses.serialize(loss),
    ):
        assert losses.get(config).get_config() == loss.get_config()
        assert losses.deserialize(config).dtype == "float64"


@pytest.mark.parametrize("name", ["mse", "MAE", "kld", "msle", "MAPE", "bce"])
def test_short_names(name):
    assert losses.get(name) is losses.BY_NAME[losses.ALIASES[name.lower()]]


def test_functions_of_the_library_by_configuration():
    assert losses.serialize(losses.huber) == "huber"
    assert losses.deserialize("huber") is losses.huber


@pytest.mark.parametrize(("target", "mixes"), [((), False), ((1,), None), ((3,), True)])
def test_only_other_sizes_are_refused(target, mixes):
    """[batch] against [batch, 1] is one column; [batch, 3] is refused."""
    batch = Dim.from_symbol(Symbol("batch"))
    y_true, y_pred = (
        SymbolicTensor(input_node("y", TensorType(F32, (batch, *map(Dim.of, sizes)))))
        for sizes in (target, (1,))
    )
    if not mixes:
        assert losses.MeanSquaredError()(y_true, y_pred).type.rank == 0
        return
    with pytest.raises(TulleError, match="repeats the one"):
        losses.MeanSquaredError()(y_true, y_pred)


def test_the_dtype_of_a_loss():
    y_true, half = np.array([[70000]]), np.zeros((1, 1), "float16")
    assert losses.MeanAbsoluteError()(y_true, half).item() == 70000
    assert losses.MeanAbsoluteError()(y_true, half.astype("f8")).dtype == "float64"
    loss = losses.MeanAbsoluteError(dtype="float16")
    assert loss(half, half).dtype == loss.dtype == "float16"
    assert code_of(losses.MeanAbsoluteError, dtype="int32").code == "T0401"


def test_small_whole_numbers_do_not_wrap():
    class Difference(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - 2) * y_pred

    loss = Difference(reduction="none")
    found = loss(np.array([1], "uint8"), np.ones(1, "float32"))
    assert found.numpy().tolist() == [-1.0]


def test_a_prediction_of_several_parts():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred["a"] * y_true["a"] + y_pred["b"]

    loss = Both(reduction="sum")
    found = loss({"a": np.ones(2)}, {"a": np.full(2, 3.0), "b": np.ones(2)})
    assert found.item() == 8.0


def test_a_mask_that_the_result_carries():
    labels, scores = np.array([1, -1, 0]), np.zeros((3, 2), "float32")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    assert loss(labels, scores).item() == pytest.approx(np.log(2))
    weights = np.array([2.0, 5.0, 0.0])
    assert loss(labels, scores, weights).item() == pytest.approx(np.log(2))
    masked = Tensor(scores)
    masked._keras_mask = Tensor(np.array([False, True, True]))
    assert loss(labels, masked, weights).item() == 0.0


def test_all_masked_is_nothing():
    y_pred = Tensor(np.ones((2, 3), "float32"))
    y_pred._keras_mask = Tensor(np.zeros(2, bool))
    assert losses.MeanSquaredError()(np.zeros((2, 3)), y_pred).item() == 0.0


def test_weights_of_a_loss_that_is_one_number_warn():
    ones, weights = np.ones(3), np.array([1.0, 2.0, 3.0])
    with pytest.warns(TulleWarning, match="do not weight its samples"):
        found = losses.MeanSquaredError()(ones, 3 * ones, weights)
    assert found.item() == 8.0


def test_weights_in_a_column():
    y, weights = np.ones((3, 2), "float32"), np.array([[1.0], [0.0], [2.0]])
    loss = losses.MeanSquaredError(reduction="none")
    assert loss(y, 0 * y, weights).numpy().tolist() == [[1.0], [0.0], [2.0]]


def test_a_users_function_gets_one_rank():
    def error(y_true, y_pred):
        return call("abs", y_true - y_pred)

    loss = losses.as_loss(error)
    assert loss(np.arange(4.0), np.zeros((4, 1))).item() == 1.5


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0), "between 0 and 1"),
        (lambda: losses.categorical_crossentropy([[1.0]], [[1.0]], False, 3), "0 to 1"),
        (lambda: losses.ctc([1], [[[0.0, 0.0]]]), "batch, steps, classes"),
        (lambda: losses.circle([1], [[[0.0]]]), "batch, size"),
    ],
)
def test_settings_and_ranks_are_told(wrong, word):
    assert word in str(code_of(wrong))


def test_circle_without_pairs_has_a_gradient():
    zeros = Tensor(np.zeros((2, 3), "float32"))
    y_pred = SymbolicTensor(input_node("x", zeros.type))
    result = losses.Circle(reduction="sum")(np.array([0, 1]), y_pred)
    (gradient,) = gradients(result.node, [y_pred.node])
    found = evaluate([gradient], {y_pred.node: np.eye(2, 3, dtype="float32")}, {})
    np.testing.assert_array_equal(found[0], np.zeros((2, 3)))
