"""Losses that are computed on values again and again: their programs do the same."""

import copy

import numpy as np
import pytest
from work import compiled_graphs, programs_come_soon

from tulle.backend.tapes import GradientTape
from tulle.graph import programs
from tulle.graph.masking import set_mask
from tulle.graph.tensor import Tensor
from tulle.training import losses
from tulle.training.loss import Loss

TIMES = 4  # calls, the last ones of which are programs
RNG = np.random.default_rng(0)
CLASSES = sorted(losses.CLASSES.items())
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    return compiled_graphs(monkeypatch)


def pair(name):
    """Target and prediction that suit all losses, or a sparse one."""
    scores = RNG.uniform(0.1, 0.9, (4, 5)).astype("float32")
    if any(part in name for part in ("sparse", "generalized", "circle")):
        return RNG.integers(0, 5, 4).astype("int32"), scores
    if name == "ctc":
        return np.array([[1, 2], [2, 1], [3, 3], [1, 4]], "int32"), np.stack(
            [scores] * 6, axis=1
        )
    return RNG.integers(0, 2, (4, 5)).astype("float32"), scores


def outcomes(loss, y_true, y_pred, weights):
    found = []
    for _ in range(TIMES):
        prediction = Tensor(y_pred)
        with GradientTape() as tape:
            tape.watch(prediction)
            value = loss(Tensor(y_true), prediction, weights)
        found += [value, tape.gradient(value, prediction), loss(y_true, y_pred)]
    return list(map(np.array, found))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "kind"), CLASSES)
def test_programs_give_what_ops_do(monkeypatch, name, kind, reduction):
    y_true, y_pred = pair(name)
    per_sample = np.linspace(0.5, 2.0, 4).astype("float32")
    if not kind(reduction="none")(y_true, y_pred).ndim:
        per_sample = None
    results = []
    for compiler in (programs.compiler, None):
        with monkeypatch.context() as context:
            context.setattr(programs, "compiler", compiler)
            loss = kind(reduction=reduction)
            results.append(outcomes(loss, y_true, y_pred, per_sample))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


class Own(Loss):
    """A loss of a user's, which counts its calls."""

    calls = 0

    def call(self, y_true, y_pred):
        self.calls += 1
        return (y_true - y_pred) * float(self.calls)


def test_code_of_a_user_runs_each_time(compiled):
    own, ones = Own(), np.ones((2, 1), "float32")
    for time in range(TIMES):
        assert float(own(ones * 2, ones)) == time + 1
    assert not compiled


def test_settings_that_change_are_followed_and_copies_are_apart(compiled):
    smooth, (y_true, y_pred) = losses.Huber(delta=0.1), pair("huber")
    first = [float(smooth(y_true, y_pred)) for _ in range(TIMES)]
    other = copy.copy(smooth)
    other.delta = 1.0
    assert float(other(y_true, y_pred)) > first[0]
    smooth.delta = 1.0
    np.testing.assert_allclose(smooth(y_true, y_pred), other(y_true, y_pred), rtol=1e-6)
    assert len(compiled) == 2


def test_masks_are_served():
    loss, (y_true, y_pred) = losses.MeanSquaredError(), pair("mean")
    for _ in range(TIMES):
        prediction = Tensor(y_pred)
        set_mask(prediction, Tensor(np.array([True, False, False, False])))
        found = float(loss(y_true, prediction))
    wanted = ((y_true - y_pred) ** 2).mean(1)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
