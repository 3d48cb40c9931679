"""Gradients of tapes that are found once and become programs: the same as before."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from work import compiled_graphs

from tulle.backend.tapes import GradientTape
from tulle.graph import programs, pulling
from tulle.graph.layer import Layer
from tulle.graph.layers import BatchNormalization, Dense, Dropout
from tulle.graph.pulling import FIRST, KEPT
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor
from tulle.graph.transforms import (
    grad,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from tulle.graph.variable import Variable, set_random_seed
from tulle.training.model import Sequential

TIMES = FIRST + 3
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nothing_kept():
    pulling._KEPT.clear()


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that become programs while a test runs."""
    return compiled_graphs(monkeypatch)


def array(*shape):
    return RNG.normal(size=shape).astype("float32")


def gradient_of(function, *sources):
    with GradientTape() as tape:
        tape.watch([s for s in sources if isinstance(s, Tensor)])
        value = function(*sources)
    return tape.gradient(value, list(sources))


def op_by_op(monkeypatch, function, *sources):
    with monkeypatch.context() as context:
        context.setattr(programs, "compiler", None)
        return gradient_of(function, *sources)


def perceptron(x, kernel, bias):
    hidden = call("relu", call("matmul", x, kernel) + bias)
    return call("mean", call("logsumexp", hidden * 2.0, axis=-1))


def test_programs_give_the_gradients_of_op_by_op(monkeypatch, compiled):
    kernel, bias = Variable(array(5, 4)), Variable(array(4))
    for _ in range(TIMES):
        x = Tensor(array(3, 5))
        found = gradient_of(perceptron, x, kernel, bias)
        wanted = op_by_op(monkeypatch, perceptron, x, kernel, bias)
        for one, two in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    # Composites on the way become programs of their own.
    assert sum(len(graph.outputs) == 3 for graph in compiled) == 1


def test_the_first_times_compile_nothing(compiled):
    x = Tensor(array(3))
    for _ in range(FIRST):
        gradient_of(lambda x: call("sum", call("sin", x)), x)
    assert not compiled


def test_each_variable_begins_anew_and_so_does_a_seed(compiled):
    """So a training that is done again switches to the program at the same step."""

    def train(variable, times=TIMES):
        before = len(compiled)
        kept = next(iter(pulling._KEPT.values()), None)
        programs = [kept.program] if kept else []
        for _ in range(times):
            gradient_of(lambda v: call("sum", call("exp", v)), variable)
        return len(compiled) - before, programs

    first, second = Variable(array(3)), Variable(array(3))
    assert train(first)[0] == 1
    (pull,) = pulling._KEPT.values()
    assert not pull._often(second)
    assert pull._often(first)
    set_random_seed(3)
    assert not pull._often(first)


def test_numbers_and_attributes_of_the_moment_count(compiled):
    x = Tensor(array(3, 4))
    for time in range(2 * TIMES):
        factor, axis = float(time + 1), time % 2

        def function(x, factor=factor, axis=axis):
            return call("sum", call("max", x * factor, axis=axis))

        (found,) = gradient_of(function, x)
        largest = x.array == x.array.max(axis=axis, keepdims=True)
        np.testing.assert_allclose(found, largest * factor, rtol=1e-6)
    assert len(compiled) == 2


def test_branches_of_python_are_told_apart():
    x = Tensor(np.float32(2.0))
    for time in range(2 * TIMES):
        (found,) = gradient_of(lambda x: x * x if time % 2 else x * 3.0, x)  # noqa: B023
        assert float(found) == (4.0 if time % 2 else 3.0)


def test_equal_ops_on_other_operands_are_told_apart():
    a, b = Tensor(np.float32(2.0)), Tensor(np.float32(5.0))
    for _ in range(TIMES):
        assert list(map(float, gradient_of(lambda a, b: a * a * b, a, b))) == [20, 4]
        assert list(map(float, gradient_of(lambda a, b: a * b * b, a, b))) == [25, 20]
        assert list(map(float, gradient_of(lambda a, b: a * b * a, b, a))) == [20, 25]


def test_random_masks_are_those_of_the_pass():
    layer, x = Dropout(0.5), Tensor(np.ones((4, 8), "float32"))
    masks = set()
    for _ in range(TIMES):
        with GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        mask = np.array(tape.gradient(y, x))
        np.testing.assert_array_equal(mask, y)
        masks.add(mask.tobytes())
    assert len(masks) > TIMES // 2


