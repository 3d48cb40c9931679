"""Calls of layers that tapes listen to: as programs they are what they are op by op."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layer_cases import all_rows, arranged, arrays, labels, layer_of, primes
from work import compiled_graphs, programs_come_soon

from tulle import ops
from tulle.backend.tapes import GradientTape
from tulle.graph import programs, tree
from tulle.graph.layer import Layer
from tulle.graph.layers import (
    LSTM,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    LayerNormalization,
    LSTMCell,
    SpectralNormalization,
)
from tulle.graph.node import topological
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor, convert_to_tensor
from tulle.graph.traced_calls import Taped
from tulle.graph.transforms import grad, hessian, jvp
from tulle.graph.variable import set_random_seed
from tulle.training.model import Sequential

RNG = np.random.default_rng(0)
TIMES = 4  # calls: the first one builds, the last two are programs
ROWS = [row for row in all_rows() if row.gradients]
CASES = [
    pytest.param(row, training, id=f"{label}-{training}")
    for row, label in zip(ROWS, labels(ROWS), strict=True)
    for training in ((False, True) if layer_of(row).wants_training else (False,))
]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that become programs while a test runs."""
    return compiled_graphs(monkeypatch)


def tensor(*shape):
    return Tensor(RNG.normal(size=shape).astype("float32"))


def weighed(results):
    """A scalar in which each element of results counts otherwise."""
    parts = [
        call("sum", call("sin", r + 0.5)) for r in results if r.type.dtype.is_float
    ]
    return sum(parts, Tensor(np.zeros((), "float32")))


def both_ways(monkeypatch, function):
    """What a function gives with programs, and with all done op by op."""
    found = []
    for compiler in (programs.compiler, None):
        with monkeypatch.context() as context:
            context.setattr(programs, "compiler", compiler)
            set_random_seed(7)
            found.append(function())
    return found


def agree(found, wanted):
    assert len(found) == len(wanted)
    for one, two in zip(found, wanted, strict=True):
        assert (one is None) == (two is None)
        if one is not None:
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def row_outcomes(row, training):
    """Results, losses and gradients of calls of a row, and the state after each."""
    layer, sizes = layer_of(row, dtype="float32"), primes(row)
    inputs = [convert_to_tensor(x) for x in arrays(row, sizes)]
    options, found = {**row.call, "training": training}, []
    for _ in range(TIMES):
        with GradientTape() as tape:
            tape.watch(inputs)
            results = layer(*arranged(row, inputs), **options)
            outputs = tree.flatten(results)[0]
            value = weighed(outputs) + weighed(layer.losses)
        floats = [x for x in inputs if x.type.dtype.is_float]
        gradients = tape.gradient(value, [*floats, *layer.trainable_weights])
        found += [*outputs, *gradients, *layer.get_weights()]
    return [None if part is None else np.array(part) for part in found]


@pytest.mark.parametrize(("row", "training"), CASES)
def test_every_layer_is_what_it_is_op_by_op(monkeypatch, row, training):
    agree(*both_ways(monkeypatch, lambda: row_outcomes(row, training)))


def network():
    return Sequential(
        [
            Dense(6, "gelu", activity_regularizer="l2"),
            BatchNormalization(),
            Dropout(0.4),
            LayerNormalization(),
            Dense(3),
        ]
    )


def steps(model, xs, times=TIMES, **options):
    """Gradients of calls, with weights moved in between the call and the gradient."""
    found = []
    for x in xs[:times]:
        with GradientTape(**options) as tape:
            tape.watch(x)
            value = weighed([model(x, training=True)]) + sum(model.losses)
        for variable in model.trainable_weights:
            variable.assign(variable.value * 0.9)
        found += [value, *tape.gradient(value, [x, *model.trainable_weights])]
    return [*map(np.array, found), *model.get_weights()]


def test_gradients_are_of_the_weights_that_were(monkeypatch, compiled):
    xs = [tensor(4, 5) for _ in range(TIMES)]
    agree(*both_ways(monkeypatch, lambda: steps(network(), xs)))
    assert len(compiled) == 2  # the call, and the gradient


def test_a_persistent_tape_gives_any_number_of_gradients(monkeypatch):
    x = tensor(4, 5)

    def several():
        first, second, found = Dense(6, "tanh"), LSTM(3), []
        for _ in range(TIMES):
            with GradientTape(persistent=True) as tape:
                tape.watch(x)
                hidden = first(x)
                result = second(call("expand_dims", hidden, 1))
                value = weighed([result])
                inside = tape.gradient(value, hidden)
            found += [inside, tape.gradient(value, x), tape.gradient(hidden, x)]
            found += tape.gradient(value, [hidden, *first.trainable_weights])
            found += [tape.jacobian(result, hidden)]
        return found

    agree(*both_ways(monkeypatch, several))


def test_gradients_of_gradients(monkeypatch):
    x = tensor(3, 5)

    def penalty():
        model, found = network(), []
        for _ in range(TIMES):
            with GradientTape() as outer:
                with GradientTape() as inner:
                    inner.watch(x)
                    value = weighed([model(x, training=False)])
                (slope,) = inner.gradient(value, [x])
                norm = call("sum", slope * slope)
            found += outer.gradient(norm, model.trainable_weights)
        return found

    agree(*both_ways(monkeypatch, penalty))


def test_derivatives_of_functions_that_call_layers(monkeypatch):
    x, way = tensor(2, 5), tensor(2, 5)

    def derivatives():
        model, found = network(), []
        model(x)
        for _ in range(TIMES):
            found += [grad(lambda x: weighed([model(x)]))(x)]
            found += jvp(model, (x,), (way,))
            found += [hessian(lambda x: weighed([model(x)]))(x)]
        return found

    agree(*both_ways(monkeypatch, derivatives))


