"""Layers that are called on values again and again: their programs do the same."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from work import compiled_graphs

from tulle.backend.tapes import GradientTape
from tulle.graph import call_programs, programs
from tulle.graph.call_programs import FIRST, KEPT
from tulle.graph.diagnostics import TulleError
from tulle.graph.layer import Layer
from tulle.graph.layers import (
    GRU,
    ActivityRegularization,
    BatchNormalization,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Lambda,
    LayerNormalization,
    MultiHeadAttention,
)
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor
from tulle.graph.variable import set_random_seed
from tulle.training.model import Sequential

TIMES = FIRST + 3
RNG = np.random.default_rng(0)


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that become programs while a test runs."""
    return compiled_graphs(monkeypatch)


def tensor(*shape):
    return Tensor(RNG.normal(size=shape).astype("float32"))


def outcomes(layer, inputs, *more, **settings):
    """What calls give, and the state after each."""
    return [
        [np.array(layer(x, *more, **settings)), *layer.get_weights()] for x in inputs
    ]


def both_ways(monkeypatch, make, *shape, **settings):
    """Outcomes as they come, and with all calls op by op."""
    inputs, results = [tensor(*shape) for _ in range(TIMES)], []
    for compiler in (programs.compiler, None):
        with monkeypatch.context() as context:
            context.setattr(programs, "compiler", compiler)
            set_random_seed(7)
            results.append(outcomes(make(), inputs, **settings))
    return results


LAYERS = [
    lambda: GRU(3, return_sequences=True),
    lambda: Sequential([Conv1D(4, 3, activation="gelu"), LayerNormalization()]),
    lambda: Sequential([BatchNormalization(), Dropout(0.5), Dense(2)]),
    lambda: GRU(3, stateful=True),
]


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("training", [False, True])
def test_programs_give_and_leave_what_ops_do(monkeypatch, compiled, make, training):
    results = both_ways(monkeypatch, make, 2, 5, 3, training=training)
    for one, two in zip(*results, strict=True):
        for found, wanted in zip(one, two, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert len(compiled) == 1


def test_several_arguments_and_nests_of_them(monkeypatch, compiled):
    layer, x, y = MultiHeadAttention(2, 3), tensor(2, 4, 6), tensor(2, 5, 6)
    for _ in range(TIMES):
        found = layer(x, y, return_attention_scores=True)
        assert [part.shape for part in found] == [(2, 4, 6), (2, 2, 4, 5)]
    with monkeypatch.context() as context:
        context.setattr(programs, "compiler", None)
        wanted = layer(x, y, return_attention_scores=True)
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    assert len(compiled) == 1


def test_changed_settings_and_weights_are_followed(compiled):
    dropout, x = Dropout(0.5), Tensor(np.ones((4, 50), "float32"))
    norm, dense = BatchNormalization(momentum=0.0), Dense(1)
    for _ in range(TIMES):
        dropout(x, training=True), norm(x, training=True), dense(x)
    assert len(compiled) == 3
    dropout.rate = 0.0
    np.testing.assert_array_equal(dropout(x, training=True), x)
    norm.trainable = False
    norm.moving_mean.assign(np.zeros(50))
    norm(x, training=True)
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(50))
    dense.set_weights([np.ones((50, 1)), np.ones(1)])
    np.testing.assert_array_equal(dense(x), np.full((4, 1), 51.0))
    assert len(compiled) == 3


