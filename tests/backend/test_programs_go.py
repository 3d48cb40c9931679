"""What has become a program goes with it, also where it refers to itself."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from work import compiled_graphs, programs_come_soon

from tulle import layers, losses, metrics, ops
from tulle.backend.tapes import GradientTape
from tulle.graph import evaluate
from tulle.graph.layer import Layer
from tulle.graph.tensor import Tensor
from tulle.graph.transforms import custom_gradient, grad, jvp, remat
from tulle.graph.variable import Variable

TIMES = 4
X = np.linspace(-1, 2, 12).astype("float32").reshape(3, 4)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    return compiled_graphs(monkeypatch)


class Circular(losses.Loss):
    def __init__(self):
        super().__init__()
        self.distance, self.factor = self.absolute, 1.0

    def absolute(self, one, two):
        return ops.abs(one - two)

    def call(self, y_true, y_pred):
        return ops.mean(self.distance(y_true, y_pred), axis=-1) * self.factor


class Squares(metrics.Mean):
    def __init__(self):
        super().__init__()
        self.shown = self.result

    def result(self):
        return super().result() * 2.0


class Doubling(Layer):
    def build(self, shape):
        self.w, self.again = self.add_weight((shape[-1], 3)), self.doubled

    def doubled(self, x):
        return x * 2.0

    def call(self, x):
        return self.again(x @ self.w)


def a_loss():
    loss = Circular()
    for _ in range(TIMES):
        loss(X, X + 1)
    return [loss]


def a_metric():
    metric = Squares()
    for _ in range(TIMES):
        metric.update_state(X)
        metric.result()
    return [metric, *metric.variables]


def a_layer():
    layer = Doubling()
    for _ in range(TIMES):
        with GradientTape() as tape:
            total = ops.sum(layer(X))
        tape.gradient(total, layer.w)
    return [layer, layer.w, tape]


def a_direction():
    def scaled(x):
        return x * scale

    scale = Variable(np.ones(4, "float32"))
    for _ in range(TIMES):
        jvp(scaled, (X,), (X,))
    return [scaled, scale]


def a_gradient():
    @custom_gradient
    def scaled(x):
        return x * scale, lambda upstream: upstream * 2.0

    scale = Variable(np.ones(4, "float32"))
    again = remat(lambda x: x * scale)
    slope = grad(lambda x: ops.sum(scaled(x) * again(x)))
    for _ in range(TIMES):
        slope(X)
    return [scaled, slope, again, scale]


@pytest.mark.parametrize("make", [a_loss, a_metric, a_layer, a_direction, a_gradient])
def test_it_goes(make):
    known = list(map(weakref.ref, make()))
    for _ in range(5):  # nodes go one after the other
        gc.collect()
    assert [one() for one in known] == [None] * len(known)


def test_what_holds_a_function_is_not_kept():
    again = remat(lambda x: x * 2.0)
    before = len(evaluate._EXPANSIONS)
    for _ in range(TIMES):
        again(Tensor(X))
    assert len(evaluate._EXPANSIONS) == before


def copied(loss):
    """A copy as code makes it that knows nothing of programs."""
    made = object.__new__(type(loss))
    made.__dict__.update(loss.__dict__)
    return made


def pickled(loss):
    return pickle.loads(pickle.dumps(loss))  # noqa: S301 - our own


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, copied, pickled])
def test_copies_have_programs_of_their_own(compiled, make):
    loss, layer = losses.Huber(), layers.LeakyReLU(0.5)
    for _ in range(TIMES):
        loss(X, X + 1), layer(X)
    other, another = make(loss), make(layer)
    other.delta, another.negative_slope = 0.25, 0.25
    for _ in range(TIMES):
        np.testing.assert_allclose(loss(X, X + 1), 0.5)
        np.testing.assert_allclose(other(X, X + 1), 0.25 * (1 - 0.125))
        np.testing.assert_allclose(layer(X), np.where(X < 0, 0.5 * X, X))
        np.testing.assert_allclose(another(X), np.where(X < 0, 0.25 * X, X))
    assert len(compiled) >= 3
