"""`function`: the compiled result equals the eager one, effects included."""

import copy
import gc
import pickle
import threading
import time
import weakref
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tulle.backend.function import function
from tulle.graph.control import vectorized_map
from tulle.graph.diagnostics import TulleError
from tulle.graph.layer import Layer
from tulle.graph.layers import Dense, Dropout, SpectralNormalization
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tape import GradientTape
from tulle.graph.tensor import Tensor, convert_to_tensor
from tulle.graph.transforms import grad
from tulle.graph.variable import Variable, set_random_seed
from tulle.training.losses import MeanSquaredError
from tulle.training.optimizers import Adam

RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.random(shape, dtype=np.float32)


def test_structures_in_and_out():
    @function
    def swap(pair, scale):
        return {"first": pair["b"] * scale, "rest": [pair["a"], 7]}

    found = swap({"a": array(2), "b": np.ones(3, "float32")}, 3.0)
    assert found["first"].numpy().tolist() == [3.0, 3.0, 3.0]
    assert found["rest"][1] == 7


def test_plain_arguments_are_part_of_the_signature():
    @function
    def power(x, exponent):
        return x**exponent

    x = np.full(2, 3.0, "float32")
    assert power(x, 2).numpy().tolist() == [9.0, 9.0]
    assert power(x, 3).numpy().tolist() == [27.0, 27.0]
    assert power.traces == 2


Pair = namedtuple("Pair", "x y")


def test_arrays_in_named_tuples_are_inputs():
    @function
    def joined(pair):
        return pair.x * 2.0 + pair.y

    x = np.ones(2, "float32")
    assert joined(Pair(x, 1.0)).numpy().tolist() == [3, 3]
    x[:] = 5
    assert joined(Pair(x, 1.0)).numpy().tolist() == [11, 11]
    assert joined(Pair(Tensor(x), 1.0)).numpy().tolist() == [11, 11]
    assert joined.traces == 1
    turned = namedtuple("Pair", "y x")
    assert joined(turned(1.0, x)).numpy().tolist() == [11, 11]
    assert joined(turned(x, 1.0)).numpy().tolist() == [7, 7]


def test_an_axis_that_is_empty_at_times_has_a_trace_of_its_own():
    @function
    def picked(x, index):
        return call("take", x, index, axis=0)

    for rows, width, count in [(5, 3, 2), (5, 3, 0), (5, 4, 3), (5, 6, 0), (7, 0, 2)]:
        x, index = array(rows, width), np.arange(count, dtype=np.int32)
        assert np.array_equal(picked(x, index).numpy(), x[index])
    traces = picked.traces
    assert picked(array(5, 8), np.ones(4, np.int32)).shape == (4, 8)
    assert picked.traces == traces


def test_nests_of_arrays_are_told_apart_by_all_that_is_in_them():
    @function
    def joined(parts, scale=1.0, *, name="x"):
        total = sum(parts["rest"], start=parts["first"])
        return total * scale if name == "x" else total

    one = np.ones(2, "float32")
    nest = {"first": one, "rest": [one, Tensor(2 * one)]}
    for _ in range(3):
        assert joined(nest, 2.0).numpy().tolist() == [8.0, 8.0]
        assert joined(nest, 0.0).numpy().tolist() == [0.0, 0.0]
        assert np.signbit(joined(nest, -0.0).numpy()).all()
        assert joined(nest, 2.0, name="y").numpy().tolist() == [4.0, 4.0]
        assert joined({"first": one, "rest": (one,)}, 2.0).numpy()[0] == 4.0
        assert joined({"rest": [one], "first": 3 * one}).numpy()[0] == 4.0
    assert joined.traces == 6


def test_a_changing_size_becomes_symbolic():
    @function
    def mean(x, y):
        return call("mean", x * call("expand_dims", y, 1))

    for size in (8, 5, 3, 8, 2):
        x, y = array(size, 4), array(size)
        np.testing.assert_allclose(
            mean(x, y).numpy(), (x * y[:, None]).mean(), rtol=1e-5
        )
    assert mean.traces == 2


def test_equal_shapes_of_other_dtypes_are_other_calls():
    @function
    def double(x, y):
        return x * 2 + y

    ones = np.ones(3, "float32")
    for kind in ("float32", "float64", "int32", "float32"):
        for x in (ones.astype(kind), Tensor(ones.astype(kind))):
            found = double(x, x)
            assert (found.dtype, found.numpy().tolist()) == (kind, [3, 3, 3])
    assert double.traces == 3
    assert double(ones, y=ones).numpy().tolist() == [3, 3, 3]


