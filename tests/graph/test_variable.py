"""Variables: lazy first values, assignment, identity, traces."""

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError, TensorTypeError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.evaluate import evaluate
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor
from tulle.graph.trace import Trace, tracing
from tulle.graph.variable import Variable


def test_made_when_first_read():
    asked = []

    def initializer(shape, dtype):
        asked.append((shape, dtype))
        return np.ones(shape)

    variable = Variable(initializer, (2, 3), "float32", name="w")
    assert (variable.shape, variable.dtype, variable.size) == ((2, 3), "float32", 6)
    assert asked == []
    np.testing.assert_array_equal(variable, np.ones((2, 3)))
    variable.numpy()
    assert asked == [((2, 3), "float32")]


def test_assign():
    variable = Variable([1.0, 2.0])
    before = variable.value
    variable.assign([3, 4]).assign_add([1.0, 1.0]).assign_sub(0.5 * variable.value)
    np.testing.assert_array_equal(variable, [2.0, 2.5])
    np.testing.assert_array_equal(before, [1, 2])
    assert variable.dtype == "float32"
    with pytest.raises(DataError) as error:
        variable.assign([1.0, 2.0, 3.0])
    assert error.value.diagnostics[0].code == "T0701"
    assert "f32[2] and cannot take f32[3]" in str(error.value)


def test_given_arrays_are_copied():
    array = np.ones(3, "float32")
    variable = Variable(array)
    array[:] = 5
    variable.numpy()[:] = 7
    np.testing.assert_array_equal(variable, [1, 1, 1])


def test_rehome():
    variable = Variable([1.0, 2.0])
    flat = np.zeros(5, "float32")
    variable.rehome(flat[1:3])
    np.testing.assert_array_equal(flat, [0, 1, 2, 0, 0])
    variable.assign_add([1.0, 1.0])
    np.testing.assert_array_equal(flat, [0, 2, 3, 0, 0])
    (found,) = evaluate([variable.node], {}, {})
    assert np.shares_memory(found, flat)


def test_identity():
    one, two = Variable([1.0]), Variable([1.0])
    assert one != two
    assert (one == two) is False  # elementwise for tensors, identity here
    assert one.node is not two.node
    assert len({one, two, one}) == 2


def test_operators():
    variable = Variable([1.0, 2.0])
    np.testing.assert_array_equal(variable + 1, [2, 3])
    np.testing.assert_array_equal(2 * variable, [2, 4])
    np.testing.assert_array_equal(variable[1:], [2])
    assert float(Variable(3.0)) == 3
    assert float(call("sum", variable)) == 3


def test_in_a_trace():
    """Assignments are recorded, and later reads see them; nothing changes yet."""
    variable = Variable([1.0, 2.0])
    with tracing(Trace()) as trace:
        first = variable * 2
        variable.assign_add([1.0, 1.0])
        second = variable * 2
    assert isinstance(first, SymbolicTensor)
    np.testing.assert_array_equal(variable, [1, 2])
    values = evaluate([first.node, second.node, trace.updates[variable]], {}, {})
    np.testing.assert_array_equal(values, [[2, 4], [4, 6], [2, 3]])
    with tracing(Trace()), pytest.raises(DataError):
        variable.assign([1.0])


def test_symbolic_sizes_are_refused():
    with pytest.raises(TensorTypeError) as error:
        Variable("zeros", (Dim.from_symbol(Symbol("T")), 3))
    assert error.value.diagnostics[0].code == "T0306"
    assert "`T` is symbolic" in str(error.value)


def test_an_initializer_needs_a_shape():
    with pytest.raises(TensorTypeError, match="needs a `shape`"):
        Variable("zeros")
