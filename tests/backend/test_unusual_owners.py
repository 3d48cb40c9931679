"""Layers, losses and functions that are unusual are called as often as one likes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from work import programs_come_soon

from tulle import layers, losses, ops
from tulle.graph.layer import Layer
from tulle.graph.transforms import jvp

TIMES = 4
X = np.linspace(-1, 2, 12).astype("float32").reshape(3, 4)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


def check(function, wanted):
    for _ in range(TIMES):
        np.testing.assert_allclose(function(), wanted, rtol=1e-6)


class Scaling(Layer):
    def __init__(self, factors):
        super().__init__()
        self._programs = factors

    def call(self, x):
        return x * self._programs[0]


class Distance(losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self._programs = factor

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1) * self._programs


def test_programs_is_a_name_for_users():
    def doubled(x):
        return x * 2.0

    layer, loss = Scaling([2.0]), Distance(2.0)
    doubled._programs = 3
    check(lambda: layer(X), X * 2)
    check(lambda: loss(X, X + 1), 2.0)
    check(lambda: jvp(doubled, (X,), (X,))[1], X * 2)
    layer._programs, loss._programs = [3.0], 3.0
    check(lambda: layer(X), X * 3)
    check(lambda: loss(X, X + 1), 3.0)


@dataclass(frozen=True)
class Frozen(losses.Loss):
    factor: float = 2.0
    name: str = "frozen"
    reduction: str = "sum_over_batch_size"
    _wanted: str | None = None

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1) * self.factor


def test_a_loss_may_be_a_frozen_dataclass():
    loss = Frozen()
    other = replace(loss, factor=3.0)
    check(lambda: loss(X, X + 1), 2.0)
    check(lambda: other(X, X + 1), 3.0)
    assert loss == Frozen()


def test_a_function_may_be_of_no_module():
    space = {}
    exec("def doubled(x): return x * 2.0", space)
    doubled = space["doubled"]
    own, library = Scaling([doubled]), layers.Activation(doubled)
    check(lambda: jvp(doubled, (X,), (X,))[1], X * 2)
    check(lambda: library(X), X * 2)
    own.call = lambda x: own._programs[0](x)
    check(lambda: own(X), X * 2)


def test_attributes_may_be_methods_of_builtin_classes_and_hold_themselves():
    itself = [2.0]
    itself.append(itself)
    library, own = layers.LeakyReLU(0.5), Scaling(itself)
    library.upper, library.itself = str.upper, itself
    check(lambda: library(X), np.where(X < 0, X / 2, X))
    check(lambda: own(X), X * 2)