def test_assignments_happen_at_every_call_in_order():
    total = Variable(0.0, trainable=False)

    @function
    def add(x):
        before = total + 0.0
        total.assign_add(x)
        total.assign(total * 2.0)
        return before, total + 1.0

    before, after = add(np.float32(3.0))
    assert (float(before), float(after), float(total)) == (0.0, 7.0, 6.0)
    before, after = add(np.float32(1.0))
    assert (float(before), float(after), float(total)) == (6.0, 15.0, 14.0)


def trained(compiled):
    set_random_seed(3)
    first, drop, last = Dense(6, activation="tanh"), Dropout(0.5), Dense(1)
    optimizer, loss_of = Adam(0.01), MeanSquaredError()
    x, y = np.linspace(0, 1, 32, dtype="float32").reshape(8, 4), np.ones((8, 1), "f4")

    def step(x, y):
        with GradientTape() as tape:
            loss = loss_of(y, last(drop(first(x), training=True)))
        weights = first.trainable_weights + last.trainable_weights
        optimizer.apply_gradients(
            zip(tape.gradient(loss, weights), weights, strict=True)
        )
        return loss

    chosen = function(step) if compiled else step
    losses = [float(chosen(x, y)) for _ in range(5)]
    return losses, [w.numpy() for w in first.weights + last.weights]


def test_a_training_step_with_dropout_equals_the_eager_one():
    eager, compiled = trained(False), trained(True)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-5)
    for one, two in zip(compiled[1], eager[1], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_tape_counts_the_reads_of_a_variable_assigned_meanwhile(compiled):
    variable, other = Variable(2.0), Variable(3.0)

    def both():
        with GradientTape() as tape:
            once = variable * variable
            variable.assign(5.0 * variable)
            total = once + 3.0 * variable * variable
        first = tape.gradient(total, variable)
        with GradientTape() as tape:
            product = variable * variable * other
        return [total, first, *tape.gradient(product, [variable, other])]

    found = (function(both) if compiled else both)()
    assert [float(value) for value in found] == [304.0, 64.0, 60.0, 100.0]
    assert float(variable) == 10.0


def divided_gradients(compiled):
    layer = SpectralNormalization(Dense(3))
    x, rng = np.linspace(-1, 2, 8, dtype="f4").reshape(2, 4), np.random.default_rng(1)
    layer(x)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape).astype("f4"))

    def step(x):
        with GradientTape() as tape:
            score = call("sum", layer(x, training=True) ** 2)
        return tape.gradient(score, layer.trainable_weights)

    return (function(step) if compiled else step)(x)


def test_gradients_pass_through_the_division_that_a_layer_stores():
    for one, two in zip(divided_gradients(False), divided_gradients(True), strict=True):
        assert np.abs(one.numpy()).max() > 0.1
        np.testing.assert_allclose(two.numpy(), one.numpy(), rtol=1e-4, atol=1e-6)


def test_losses_are_those_of_the_last_pass():
    class Penalty(Layer):
        def call(self, x):
            self.add_loss(call("sum", x))
            return x

    layer = Penalty()

    @function
    def twice(x):
        layer(x)
        layer(x * 2.0)
        return sum(layer.losses)

    assert float(twice(np.ones(3, "float32"))) == 6.0


def test_a_branch_on_a_value_is_refused_with_the_op_to_use():
    @function
    def branch(x):
        return x if x > 0 else -x

    with pytest.raises(TulleError, match="where"):
        branch(np.float32(1.0))


def test_a_method():
    class Counter:
        def __init__(self):
            self.count = Variable(0.0, trainable=False)

        @function
        def tick(self, by):
            self.count.assign_add(by)
            return self.count * 1.0

    one, two = Counter(), Counter()
    one.tick(np.float32(2.0))
    assert float(one.tick(np.float32(3.0))) == 5.0
    assert float(two.tick(np.float32(1.0))) == 1.0


def test_inside_another_function_it_is_inlined():
    @function
    def inner(x):
        return x * 2.0

    @function
    def outer(x):
        return inner(x) + 1.0

    assert outer(np.ones(2, "float32")).numpy().tolist() == [3.0, 3.0]
    assert inner.traces == 0


def test_sizes_that_were_equal_may_differ_later():
    @function
    def total(x, y):
        return call("sum", x) + call("sum", y)

    for left, right in ((3, 3), (4, 4), (4, 5), (6, 7), (2, 2)):
        x, y = array(left), array(right)
        np.testing.assert_allclose(total(x, y).numpy(), x.sum() + y.sum(), rtol=1e-5)
    assert total.traces == 3


def test_numbers_are_told_apart_exactly():
    @function
    def sign(x, c):
        return 1.0 / (x * 0.0 + c)

    x = np.ones((), "float32")
    assert float(sign(-x, -0.0)) == -np.inf
    assert float(sign(x, 0.0)) == np.inf
    assert np.isnan(float(sign(x, float("nan"))))
    assert np.isnan(float(sign(x, float("nan"))))
    assert sign.traces == 3


