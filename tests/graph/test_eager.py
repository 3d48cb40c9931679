"""Tensors and variables as values: NumPy both ways, DLPack, Python's protocols."""

import copy

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.diagnostics import TensorTypeError

VECTOR = [1.0, 2.0, 3.0]


@pytest.fixture(params=[tulle.constant, tulle.Variable], ids=["tensor", "variable"])
def make(request):
    return request.param


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([[5, 2], [1, 3]], "int32"),
        ([1.0, 2], "float32"),
        (True, "bool"),
        (3, "int32"),
        (3.5, "float32"),
        (np.float64(2), "float64"),
        (np.zeros(2, "int64"), "int64"),
        (np.zeros(2), "float64"),
        ([True, False], "bool"),
        ([], "float32"),
    ],
)
def test_dtypes_of_constants(value, dtype):
    assert tulle.constant(value).dtype == dtype
    assert tulle.convert_to_tensor(value, dtype="float16").dtype == "float16"


def test_arguments_that_keras_knows():
    found = ops.convert_to_tensor(x=[1.0], dtype="int32", sparse=False, ragged=None)
    assert found.dtype == "int32"
    assert ops.convert_to_numpy(x=found).tolist() == [1]


def test_lists_of_tensors():
    one = tulle.constant(1.0)
    found = ops.convert_to_tensor([[one, 2.0], [3, one]])
    assert found.numpy().tolist() == [[1.0, 2.0], [3.0, 1.0]]
    assert ops.convert_to_tensor([one, one], "int32").dtype == "int32"


@pytest.mark.parametrize("value", ["text", ["a", "b"], object()])
def test_what_is_no_number(value):
    with pytest.raises(TensorTypeError, match="holds numbers") as error:
        tulle.constant(value)
    assert error.value.diagnostics[0].code == "T0401"


@pytest.mark.parametrize(
    "operation",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: a // b,
        lambda a, b: a % b,
        lambda a, b: a**b,
        lambda a, b: a @ b,
        lambda a, b: a < b,
        lambda a, b: a >= b,
        lambda a, b: a == b,
        lambda a, b: a != b,
    ],
)
def test_operators_with_numpy_in_both_directions(make, operation):
    left, right = np.array(VECTOR, "float32"), np.array([2.0, 2.0, 0.5], "float32")
    wanted = operation(left, right)
    both = make(left), tulle.constant(right)
    for one, two in ((make(left), right), (left, make(right)), both):
        found = operation(one, two)
        assert isinstance(found, tulle.Tensor)
        np.testing.assert_allclose(found.numpy(), wanted, 1e-6)


def test_operators_with_lists_and_numbers(make):
    x = make(VECTOR)
    assert (x + VECTOR).numpy().tolist() == (VECTOR + x).numpy().tolist() == [2, 4, 6]
    assert (2 - x).numpy().tolist() == [1, 0, -1]
    assert (+x).numpy().tolist() == VECTOR
    assert (-x).numpy().tolist() == [-1, -2, -3]
    assert abs(-x).numpy().tolist() == VECTOR
    assert (np.float32(2) * x).numpy().tolist() == [2, 4, 6]


def test_truth_operators():
    a, b = tulle.constant([True, True]), [True, False]
    assert (a & b).numpy().tolist() == (b & a).numpy().tolist() == [True, False]
    assert (a | b).numpy().tolist() == (b | a).numpy().tolist() == [True, True]
    assert (~a).numpy().tolist() == [False, False]


def test_numpy_functions(make):
    x = make(VECTOR)
    assert np.sum(x) == 6
    assert np.asarray(x).dtype == np.float32
    assert np.asarray(x, "int64").tolist() == [1, 2, 3]
    np.testing.assert_array_equal(np.stack([x, x])[1], VECTOR)
    assert isinstance(np.exp(x), tulle.Tensor)
    total = np.zeros(3, "float32")
    total += x
    assert total.tolist() == VECTOR
    assert np.add.reduce(x) == 6


def test_python_protocols(make):
    x = make([VECTOR, VECTOR])
    assert len(x) == 2
    assert [row.numpy().tolist() for row in x] == [VECTOR, VECTOR]
    assert 3.0 in x
    assert 4.0 not in x
    assert x[1, ::-1].numpy().tolist() == VECTOR[::-1]
    assert x[..., 0].shape == (2,)
    assert x.astype("int32").dtype == "int32"
    scalar = make(2.5)
    assert (float(scalar), int(scalar), bool(scalar)) == (2.5, 2, True)
    assert f"{scalar:.2f}" == "2.50"
    assert "abc"[make(1)] == "b"
    assert len({x: 1, scalar: 2}) == 2
    with pytest.raises(TypeError, match="no length"):
        len(scalar)


