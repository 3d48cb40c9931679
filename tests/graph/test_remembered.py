"""A call whose like has been seen gives what the first one would have given."""

import numpy as np
import pytest
from op_row import SIZES
from op_samples import apply, sample
from op_table import ROWS
from work import calls

from tulle import GradientTape, Variable, ops
from tulle.graph import remembered, written_calls
from tulle.graph.configuration import epsilon, floatx, set_epsilon, set_floatx
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.functional import functional_call
from tulle.graph.layers import Dense
from tulle.graph.tensor import Tensor, convert_to_tensor

X = convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.fixture(autouse=True)
def forget():
    for table in (remembered._CALLS, remembered._NUMBERS, written_calls._WRITTEN):
        table.clear()


def turned(array):
    """The same numbers in another order, none of which leaves the op's domain."""
    return array.ravel()[::-1].copy().reshape(array.shape)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_other_values_of_the_same_types(row):
    def run(arrays):
        return apply(row, list(map(Tensor, arrays)), SIZES).numpy()

    arrays = sample(row)
    if "i" in row.kinds or row.name in ("cholesky", "cholesky_inverse", "eigh"):
        other = [array.copy() for array in arrays]  # places and forms depend on order
    else:
        other = list(map(turned, arrays))
    with np.errstate(all="ignore"):
        wanted = run(other)
        written_calls._WRITTEN.clear()
        remembered._CALLS.clear()
        for _ in range(2):  # the second is written as the first
            run(arrays)
        found = run(other)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_what_is_checked_once():
    add = remembered.call_of(ops.add, (X, X), {})
    assert add.known is None
    ops.add(X, X)
    assert add.known is not None
    assert remembered.call_of(ops.add, (X, ops.cast(X, "float64")), {}) is None
    assert remembered.call_of(ops.add, (X, True), {}) is None
    for _ in range(2):
        with pytest.raises(TensorTypeError, match="T03"):
            ops.add(X, np.ones((3, 3), "float32"))


def test_operands_that_share_no_dtype_are_of_their_own():
    """Indices beside floats: only what an op wants of one dtype is held to that."""
    ids = convert_to_tensor([1, 0])
    for where in (ids, ops.cast(ids, "int64"), ids):
        found = ops.take_along_axis(X, where[:, None], axis=1)
        assert found.numpy().tolist() == [[2], [3]]
    call = remembered.call_of(ops.take_along_axis, (X, ids[:, None]), {"axis": 1})
    assert call is not None
    assert call.known is not None


