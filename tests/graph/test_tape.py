"""`GradientTape`: values, order, nesting, variables, what is not connected."""

import copy
import pickle

import numpy as np
import pytest

from tulle.backend.function import function
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.layer import Layer
from tulle.graph.layers import Dense
from tulle.graph.registry import call
from tulle.graph.tape import GradientTape
from tulle.graph.tensor import convert_to_tensor
from tulle.graph.variable import Variable

RNG = np.random.default_rng(0)


def tensor(*shape):
    return convert_to_tensor(RNG.random(shape, dtype=np.float32) + 0.5)


def hypotenuse(a, b):
    return call("sqrt", call("square", a) + call("square", b))


def test_first_and_second_order():
    a, b = Variable(tensor(2, 2)), tensor(2, 2)
    with GradientTape() as outer:
        with GradientTape() as tape:
            c = hypotenuse(a, b)
        first = tape.gradient(c, a)
    second = outer.gradient(first, a)
    x, y = a.numpy(), b.numpy()
    root = np.sqrt(x * x + y * y)
    np.testing.assert_allclose(first.numpy(), x / root, rtol=1e-6)
    np.testing.assert_allclose(second.numpy(), y * y / root**3, rtol=1e-5)


def test_third_order():
    x = Variable(2.0)
    with GradientTape() as outer, GradientTape() as middle:
        with GradientTape() as inner:
            y = x * x * x * x
        first = inner.gradient(y, x)
        second = middle.gradient(first, x)
    assert float(outer.gradient(second, x)) == 48.0


def test_a_watched_tensor_and_one_that_is_not():
    a, b = tensor(3), tensor(3)
    with GradientTape(persistent=True) as tape:
        tape.watch(a)
        y = call("sum", a * b)
    np.testing.assert_array_equal(tape.gradient(y, a).numpy(), b.numpy())
    assert tape.gradient(y, b) is None
    zeros = tape.gradient(y, b, unconnected_gradients="zero")
    assert zeros.numpy().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("way", ["gradient", "jacobian"])
@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.ones(2, np.float32), "variables, and the tensors that it watches"),
        ({"a": 3.0}, "`sources` is a tensor, a variable or a nest of them, not 3.0"),
    ],
)
def test_a_source_that_is_no_tensor_is_refused(way, source, words):
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = call("sum", v * v)
    with pytest.raises(TensorTypeError, match="T0204") as error:
        getattr(tape, way)(y, source)
    assert words in str(error.value)


def test_a_target_that_numpy_computed_is_refused():
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = (v * v).numpy().sum()
    with pytest.raises(TensorTypeError, match="no tape sees: `ops`"):
        tape.gradient([y], v)


def test_a_gradient_that_is_not_there_has_none():
    v = Variable([1.0, 2.0])
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = call("sum", v * v)
        first = inner.gradient(y, [v, Variable(1.0), None])
    assert first[1:] == [None, None]
    assert outer.gradient(first, v).numpy().tolist() == [2.0, 2.0]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_tensors_pass_gradients_on(copied):
    v = Variable([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        y = v * 3.0
        twin = copied(y)
        loss = call("sum", twin * twin)
    assert tape.gradient(loss, v).numpy().tolist() == [18.0, 36.0]
    assert tape.gradient(loss, y).numpy().tolist() == [6.0, 12.0]
    assert tape.gradient(loss, twin).numpy().tolist() == [6.0, 12.0]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_tensors_pass_gradients_on_in_programs(copied):
    v = Variable([1.0, 2.0])

    @function
    def slope(x):
        with GradientTape() as tape:
            twin = copied(v * x)
            loss = call("sum", twin * twin)
        return tape.gradient(loss, v)

    assert slope(3.0).numpy().tolist() == [18.0, 36.0]


def test_a_tensor_of_a_tape_is_pickled_as_a_value():
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = v * 3.0
        again = pickle.loads(pickle.dumps(y))  # noqa: S301
    assert again.numpy().tolist() == [3.0, 6.0]
    assert tape.gradient(again, v) is None


def test_a_variable_assigned_while_a_tape_was_away_is_read_anew():
    x, v = Variable(3.0), Variable(2.0)
    tape = GradientTape(persistent=True)
    with tape:
        y = x * x * v
    v.assign(10.0)
    with tape:
        z = v * v
    assert float(tape.gradient(z, v)) == 20.0
    assert float(tape.gradient(y, v)) == 9.0
    v.assign(5.0)
    assert float(tape.gradient(y, x, output_gradients=v)) == 2 * 3.0 * 2.0 * 5.0


def test_a_value_from_an_earlier_tape_does_not_keep_what_it_came_from():
    v, state = Variable([0.5]), convert_to_tensor([1.0])
    for _ in range(5):
        before = state
        with GradientTape() as tape:
            state = call("tanh", before * v)
            loss = call("sum", state)
        slope = before.numpy() * (1.0 - state.numpy() ** 2)
        np.testing.assert_allclose(tape.gradient(loss, v), slope, rtol=1e-6)
    reached, stack = set(), [state.mark]
    while stack:
        mark = stack.pop()
        reached.add(mark)
        stack += mark.operands
    assert len(reached) == 4  # the state, the product, and what it is of


def test_a_variable_assigned_in_between_counts_each_read():
    v = Variable(2.0)
    with GradientTape() as tape:
        y = v * v
        v.assign(5.0)
        z = y + 3.0 * v
    assert float(z) == 19.0
    assert float(tape.gradient(z, v)) == 7.0


def test_sources_keep_their_structure():
    layer = Dense(3, activation="relu")
    with GradientTape() as tape:
        y = call("mean", layer(tensor(4, 5)))
    kernel, bias = layer.trainable_weights
    found = tape.gradient(y, {"w": [kernel], "b": bias})
    assert found["w"][0].shape == (5, 3)
    assert found["b"].shape == (3,)


def test_one_gradient_unless_persistent():
    x = Variable(3.0)
    with GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(TensorTypeError, match="one gradient"):
        tape.gradient(y, x)


def test_stop_recording_and_reset():
    x = Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            z = x * x
    assert tape.gradient(z, x) is None
    assert float(tape.gradient(y, x)) == 6.0
    tape.reset()
    assert tape.gradient(y, x) is None


def test_variables_are_not_watched_on_demand():
    x = Variable(3.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        y = x * x
    assert tape.gradient(y, x) is None


def test_the_watched_variables_are_the_trainable_ones_that_were_read():
    read, frozen, _unread = (Variable(tensor(2)) for _ in range(3))
    frozen.trainable = False
    with GradientTape() as tape:
        tape.watch(read * frozen)
    assert [*map(id, tape.watched_variables())] == [id(read)]


def test_weights_of_the_target():
    x = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = x * x
    found = tape.gradient(y, x, output_gradients=convert_to_tensor([10.0, 1.0]))
    assert found.numpy().tolist() == [20.0, 4.0]


def test_a_layer_in_numpy_with_its_own_vjp():
    class Cube(Layer):
        def call(self, x):
            return np.asarray(x) ** 3

        def vjp(self, inputs, output, cotangent):
            return np.asarray(cotangent) * 3 * np.asarray(inputs[0]) ** 2

    x = tensor(4)
    with GradientTape() as tape:
        tape.watch(x)
        y = call("sum", Cube()(2.0 * x))
    np.testing.assert_allclose(
        tape.gradient(y, x).numpy(), 24 * x.numpy() ** 2, rtol=1e-5
    )
