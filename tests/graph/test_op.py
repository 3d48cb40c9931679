"""How ops are called: on values, symbols and nodes; what wrong calls are told."""

import numpy as np
import pytest

import tulle
from tulle.graph.diagnostics import DataError, Fault, InternalError, TensorTypeError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.network import Input
from tulle.graph.node import Node
from tulle.graph.op import Op, register
from tulle.graph.ops import elementwise
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from tulle.graph.types import tensor_type

DATA = np.arange(12, dtype="float32").reshape(3, 4)


def test_three_ways_to_call():
    assert isinstance(call("exp", DATA), Tensor)
    assert isinstance(call("exp", Input((3,))), SymbolicTensor)
    node = input_node("x", tensor_type("f32", (3,)))
    assert isinstance(call("exp", node), Node)


@pytest.mark.parametrize(
    ("build", "dtype"),
    [
        (lambda x, n: x + 1, "float32"),
        (lambda x, n: 2 * x, "float32"),
        (lambda x, n: n + 1.5, "float32"),
        (lambda x, n: n / 2, "float32"),
        (lambda x, n: n // 2, "int32"),
        (lambda x, n: x + n, "float32"),
        (lambda x, n: call("sqrt", n + 1), "float32"),
        (lambda x, n: call("mean", n), "float32"),
        (lambda x, n: call("sum", n > 1), "int32"),
        (lambda x, n: n > 1, "bool"),
        (lambda x, n: ~(n > 1), "bool"),
        (lambda x, n: call("where", n > 1, x, 0), "float32"),
        (lambda x, n: np.add(x, n), "float32"),
    ],
)
def test_promotion_agrees_on_values_and_symbols(build, dtype):
    x, n = Input((4,)), Input((4,), dtype="int32")
    symbolic = build(x, n)
    eager = build(convert_to_tensor(DATA), convert_to_tensor(DATA.astype("int32")))
    assert symbolic.dtype == eager.dtype == dtype


def test_nodes_are_strict():
    """Rules work on nodes, where nothing is cast behind the writer's back."""
    x = input_node("x", tensor_type("f32", (3,)))
    n = input_node("n", tensor_type("i32", (3,)))
    with pytest.raises(Fault) as error:
        x + n
    assert error.value.code == "T0402"
    assert (x + 1).inputs[1].dtype == x.dtype


def test_operators():
    x, y = convert_to_tensor(DATA), convert_to_tensor(DATA + 1)
    pairs = [
        (x + y, DATA + DATA + 1), (1 - x, 1 - DATA), (x / y, DATA / (DATA + 1)),
        (2 // y, 2 // (DATA + 1)), (7 % y, 7 % (DATA + 1)), (y**2, (DATA + 1) ** 2),
        (2**x, 2**DATA), (-x, -DATA), (abs(-x), DATA), (x < y, DATA < DATA + 1),
        (x @ y[0], DATA @ (DATA[0] + 1)), (x == 3, DATA == 3), (x != 3, DATA != 3),
        ((x > 1) & (x < 5), (DATA > 1) & (DATA < 5)),
        ((x < 1) | (x > 5), (DATA < 1) | (DATA > 5)),
    ]  # fmt: skip
    for found, wanted in pairs:
        np.testing.assert_allclose(found.numpy(), wanted, 1e-6)


@pytest.mark.parametrize(
    "key",
    [
        0, -1, slice(None), slice(1, None), slice(None, -1), slice(-2, 9),
        slice(None, None, -1), slice(2, 0, -1), slice(0, 0), (1, 2), (..., 1),
        (None, 1), (slice(None), None, slice(0, 4, 3)), (), Ellipsis, np.int64(2),
        [2, 0], ([0, 0, 1],), (slice(None), [3, 1]), slice(5, 2), slice(-1, -9, -2),
    ],
    ids=str,
)  # fmt: skip
def test_getitem_is_numpys(key):
    np.testing.assert_array_equal(convert_to_tensor(DATA)[key].numpy(), DATA[key])
    symbol = Symbol("n")
    # On a symbolic size too, where the index is good for all sizes.
    wide = input_node("x", tensor_type("f32", (Dim.from_symbol(symbol), 4)))
    if str(key) in ("(1, 2)", "(None, 1)", "2"):
        with pytest.raises(TensorTypeError, match="for every size"):
            SymbolicTensor(wide)[key]
        return
    found = SymbolicTensor(wide)[key].node.tensor_type.substitute({symbol: Dim.of(3)})
    assert [dim.value for dim in found.shape] == list(DATA[key].shape)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (3, "T0311"),
        (-4, "T0311"),
        ((0, 0, 0), "T0303"),
        ((..., ...), "T0303"),
        (1.5, "T0204"),
        (True, "T0204"),
        (slice(None, None, 0), "T0204"),
        (slice(0.5, None), "T0204"),
        (np.array([True, False, True]), "T0402"),
    ],
    ids=str,
)
def test_wrong_indices(key, code):
    with pytest.raises(TensorTypeError) as error:
        convert_to_tensor(DATA)[key]
    assert error.value.diagnostics[0].code == code