def test_copies_are_apart():
    x = tulle.constant(VECTOR)
    assert copy.copy(x).numpy().tolist() == VECTOR
    twin = copy.deepcopy(x)
    twin.array[0] = 9.0
    assert x.numpy().tolist() == VECTOR
    v = tulle.Variable(VECTOR, trainable=False, name="v")
    other = copy.deepcopy(v)
    other.assign([0.0, 0.0, 0.0])
    assert v.numpy().tolist() == VECTOR
    assert (other.name, other.trainable) == ("v", False)


def test_variables_are_found_by_identity_and_compared_by_value():
    a, b = tulle.Variable(1.0), tulle.Variable(1.0)
    assert a in [b, a]
    assert a not in [b]
    assert bool(a == 1.0)
    assert not bool(a != np.float32(1.0))
    assert a != None  # noqa: E711


def test_dlpack_shares_memory_both_ways(make):
    x = make(VECTOR)
    out = np.from_dlpack(x)
    assert out.tolist() == VECTOR
    assert np.shares_memory(out, x.array)
    source = np.arange(3, dtype="float32")

    class Foreign:
        def __dlpack__(self, **options):
            return source.__dlpack__(**options)

        def __dlpack_device__(self):
            return source.__dlpack_device__()

    found = tulle.convert_to_tensor(Foreign())
    assert found.numpy().tolist() == [0, 1, 2]
    assert np.shares_memory(found.array, source)


def test_lists_go_into_layers_and_ops():
    layer = tulle.layers.Dense(2, kernel_initializer="ones")
    assert layer([[1.0, 2.0]]).numpy().tolist() == [[3.0, 3.0]]
    assert layer([[1.0, 2.0], [3.0, 4.0]]).shape == (2, 2)
    both = tulle.layers.Add()([tulle.constant([1.0]), np.ones(1, "float32")])
    assert both.numpy().tolist() == [2.0]
    assert ops.matmul([[1.0, 2.0]], [[1.0], [1.0]]).numpy().tolist() == [[3.0]]


def test_a_tape_sees_through_the_value_of_a_variable():
    v = tulle.Variable(3.0)
    with tulle.GradientTape() as tape:
        y = tulle.convert_to_tensor(v) * v.value
    assert float(tape.gradient(y, v)) == 6.0


def test_symbols_refuse_to_be_values():
    x = tulle.Input((3,))
    for ask in (lambda: 1.0 in x, lambda: bool(x), lambda: float(x)):
        with pytest.raises(TensorTypeError) as error:
            ask()
        assert error.value.diagnostics[0].code == "T0503"


def test_masks_travel_with_tensors():
    x = tulle.constant([[1.0, 2.0]])
    assert tulle.utils.get_mask(x) is None
    mask = tulle.constant([[True, False]])
    tulle.utils.set_mask(x, mask)
    assert tulle.utils.get_mask(x) is mask
    assert x._keras_mask is mask


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.max(),
        lambda x: x.min(axis=0),
        lambda x: x.sum(axis=1, keepdims=True),
        lambda x: x.prod(),
        lambda x: x.mean(axis=-1),
        lambda x: x.std(axis=0),
        lambda x: x.var(),
        lambda x: (x > 1).any(axis=0),
        lambda x: (x > 1).all(),
        lambda x: x.argmax(axis=1),
        lambda x: x.argmin(),
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((-1,)),
        lambda x: x.flatten(),
        lambda x: x[None].squeeze(0),
        lambda x: x[None].transpose(2, 0, 1),
        lambda x: x.transpose((1, 0)),
        lambda x: x.T,
        lambda x: x.clip(1, 3),
        lambda x: (x / 3).round(1),
        lambda x: x.tolist(),
        lambda x: x.size,
        lambda x: np.abs(x).max(),
        lambda x: np.median(x, axis=0),
        lambda x: np.concatenate([x, x], axis=1),
    ],
)
def test_methods_are_those_of_numpy(ask):
    array = np.array([[0.5, 2.0, 1.0], [4.0, 1.5, 2.5]], "float32")
    found, wanted = ask(tulle.constant(array)), ask(array)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_functions_of_numpy_give_what_numpy_gives():
    x = tulle.constant([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(np.max(x), np.float32)
    assert isinstance(np.transpose(x), np.ndarray)
    x = tulle.Input((3,))
    assert (x.max(axis=-1).shape, x.T.shape, x.reshape(-1, 1).shape) == (
        (None,), (3, None), (None, 1),
    )  # fmt: skip
    with pytest.raises(TensorTypeError, match="T0503"):
        np.mean(x)


@pytest.mark.parametrize("make", [list, np.array, tuple])
def test_truth_values_are_counted_however_they_are_given(make):
    found = ops.sum(make([True, True, False]))
    assert found.item() == 2
    assert found.dtype == "int32"
    product = ops.prod(make([True, True, False]))
    assert (product.item(), product.dtype) == (0, "int32")