def test_an_assigned_variable_is_another_source():
    for time in range(TIMES):
        v = Variable(3.0 + time)
        with GradientTape() as tape:
            y = v * v
            v.assign(10.0)
            z = y + v * 2.0
        assert float(tape.gradient(z, v)) == 2 * (3.0 + time) + 2.0


def test_persistent_and_nested_tapes():
    for time in range(TIMES):
        x = Variable(1.0 + time)
        with GradientTape(persistent=True) as outer:
            with GradientTape(persistent=True) as inner:
                y = x * x * x
                z = call("sin", x)
            first, other = inner.gradient(y, x), inner.gradient(z, x)
        at = 1.0 + time
        assert float(first) == pytest.approx(3 * at * at)
        assert float(outer.gradient(first, x)) == pytest.approx(6 * at)
        assert float(other) == pytest.approx(np.cos(at), abs=1e-6)
        assert float(outer.gradient(other, x)) == pytest.approx(-np.sin(at), abs=1e-6)


def test_a_penalty_on_a_gradient(monkeypatch, compiled):
    """The outer gradient goes through an inner one, which an outer tape records."""
    dense = Dense(3, activation="tanh")
    dense.build((None, 4))

    def penalty(tape_x):
        with GradientTape() as inner:
            inner.watch(tape_x)
            y = dense(tape_x)
        return call("sum", call("square", inner.gradient(y, tape_x)))

    for _ in range(TIMES):
        x = Tensor(array(2, 4))
        found = gradient_of(lambda kernel: penalty(x), dense.kernel)  # noqa: B023
        wanted = op_by_op(monkeypatch, lambda kernel: penalty(x), dense.kernel)  # noqa: B023
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4, atol=1e-6)
    assert compiled


def test_weights_of_targets_and_sources_that_are_not_reached():
    x, other = Tensor(array(3)), Variable(array(2))
    for time in range(TIMES):
        with GradientTape() as tape:
            tape.watch(x)
            y = call("square", x)
        weights = Tensor(array(3) + time)
        dx, none = tape.gradient(y, [x, other], output_gradients=weights)
        np.testing.assert_allclose(dx, 2 * x.array * weights.array, rtol=1e-6)
        assert none is None


def test_nothing_passes_where_gradients_stop():
    x = Variable(3.0)
    for _ in range(TIMES):
        (found,) = gradient_of(lambda x: x * call("stop_gradient", x), x)
        assert float(found) == 3.0


def test_states_of_layers_go_on():
    """The moving averages are assigned by each pass, whoever finds the gradient."""
    layer = BatchNormalization(momentum=0.5)
    x = Tensor(array(8, 3))
    for _ in range(TIMES):
        with GradientTape() as tape:
            y = call("sum", call("square", layer(x, training=True)))
        found = tape.gradient(y, layer.trainable_weights)
        assert [part is None for part in found] == [False, False]
    np.testing.assert_allclose(layer.moving_mean, x.array.mean(0), atol=1e-3)


def test_half_floats_within_layers():
    dense = Dense(3, dtype="mixed_float16")
    dense.build((None, 4))
    x = Tensor(array(2, 4))
    for _ in range(TIMES):
        with GradientTape() as tape:
            y = call("sum", dense(x))
        (kernel, bias) = tape.gradient(y, dense.trainable_weights)
        assert (kernel.dtype, bias.dtype) == ("float32", "float32")
        half = x.array.astype("float16").astype("float32")
        wanted = np.broadcast_to(half.sum(0)[:, None], (4, 3))
        np.testing.assert_allclose(kernel, wanted, rtol=2e-3, atol=2e-3)


class Doubled(Layer):
    """A layer in NumPy, whose gradient is Python."""

    asked = 0

    def call(self, x):
        return np.asarray(x) * 2

    def vjp(self, inputs, output, gradient):
        type(self).asked += 1
        return np.asarray(gradient) * 2


def test_what_python_computes_is_asked_each_time(compiled):
    layer, x = Doubled(), Tensor(array(2, 2))
    for _ in range(TIMES):
        (found,) = gradient_of(lambda x: call("sum", layer(x)), x)
        np.testing.assert_array_equal(found, np.full((2, 2), 2.0, "float32"))
    assert Doubled.asked == TIMES
    assert not compiled


def test_as_many_are_kept_as_may_be():
    for size in range(1, KEPT + 9):
        x = Tensor(np.ones(size, "float32"))
        gradient_of(lambda x: call("sum", x * x), x)
    assert len(pulling._KEPT) == KEPT