def test_index_in_the_data():
    with pytest.raises(DataError, match="index 7 for an axis of size 4"):
        call("take", DATA, [1, 7], axis=1)
    with pytest.raises(DataError, match="index 9 for an axis of size 4"):
        call("sparse_categorical_crossentropy", [0, 9, 1], DATA)


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (lambda: call("add", DATA), "T0202", "`add(x1, x2)`"),
        (lambda: call("sum", DATA, axes=1), "T0202", "axes"),
        (lambda: call("sum", DATA, axis=2), "T0303", "no axis 2"),
        (lambda: call("add", DATA, DATA[:, :3]), "T0302", "4 and 3"),
        (lambda: call("matmul", DATA, DATA), "T0301", "4 and 3"),
        (lambda: call("matmul", DATA, 2.0), "T0306", "scalar"),
        (lambda: call("reshape", DATA, (5, -1)), "T0304", "groups of 5"),
        (lambda: call("reshape", DATA, (-1, -1)), "T0304", "only one"),
        (lambda: call("reshape", DATA, (5, 2)), "T0304", "12 elements"),
        (lambda: call("transpose", DATA, (0, 0)), "T0303", "each axis"),
        (lambda: call("squeeze", DATA, 0), "T0303", "size 1"),
        (lambda: call("concatenate", [DATA, DATA[:2]], axis=1), "T0305", "axis 1"),
        (lambda: call("concatenate", DATA), "T0203", "a list of tensors"),
        (lambda: call("stack", []), "T0203", "a list of tensors"),
        (lambda: call("broadcast_to", DATA, (4, 4)), "T0302", "stretch"),
        (lambda: call("cast", DATA, "float31"), "T0401", "no dtype"),
        (lambda: call("take", DATA, DATA), "T0402", "integers"),
        (
            lambda: call("take_along_axis", DATA, [[1], [0]], axis=1),
            "T0305",
            "equal axes",
        ),
        (lambda: call("pad", DATA, ((1, 1), (1, 1), (1, 1))), "T0303", "pair"),
        (lambda: call("pad", DATA, 1, mode="mirror"), "T0204", "mode"),
        (lambda: call("pad", DATA, "x"), "T0204", "integer"),
        (lambda: call("softmax", 1.0), "T0303", "rank 0"),
        (lambda: call("categorical_crossentropy", DATA, DATA[:2]), "T0302", "target"),
        (
            lambda: call("sparse_categorical_crossentropy", [[1], [2], [0]], DATA),
            "T0302",
            "is i32[3] for an output f32[3, 4], not i32[3, 1]",
        ),
        (lambda: call("binary_crossentropy", DATA, DATA[0]), "T0302", "target"),
    ],
)
def test_wrong_calls(build, code, words):
    with pytest.raises(TensorTypeError) as error:
        build()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_op.py" in str(error.value)