def test_shapes_dtypes_and_attributes_are_told_apart():
    assert ops.sum(X).shape == ()
    assert ops.sum(X, axis=1).shape == (2,)
    assert ops.sum(X, axis=-1, keepdims=True).shape == (2, 1)
    assert ops.sum(ops.cast(X, "float64")).dtype == "float64"
    assert ops.sum(convert_to_tensor([[1, 2], [3, 4]])).dtype == "int32"
    assert ops.sum(convert_to_tensor([1.0])).numpy() == 1
    for value in (1, 1.0, True, 0.0, -0.0):
        found = ops.full_like(X, value).numpy()
        assert (np.signbit(found) == np.signbit(value)).all()
    assert [X[0, 1].item(), X[1, 0].item(), X[:1].shape, X[:, 0].shape] == [
        2, 3, (1, 2), (2,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "number", [2.0, 0.0, -0.0, 1e-60, np.inf, np.nan, True, 3, 0, 2**30]
)
def test_numbers(number):
    for _ in range(3):
        found = (X * number).numpy()
        wanted = X.numpy() * np.float32(number)
        np.testing.assert_array_equal(found, wanted)
        assert (np.signbit(found) == np.signbit(wanted)).all()
        assert found.dtype == np.float32


def test_operands_that_are_named_in_another_order():
    """One value under both names does not tell which of them comes first."""
    for _ in range(2):
        ops.subtract(x2=X, x1=X)
    found = ops.subtract(x2=X, x1=X * 3)
    assert found.numpy().tolist() == (X.numpy() * 2).tolist()
    at = convert_to_tensor([1])
    for _ in range(2):
        ops.slice_update(at, at - 1, at), ops.slice_update(at, at, at)
    found = ops.slice_update(at, at - 1, at * 5)
    assert found.numpy().tolist() == [5]


@pytest.mark.parametrize("condition", ["bool", "int32", "int64", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
def test_numbers_take_the_dtype_of_what_is_chosen(condition, dtype):
    chosen = ops.cast(convert_to_tensor([1, 0]), condition)
    x = ops.cast(X[0], dtype)
    for _ in range(3):
        first, second = ops.where(chosen, x, 3), ops.where(chosen, 3, x)
        assert first.dtype == second.dtype == dtype
        assert first.numpy().tolist() == [1, 3]
        assert second.numpy().tolist() == [3, 2]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int8", "bool"])
@pytest.mark.parametrize("number", [3, 0, -2, 2.5, True])
def test_numbers_beside_integers(dtype, number):
    whole = convert_to_tensor(np.array([[5, 0]], dtype))

    def found():
        try:
            result = ops.multiply(whole, number)
        except TensorTypeError as error:
            return str(error)
        return result.dtype, result.numpy().tolist()

    first = found()
    assert [found() for _ in range(3)] == [first] * 3


def test_arguments_that_are_values_but_no_operands():
    """Limits that are tensors, and counts in a tensor, are read at each call."""
    for limit in (2.5, 3.5, 1.5):
        found = ops.clip(X, 0.0, convert_to_tensor(limit))
        np.testing.assert_array_equal(found, np.clip(X.numpy(), 0, limit))
    for counts in ([1, 2], [2, 0], [1, 2]):
        found = ops.repeat(X, convert_to_tensor(counts), axis=0)
        np.testing.assert_array_equal(found, np.repeat(X.numpy(), counts, axis=0))


def test_what_makes_tensors_of_sizes_is_new_each_time():
    for _ in range(3):
        made = ops.zeros((2, 3))
        made.array[:] = 1
    assert ops.zeros((2, 3)).numpy().sum() == 0
    assert [ops.arange(n).shape for n in (3, 4, 3)] == [(3,), (4,), (3,)]
    assert [ops.full((2,), v).numpy()[0] for v in (1.0, 2.0, 1.0)] == [1, 2, 1]


def test_calls_that_are_written_alike_take_few_steps():
    for compute, most in (
        (lambda: ops.add(X, X), 35),
        (lambda: X * 2.5, 45),
        (lambda: ops.reshape(X, (-1,)), 35),
        (lambda: ops.sum(X, axis=1), 52),
        (lambda: X[0], 35),
    ):
        for _ in range(3):
            compute()
        assert calls(compute) <= most


def test_a_number_that_the_dtype_does_not_hold_is_refused_each_time():
    assert (ops.cast(X, "float64") * 1e39).numpy()[0, 0] == 1e39
    for _ in range(3):
        with pytest.raises(TensorTypeError, match="T0404"):
            X * 1e39


def test_a_number_takes_the_dtype_of_what_stands_beside_it():
    for dtype in ("float64", "float32", "float16", "float64"):
        for _ in range(2):
            assert (ops.cast(X, dtype) * 0.1).dtype == dtype
    assert (convert_to_tensor([1, 2]) * 0.5).dtype == "float32"
    assert (convert_to_tensor([1, 2]) * 0.5).numpy().tolist() == [0.5, 1.0]


def test_floatx_is_read_each_time():
    whole, usual = convert_to_tensor([1, 2]), floatx()
    try:
        for name in ("float32", "float64", "float32"):
            set_floatx(name)
            assert ops.mean(whole).dtype == name
            assert ops.sqrt(whole).dtype == name
    finally:
        set_floatx(usual)


@pytest.mark.parametrize("op", [ops.rms_normalization, ops.normalize])
def test_epsilon_is_read_each_time(op):
    small, usual = convert_to_tensor([[1e-3, 2e-3]]), epsilon()
    before = [op(small).numpy() for _ in range(2)][1]
    try:
        set_epsilon(1.0)
        assert np.abs(op(small).numpy()).max() < np.abs(before).max() / 2
    finally:
        set_epsilon(usual)


def test_variables_are_read_anew():
    variable = Variable([1.0, 2.0])
    for value in (3.0, 5.0):
        variable.assign([value, value])
        assert (variable * 2.0).numpy().tolist() == [2 * value, 2 * value]


def test_values_in_place_of_variables_and_narrow_layers():
    layer = Dense(1, use_bias=False, dtype="mixed_float16")
    assert layer(X).dtype == "float16"
    assert layer(X).dtype == "float16"
    assert ops.matmul(X, layer.kernel).dtype == "float32"
    plain = Dense(1, use_bias=False)
    plain(X)
    found = functional_call(plain, {"kernel": [[2.0], [3.0]]}, X)
    assert found.numpy().tolist() == [[8.0], [18.0]]
    assert not np.array_equal(plain(X).numpy(), found.numpy())


def test_tapes_are_told_each_time():
    variable = Variable([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(3):
        with GradientTape() as tape:
            loss = ops.sum(variable * 2.0 + ops.softmax(variable) * 0.0)
        assert tape.gradient(loss, variable).numpy().tolist() == [[2.0, 2.0]] * 2


def test_the_table_is_bounded(monkeypatch):
    monkeypatch.setattr(remembered, "CALLS", 5)
    for size in range(1, 20):
        assert (Tensor(np.ones(size, "f4")) * (size + 0.5)).shape == (size,)
        assert len(remembered._CALLS) <= 5
        assert len(remembered._NUMBERS) <= 5