def test_what_is_not_followed_has_no_gradient(monkeypatch):
    x = tensor(3, 5)

    def several():
        frozen, free, found = Dense(4), Dense(2), []
        frozen.trainable = False
        for turn in range(2 * TIMES):
            if turn == TIMES:
                frozen.trainable = True
            with GradientTape() as tape:
                hidden = frozen(x)
                value = weighed([free(call("stop_gradient", hidden)), hidden])
            found += tape.gradient(value, [*frozen.weights, *free.weights, x])
            with GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(free.kernel)
                value = weighed([free(hidden)])
            found += tape.gradient(value, free.weights)
            with GradientTape() as tape, tape.stop_recording():
                value = weighed([free(hidden)])
            found += tape.gradient(value, free.weights)
        return found

    found, wanted = both_ways(monkeypatch, several)
    agree(found, wanted)
    assert None in found


def test_a_weight_that_a_call_assigns_stays_op_by_op(monkeypatch):
    x = tensor(3, 5)
    agree(
        *both_ways(
            monkeypatch, lambda: steps(SpectralNormalization(Dense(4)), [x] * TIMES)
        )
    )


def test_losses_and_numbers_drawn_are_those_of_each_call(monkeypatch):
    ones = Tensor(np.ones((4, 50), "float32"))

    def drawn():
        layer, costly = Dropout(0.5, seed=3), ActivityRegularization(l1=1.0)
        found = []
        for turn in range(2 * TIMES):
            with GradientTape() as tape:
                tape.watch(ones)
                value = call("sum", costly(layer(ones, training=True)))
            found += [tape.gradient(value, ones), *costly.losses]
            assert len(costly.losses) == 1
            if turn % 2:
                found.append(layer(ones, training=True))
        return found

    found, wanted = both_ways(monkeypatch, drawn)
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


class Halved(Layer):
    """A layer of a user's, with one of the library inside."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = Dense(3), 0

    def call(self, x):
        self.calls += 1
        return self.inner(x) * 0.5


def test_what_a_users_layer_calls_is_a_program(compiled):
    layer, x = Halved(), tensor(2, 4)
    for _ in range(TIMES):
        with GradientTape() as tape:
            value = call("sum", layer(x))
        kernel, bias = tape.gradient(value, layer.trainable_weights)
        np.testing.assert_allclose(kernel[:, 0], 0.5 * x.array.sum(0), rtol=1e-5)
        np.testing.assert_allclose(bias, np.ones(3), rtol=1e-6)
    assert (layer.calls, len(compiled)) == (TIMES, 2)


class Shared(Layer):
    """Results made of results, and of what these are made of."""

    def build(self, shape):
        self.w = self.add_weight((shape[-1], 3), "glorot_uniform")
        self.mean = self.add_weight((3,), "zeros", trainable=False)

    def call(self, x):
        product = ops.matmul(x, self.w)
        hidden = ops.tanh(product)
        one = ops.exp(hidden) + product
        two = one * hidden + ops.sum(hidden)
        self.mean.assign(self.mean + ops.mean(hidden * two, axis=0))
        return one, two, [ops.sin(two) * one - hidden, hidden * 2.0]


def through_cells(xs):
    cell, found = LSTMCell(3), []
    for x in xs:
        with GradientTape() as tape:
            states = [Tensor(np.zeros((2, 3), "float32")) for _ in range(2)]
            for _ in range(2):
                output, states = cell(x, states)
            value = weighed([output, *states])
        found += tape.gradient(value, cell.trainable_weights)
    return cell, found


def through_results(xs):
    layer, found = Shared(), []
    for x in xs:
        with GradientTape(persistent=True) as outer:
            outer.watch(x)
            with GradientTape(persistent=True) as tape:
                tape.watch(x)
                one, two, (three, four) = layer(x)
                value = weighed([one, three, four])
            slopes = tape.gradient(value, [x, layer.w, one, two])
            again = weighed(slopes[:2])
        slopes += [*tape.gradient(two, [one, three]), tape.gradient(four, one)]
        found += [one, two, three, four, layer.mean.value, *slopes]
        found += outer.gradient(again, [x, layer.w])
    return layer, found


@pytest.mark.parametrize(
    ("function", "products"), [(through_cells, 2), (through_results, 1)]
)
def test_what_results_have_in_common_is_computed_once(monkeypatch, function, products):
    xs = [tensor(2, 4) for _ in range(TIMES)]
    (layer, found), (_, wanted) = both_ways(monkeypatch, lambda: function(xs))
    agree(found, wanted)
    (program,) = layer._call_programs._known.values()
    stages = [topological(s.call.outputs) for s in program._made[Taped].stages]
    names = [node.op.name for stage in stages for node in stage]
    assert len(stages) > 1
    assert names.count("matmul") == products


def test_threads_have_their_own_tapes():
    model, xs = (
        Sequential([Dense(8, "tanh"), Dense(2)]),
        [tensor(4, 5) for _ in range(8)],
    )
    model(xs[0])

    def gradients(x):
        with GradientTape() as tape:
            value = weighed([model(x)])
        return [np.array(g) for g in tape.gradient(value, model.trainable_weights)]

    wanted = list(map(gradients, xs))
    with ThreadPoolExecutor(4) as pool:
        for one, two in zip(pool.map(gradients, xs * 5), wanted * 5, strict=True):
            agree(one, two)


def test_a_tape_and_what_is_kept_of_gradients_hold_no_layer():
    layer, x = Dense(3), tensor(2, 4)
    for _ in range(TIMES):
        with GradientTape() as tape:
            value = weighed([layer(x)])
        tape.gradient(value, layer.trainable_weights)
    known = weakref.ref(layer)
    del layer, tape, value
    gc.collect()
    assert known() is None