def test_stable_where_formulas_overflow():
    huge = np.array([[1e4, 0.0, -1e4]], "float32")
    np.testing.assert_array_equal(call("softmax", huge), [[1, 0, 0]])
    np.testing.assert_array_equal(call("log_softmax", huge), [[0, -1e4, -2e4]])
    assert call("logsumexp", huge).item() == 1e4
    assert call("logsumexp", np.array([-np.inf, -np.inf])).item() == -np.inf
    labels = np.array([2])
    loss = call("sparse_categorical_crossentropy", labels, huge, from_logits=True)
    np.testing.assert_array_equal(loss, [2e4])
    ones = np.ones((1, 3), "float32")
    found = call("binary_crossentropy", ones, huge, from_logits=True).numpy()
    np.testing.assert_allclose(found, [[0, np.log(2), 1e4]], 1e-6)
    for name in ("softplus", "silu", "mish", "elu", "gelu", "sigmoid", "log_sigmoid"):
        assert np.isfinite(call(name, huge).numpy()).all(), name


@pytest.mark.parametrize("large", [np.inf, -np.inf])
@pytest.mark.parametrize("width", [3, 40, 700])
def test_softmax_of_infinities(large, width):
    rows = np.random.default_rng(0).normal(size=(3, width)).astype("float32")
    rows[0, ::2] = np.inf if large > 0 else rows[0, ::2]
    rows[1] = -np.inf
    rows[2, 1] = large
    with np.errstate(invalid="ignore"):
        raised = np.exp(rows - rows.max(-1, keepdims=True))
        wanted = raised / raised.sum(-1, keepdims=True)
    lost = np.isnan(wanted)
    assert lost.all(-1).sum() == (3 if large > 0 else 1)
    for name, inverse in (("softmax", np.array), ("log_softmax", np.exp)):
        op = getattr(tulle.ops, name)
        for found in (op(rows), tulle.function(op)(tulle.convert_to_tensor(rows))):
            np.testing.assert_allclose(inverse(found), wanted, rtol=1e-4, atol=1e-6)
    summed = tulle.function(lambda x: tulle.ops.logsumexp(x, axis=-1))
    for found in (summed(tulle.convert_to_tensor(rows)), call("logsumexp", rows, -1)):
        np.testing.assert_allclose(found, np.logaddexp.reduce(rows, -1), rtol=1e-5)


def test_tensor_protocols():
    tensor = convert_to_tensor(DATA)
    assert len(tensor) == 3
    assert [row.shape for row in tensor] == [(4,)] * 3
    assert float(tensor[1, 2]) == 6.0
    assert int(tensor[1, 2]) == 6
    assert f"{tensor[0, 1]:.2f}" == "1.00"
    assert np.from_dlpack(tensor).shape == (3, 4)
    assert convert_to_tensor([[1, 2], [3, 4]]).dtype == "int32"
    assert convert_to_tensor([1.0, 2]).dtype == "float32"
    assert convert_to_tensor(DATA.astype("float64")).dtype == "float64"
    stacked = convert_to_tensor([tensor[0], tensor[1]])
    np.testing.assert_array_equal(stacked, DATA[:2])


def test_names_are_taken_once():
    with pytest.raises(InternalError, match="two ops are called exp"):
        register(type("Again", (Op,), {"name": "exp"}))
    assert OPS["exp"].usage == "`exp(x)`"
    assert OPS["sum"].usage == "`sum(x, axis=None, keepdims=False)`"


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (lambda xp, x: xp.square(x), False),
        (lambda xp, x, out=None: xp.square(x, out=out), True),
        (lambda xp, *x, **more: xp.square(*x, **more), True),
    ],
)
def test_a_body_that_cannot_write_is_refused_when_it_is_defined(
    monkeypatch, body, fits
):
    monkeypatch.setattr(elementwise, "register", lambda op: None)
    if fits:
        elementwise.define("squared", "x * x.", "x", body, None)
        return
    with pytest.raises(InternalError, match="takes no `out`"):
        elementwise.define("squared", "x * x.", "x", body, None)


def test_an_import_that_was_broken_off_is_done_again():
    """Ctrl-C may come while a module defines its ops."""
    for _ in range(2):

        @register
        class Broken(Op):
            name = "broken_off"
            public = False

        assert type(OPS["broken_off"]) is Broken
    del OPS["broken_off"]