class Counting(Layer):
    """A layer of a user's, with one of the library inside."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = GRU(3), 0

    def call(self, x):
        self.calls += 1
        return self.inner(x) * float(self.calls)


def test_code_of_a_user_runs_each_time_and_what_it_calls_may_be_a_program(compiled):
    layer, seen = Counting(), []
    function = Lambda(lambda x: seen.append(1) or x * len(seen))
    activated = Dense(2, activation=lambda x: seen.append(1) or x)
    x, ones = tensor(2, 4, 3), Tensor(np.ones((1, 1), "float32"))
    first = np.array(layer(x))
    for time in range(1, TIMES):
        np.testing.assert_allclose(layer(x), first * (time + 1), rtol=1e-4, atol=1e-6)
    assert (layer.calls, len(compiled)) == (TIMES, 1)
    for time in range(TIMES):
        assert float(function(ones)) == time + 1
    for _ in range(TIMES):
        activated(ones)
    assert (len(seen), len(compiled)) == (2 * TIMES, 1)


def test_masks_losses_and_tapes_are_served(compiled):
    ids = Tensor(np.array([[1, 2, 0]], "int32"))
    masked = Sequential([Embedding(5, 4, mask_zero=True), GRU(3)])
    short = Sequential([Embedding(5, 4), GRU(3)])
    costly, dense, x = ActivityRegularization(l2=1.0), Dense(1), tensor(2, 3)
    two = Tensor(np.array([[1, 2]], "int32"))
    masked(ids), short(two)
    short.set_weights(masked.get_weights())
    for _ in range(TIMES):
        found = masked(ids)
        costly(x)
        with GradientTape() as tape:
            y = call("sum", dense(x))
        kernel, _ = tape.gradient(y, dense.trainable_weights)
        np.testing.assert_allclose(kernel[:, 0], x.array.sum(0), rtol=1e-5)
        assert len(costly.losses) == 1
    wanted = short(two)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert all(one._call_programs._known for one in (costly, dense))


def test_counts_begin_anew_with_a_seed_and_a_copy(compiled):
    layer, x = Dense(2), tensor(3, 4)
    for _ in range(FIRST + 1):
        layer(x)
    assert not compiled
    layer(x)
    assert len(compiled) == 1
    for other in (
        copy.copy(layer),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),  # noqa: S301
    ):
        assert other._call_programs is not layer._call_programs
        np.testing.assert_allclose(other(x), layer(x), rtol=1e-6)
    set_random_seed(1)
    (count,) = layer._call_programs._counts.values()
    layer(x)
    assert count == FIRST
    assert list(layer._call_programs._counts.values()) == [1]


def test_what_hands_on_its_input_is_no_program(compiled):
    layer, x = Dropout(0.5), tensor(2, 3)
    for _ in range(TIMES):
        assert layer(x) is x
    with GradientTape() as tape:
        tape.watch(x)
        y = call("sum", layer(x))
    np.testing.assert_array_equal(tape.gradient(y, x), np.ones((2, 3)))
    assert not compiled


def test_of_many_kinds_of_calls_those_that_come_often_stay_programs(
    monkeypatch, compiled
):
    monkeypatch.setattr(call_programs, "KEPT", 3)
    monkeypatch.setattr(call_programs, "FIRST", 1)
    layer, often = Dense(2), tensor(9, 3)
    for time in range(120):
        x = tensor(1 + time % 6, 3)
        for one in (often, x):
            wanted = one.array @ layer.kernel.numpy() if layer.built else layer(one)
            np.testing.assert_allclose(layer(one), wanted, rtol=1e-5, atol=1e-6)
        assert len(layer._call_programs._known) <= 3
    # A kind that gave way to others comes ever more often before it is compiled again.
    assert 3 < len(compiled) < 20
    assert sum(graph.inputs[0].shape[0] == 9 for graph in compiled) == 1


def test_few_programs_are_kept_and_none_without_its_layer():
    layer = Dense(2)
    for size in range(1, KEPT + 4):
        x = tensor(size, 3)
        for _ in range(FIRST + 2):
            layer(x)
    assert 0 < len(layer._call_programs._known) <= KEPT
    known = weakref.ref(layer)
    del layer
    gc.collect()
    assert known() is None


def test_an_index_outside_is_told_by_a_program_too():
    layer = Embedding(5, 2)
    for _ in range(TIMES):
        layer(Tensor(np.array([1, 4], "int32")))
    told = []
    for one in (layer, Embedding(5, 2)):
        with pytest.raises(TulleError, match="7") as caught:
            one(Tensor(np.array([1, 7], "int32")))
        told.append(caught.value.diagnostics[0].code)
    assert told[0] == told[1]
