"""Data against models: what is refused is told with what was given."""

import numpy as np
import pytest

from tulle.graph.diagnostics import TulleError
from tulle.graph.layers import Add, Dense
from tulle.graph.network import Input
from tulle.graph.registry import call
from tulle.training.model import Model, Sequential

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = np.arange(50) % 3


def classifier():
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def two_inputs():
    a, b = Input((4,), name="a"), Input((2,), name="b")
    model = Model([a, b], Add()([Dense(1)(a), Dense(1)(b)]))
    model.compile("sgd", "mse")
    return model


def refused(function, code):
    with pytest.raises(TulleError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    assert found.span is not None
    assert found.span.source.name == __file__
    return found


@pytest.mark.parametrize(("size", "share"), [(53, 0.2), (50, 0.2), (7, 0.5), (9, 0.8)])
def test_validation_split_rounds_as_keras(size, share):
    """Keras: `split_at = int(floor(size * (1 - validation_split)))`."""
    model = Sequential([Input((1,)), Dense(1, use_bias=False)])
    model.compile("sgd", "mae")
    model.set_weights([np.zeros((1, 1))])
    model.optimizer.learning_rate = 0.0
    x = np.ones((size, 1), "float32")
    y = np.arange(size, dtype="float32")[:, None]
    history = model.fit(x, y, validation_split=share, verbose=0).history
    at = int(np.floor(size * (1 - share)))
    assert history["loss"][0] == pytest.approx(np.arange(at).mean(), rel=1e-6)
    assert history["val_loss"][0] == pytest.approx(np.arange(at, size).mean())


def test_sizes_are_compared_before_the_data_are_split():
    found = refused(
        lambda: classifier().fit(X, Y[:40], validation_split=0.2, verbose=0), "T0701"
    )
    assert "`x` has 50" in found.message
    assert "`y` has 40" in found.message
    refused(lambda: classifier().fit(validation_split=0.2, verbose=0), "T0204")


@pytest.mark.parametrize(
    ("given", "code", "word"),
    [
        ({"0": 1.0}, "T0204", "'0'"),
        ([1, 2], "T0204", "[1, 2]"),
        ({0: "a"}, "T0204", "'a'"),
        ({0: float("nan")}, "T0204", "nan"),
        ({9: 1.0}, "T0708", "class 9"),
        ({-1: 1.0}, "T0708", "class -1"),
    ],
)
def test_class_weights_that_mean_nothing_are_refused(given, code, word):
    found = refused(lambda: classifier().fit(X, Y, class_weight=given), code)
    assert word in found.message


def test_class_weights_need_class_numbers():
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("sgd", "mse")
    found = refused(lambda: model.fit(X, X[:, :1], class_weight={0: 2.0}), "T0708")
    assert "`y`" in found.message


def test_class_weights_multiply_the_losses():
    """The mean over the samples of weight times loss, in float64 with NumPy."""
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    model = classifier()
    model.optimizer.learning_rate = 0.0
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    scores = X @ kernel + bias
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    each = -scores[np.arange(50), Y] * np.array([weights[label] for label in Y])
    for y in (Y, Y.astype("float64")):
        history = model.fit(X, y, class_weight=weights, batch_size=50, verbose=0)
        assert history.history["loss"][0] == pytest.approx(each.mean(), rel=1e-5)


def test_swapped_arrays_are_told():
    found = refused(lambda: classifier().fit(Y, X, verbose=0), "T0701")
    assert any("they fit if swapped" in h for h in found.help)
    found = refused(
        lambda: two_inputs().predict([X[:, :2], X], verbose=0),
        "T0701",
    )
    assert any("they fit if swapped" in h for h in found.help)


def test_arrays_are_counted_in_words():
    found = refused(lambda: two_inputs().predict(X, verbose=0), "T0701")
    assert "`x` is 1 array" in found.message
    found = refused(lambda: two_inputs().predict(X.tolist(), verbose=0), "T0701")
    assert "`x` is 1 array" in found.message
    found = refused(lambda: two_inputs().predict([X] * 3, verbose=0), "T0701")
    assert "`x` is 3 arrays" in found.message
    model = classifier()
    found = refused(lambda: model.compile("sgd", loss=["mse", "mse"]), "T0204")
    assert "2 entries for 1 output" in found.message
    assert "1 outputs" not in found.message


def test_class_weights_of_sequences():
    """Class numbers [batch, T]: the last axis is no axis of classes."""
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    x = Input((2, 4))
    model = Model(x, Dense(3, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.0
    data, labels = X.reshape(25, 2, 4), Y.reshape(25, 2)
    scores = model.predict(data, verbose=0).astype("float64")
    each = -np.log(np.take_along_axis(scores, labels[..., None], -1)[..., 0])
    factors = np.vectorize(weights.get)(labels)
    found = model.fit(data, labels, 25, class_weight=weights, verbose=0)
    want = (each * factors).sum() / labels.size
    assert found.history["loss"][0] == pytest.approx(want, rel=1e-5)


def test_class_weights_without_a_target_are_refused():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def call(self, x):
            y = self.dense(x)
            self.add_loss(call("sum", y * y))
            return y

    model = Own()
    model.compile("sgd")
    refused(lambda: model.fit(X, class_weight={0: 1.0}, verbose=0), "T0204")