def test_no_gradient_is_told_each_time():
    x = Tensor(array(3))
    for _ in range(3):
        with pytest.raises(Exception, match="float scalar") as caught:
            gradient_of(lambda x: call("argmax", x), x)
        assert "T0502" in str(caught.value)


def test_gradients_of_functions_become_programs_too(monkeypatch, compiled):
    kernel, bias = Tensor(array(5, 4)), Tensor(array(4))
    both = value_and_grad(perceptron, (0, 2))
    for _ in range(TIMES):
        x = Tensor(array(3, 5))
        value, (dx, db) = both(x, kernel, bias)
        wanted = op_by_op(monkeypatch, perceptron, x, kernel, bias)
        np.testing.assert_allclose(dx, wanted[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(db, wanted[2], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(value, perceptron(x, kernel, bias), rtol=1e-5)
    assert sum(len(graph.outputs) == 2 for graph in compiled) == 1


def test_a_function_is_run_each_time_that_its_gradient_is_asked_for():
    """What it closes over, branches on or prints may be other than before."""
    seen, factor = [], [1.0]

    def function(x, unused):
        seen.append(float(x))
        y = x * x if float(x) > 5.0 else x * factor[0]
        return y + Variable(1.0) * x

    for time in range(TIMES):
        factor[0] = time + 2.0
        one, none = grad(function, (0, 1))(2.0, np.ones(3, "float32"))
        assert (float(one), none.numpy().tolist()) == (factor[0] + 1.0, [0.0] * 3)
        assert float(grad(function)(6.0, 0.0)) == 13.0
    assert seen == [2.0, 6.0] * TIMES


def test_pullbacks_and_rows_of_jacobians_become_programs(compiled):
    x, variable = Tensor(array(6)), Variable(array(6))
    for _ in range(TIMES):
        seed = array(6)
        _, pullback = vjp(lambda x: call("tanh", x), x)
        slope = 1.0 - np.tanh(x.array) ** 2
        np.testing.assert_allclose(pullback(seed)[0], seed * slope, rtol=1e-5)
        rows = jacobian(lambda x: call("square", x) * variable, (0, variable))(x)
        wanted = np.diag(2 * x.array * variable.array), np.diag(x.array**2)
        for one, two in zip(rows, wanted, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5)
    assert len(compiled) == 2


def test_threads_share_what_is_kept(monkeypatch):
    monkeypatch.setattr(pulling, "KEPT", 4)
    offsets = (0, 30, 60)

    def work(offset):
        for size in range(1, 30):
            x = Tensor(np.full(size + offset, 3.0, "float32"))
            (found,) = gradient_of(lambda x: call("sum", x * x), x)
            assert float(found[0]) == 6.0

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, offsets))
    assert len(pulling._KEPT) == 4


def test_directions_and_second_derivatives_become_programs(monkeypatch, compiled):
    weights, x, way = Tensor(array(4, 4)), Tensor(array(4)), Tensor(array(4))

    def bent(x):
        return call("tanh", call("matmul", weights, x)) * x

    def both():
        _, slope = jvp(bent, (x,), (way,))
        return slope, hessian(lambda x: call("sum", bent(x)))(x)

    found = [both() for _ in range(TIMES)]
    assert len(compiled) == 2  # along the direction, and a row of the second ones
    with monkeypatch.context() as context:
        context.setattr(programs, "compiler", None)
        for one, two in zip(found[-1], both(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    inside = 1 - np.tanh(weights.array @ x.array) ** 2
    slope = inside * (weights.array @ way.array) * x.array
    slope += np.tanh(weights.array @ x.array) * way.array
    np.testing.assert_allclose(found[-1][0], slope, rtol=1e-4, atol=1e-5)


def test_a_loop_compiles_no_gradient_of_what_is_about_to_be_a_program(compiled):
    model, x = Sequential([Dense(3, "tanh"), Dense(1)]), Tensor(array(4, 5))
    for _ in range(FIRST + 4):
        with GradientTape() as tape:
            value = call("sum", model(x))
        tape.gradient(value, model.trainable_weights)
    assert len(compiled) == 2  # the call, and its gradient


def test_a_direction_in_which_nothing_moves_is_zero():
    _, slope = jvp(lambda x: call("stop_gradient", x) * 2.0, (3.0,), (1.0,))
    assert float(slope) == 0.0