def test_input_signature_fixes_the_types():
    @function(input_signature=[Input((3,))])
    def double(x):
        return x * 2.0

    for size in (1, 4, 2):
        assert double(array(size, 3)).shape == (size, 3)
    assert double.traces == 1
    with pytest.raises(TulleError, match="3"):
        double(array(2, 4))


def test_an_instance_with_a_compiled_method_can_go():
    class Doubler:
        @function
        def double(self, x):
            return x * 2.0

    doubler = Doubler()
    assert float(doubler.double(np.float32(2.0))) == 4.0
    seen = weakref.ref(doubler)
    del doubler
    gc.collect()
    assert seen() is None


def test_symbolic_tensors_go_through_the_python_function():
    doubled = function(lambda x: x * 2)
    x = Input((3,))
    model = Network(x, doubled(x))
    assert [node.op.name for node in model.nodes][-1] == "multiply"
    assert doubled(np.ones(3)).numpy().tolist() == [2.0, 2.0, 2.0]
    assert len(doubled.programs) == 1


@function
def doubled(x):
    return 2.0 * x


class Agent:
    """Something that is no layer and holds one, with functions of several kinds."""

    def __init__(self):
        self.weight = Variable([1.0])
        self.held = function(self.plain)
        self.shared = doubled

    def plain(self, x):
        return x * self.weight

    @function
    def method(self, x):
        return x + self.weight

    def results(self):
        x = call("ones", (1,))
        return [f(x).item() for f in (self.held, self.method, self.shared)]


def test_functions_of_a_copy_read_what_the_copy_holds():
    agent = Agent()
    assert agent.results() == [1.0, 2.0, 2.0]
    pickled = pickle.loads(pickle.dumps(agent))  # noqa: S301 - our own bytes
    twins = [copy.deepcopy(agent), copy.deepcopy(copy.deepcopy(agent)), pickled]
    for twin in twins:
        twin.weight.assign([5.0])
        assert twin.shared is doubled
        assert twin.results() == [5.0, 6.0, 2.0]
    assert agent.results() == [1.0, 2.0, 2.0]


def test_a_method_of_a_shallow_copy_is_its_own():
    agent = Agent()
    agent.results()
    twin = copy.copy(agent)
    twin.weight = Variable([5.0])
    assert twin.method(call("ones", (1,))).item() == 6.0
    assert agent.method(call("ones", (1,))).item() == 2.0


def test_what_a_loop_reads_flat_and_as_a_matrix_stays_until_both_are_read():
    """A step may not write over a copy that is shown under another shape later."""
    weights, given = array(36), array(3, 6, 6)

    @function
    def found(weights, given):
        def one(x):
            matrix = call("reshape", weights, (6, 6))
            change = call("matmul", call("transpose", x), call("matmul", x, matrix))
            moved = weights - 0.5 * call("reshape", change, (36,))
            moved = call("reshape", moved, (6, 6))
            seen = call("tanh", call("matmul", x, moved))
            seen = call("matmul", seen, call("transpose", moved))
            return call("matmul", seen, matrix)

        return vectorized_map(one, given)

    matrix = weights.reshape(6, 6)
    for x, one in zip(given, found(weights, given).numpy(), strict=True):
        moved = matrix - 0.5 * (x.T @ (x @ matrix))
        wanted = np.tanh(x @ moved) @ moved.T @ matrix
        np.testing.assert_allclose(one, wanted, rtol=1e-4, atol=1e-4)


def test_calls_that_tapes_and_grad_follow_have_gradients():
    weight, x = Variable([2.0, 3.0]), np.array([1.0, 4.0], "f4")
    calls = []

    @function
    def scaled(x):
        calls.append(type(x))
        return {"cubes": weight * x**3, "weight": weight, "count": 2}

    for _ in range(3):
        with GradientTape() as tape:
            found = scaled(x)
            loss = call("sum", found["cubes"]) + call("sum", found["weight"])
        assert tape.gradient(loss, weight).numpy().tolist() == [2.0, 65.0]
        assert found["count"] == 2
        slopes = grad(lambda x: call("sum", scaled(x)["cubes"]))(convert_to_tensor(x))
        assert slopes.numpy().tolist() == [6.0, 144.0]
    assert calls == [Tensor] * 6
    assert scaled.traces == 0
    with GradientTape() as tape, tape.stop_recording():
        scaled(x)
    assert scaled.traces == 1


def test_threads_that_come_together_trace_once():
    traced, meeting = [], threading.Barrier(4)

    @function
    def doubled(x):
        traced.append(x)
        time.sleep(0.05)  # the others come meanwhile
        return x * 2.0

    def run(number):
        meeting.wait()
        return float(doubled(np.full(3, number, "float32"))[0])

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(run, range(4))] == [0.0, 2.0, 4.0, 6.0]
    assert len(traced) == doubled.traces == 1
