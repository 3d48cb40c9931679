"""Every op with every argument wrong in turn: what comes out is a diagnostic.

The right call is that of the op's first row in `op_table`. A value that no argument
can have is refused with a code and with the name of the op; others may mean something,
but never end in an exception of Python's or NumPy's.
"""

import inspect
from typing import Any

import numpy as np
import pytest
from op_row import SIZES
from op_samples import options_of, sample
from op_table import ROWS

from tulle import Input, Variable, function, grad, ops
from tulle.graph.diagnostics import TulleError
from tulle.graph.registry import OPS
from tulle.graph.tensor import SymbolicTensor, input_node


class Thing:
    """Something that no argument is."""


NEVER = ("a", ("a",), {}, Thing())
PERHAPS = (None, (), [], -1, 1.5, 2**40, np.zeros((0,), "float32"), True)
SQUARE = np.array([[2.0, 1.0], [1.0, 3.0]], "float32")
# Calls of ops that have no row there.
MORE = {
    "bartlett": {"x": 4},
    "bincount": {"x": np.array([1, 2, 2])},
    "blackman": {"x": 4},
    "cholesky": {"x": SQUARE},
    "ctc_loss": {
        "target": np.array([[1, 2]]),
        "output": np.zeros((1, 4, 3), "float32"),
        "target_length": np.array([2]),
        "output_length": np.array([4]),
    },
    "eigh": {"x": SQUARE},
    "hamming": {"x": 4},
    "hanning": {"x": 4},
    "kaiser": {"x": 4, "beta": 2.0},
    "lu_factor": {"x": SQUARE},
    "select": {
        "condlist": [np.array([True, False])],
        "choicelist": [np.array([1.0, 2.0])],
    },
    "svd": {"x": SQUARE},
}
PUBLIC = sorted(name for name, op in OPS.items() if op.public)


def right_call(name: str) -> inspect.BoundArguments:
    """Arguments that the op takes, those left out with their defaults."""
    signature = inspect.signature(OPS[name].arguments)
    if name in MORE:
        bound = signature.bind(**MORE[name])
    else:
        row = next(row for row in ROWS if row.name == name)
        arrays = [
            np.asarray(a, "f4" if a.dtype == "f8" else a.dtype) for a in sample(row)
        ]
        options = dict(options_of(row, SIZES))
        operands = [arrays] if row.listed else arrays
        if row.named:
            options |= dict(zip(row.named, arrays, strict=True))
            operands = []
        bound = signature.bind(*row.leading, *operands, **options)
    bound.apply_defaults()
    return bound


def outcome(
    name: str, parameter: inspect.Parameter, value: object, made: Any = lambda x: x
) -> object:
    """The result of a call with one argument replaced, or the error."""
    bound = right_call(name)
    for key, given in bound.arguments.items():
        bound.arguments[key] = made(given)
    several = parameter.kind is parameter.VAR_POSITIONAL
    bound.arguments[parameter.name] = (value,) if several else value
    try:
        return OPS[name](*bound.args, **bound.kwargs)
    except TulleError as error:
        return error


def is_refused(found: object, name: str) -> bool:
    """Whether it is an error that names the op."""
    if not isinstance(found, TulleError):
        return False
    told = found.diagnostics[0]
    texts = (told.message, *told.notes)
    return told.code[0] == "T" and any(f"`{name}`" in text for text in texts)


@pytest.mark.parametrize("name", PUBLIC)
def test_no_traceback(name):
    bound = right_call(name)
    OPS[name](*bound.args, **bound.kwargs)
    taken = []
    for parameter in bound.signature.parameters.values():
        for value in NEVER:
            found = outcome(name, parameter, value)
            if not is_refused(found, name):
                taken.append((parameter.name, value, found))
        for value in PERHAPS:
            outcome(name, parameter, value)
    assert not taken


@pytest.mark.parametrize("name", PUBLIC)
def test_no_truth_for_a_number(name):
    """True is 1 to Python; what counts, measures or names an axis does not take it."""
    taken = [
        key
        for key, kind in OPS[name].kinds
        if "number" in kind.words or "integer" in kind.words
        if not is_refused(
            outcome(name, inspect.signature(OPS[name].arguments).parameters[key], True),
            name,
        )
    ]
    assert set(taken) <= FILLERS.get(name, set())


# A truth value can fill what holds truth values.
FILLERS = {
    "clip": {"x_min", "x_max"},
    "full": {"fill_value"},
    "full_like": {"fill_value"},
    "pad": {"constant_values"},
}


EMPTY = np.zeros((0,), "float32")
ROWLESS = np.zeros((0, 3), "float32")
X = np.arange(6.0, dtype="float32").reshape(2, 3)


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        (lambda: ops.argmax(X, "a"), "T0204", "`axis` of `argmax` is an integer"),
        (lambda: ops.cumsum(X, (0, 1)), "T0204", "`axis` of `cumsum` is an integer"),
        (lambda: ops.sum(X, True), "T0204", "`axis` of `sum` is an integer or several"),
        (lambda: ops.sum(X, (0, -2)), "T0303", "`axis` of `sum` names axis 0 of"),
        (lambda: ops.sum(X, keepdims="a"), "T0204", "`keepdims` of `sum` is true or"),
        (lambda: ops.transpose(X, 0), "T0303", "`axes` of `transpose` names each"),
        (lambda: ops.moveaxis(X, "a", 0), "T0204", "`source` of `moveaxis` is an"),
        (lambda: ops.percentile(X, 5, method="a"), "T0204", "`method` of `percentile`"),
        (lambda: ops.quantile(X, []), "T0204", "`q` of `quantile` is a number or"),
        (lambda: ops.geomspace(1, 2, 3, axis=7), "T0303", "`geomspace` has no axis 7"),
        (lambda: ops.segment_sum(X, [0, 1], -1), "T0204", "`num_segments` of"),
        (lambda: ops.zeros(-3), "T0204", "`shape` of `zeros` has sizes from 0"),
        (lambda: ops.zeros((2**20, 2**23)), "T0907", "`zeros` takes more memory"),
        (lambda: ops.eye(None), "T0204", "`N` of `eye` is an integer from 0"),
        (lambda: ops.eye(2**40), "T0204", "`N` of `eye` is an integer from 0"),
        (lambda: ops.tri(()), "T0204", "`N` of `tri` is an integer from 0"),
        (lambda: ops.roll(X, None), "T0204", "`shift` of `roll` is an integer"),
        (lambda: ops.repeat(X, -1), "T0204", "`repeats` of `repeat` is an integer"),
        (lambda: ops.arange(0, np.nan), "T0204", "`stop` of `arange` is a finite"),
        (lambda: ops.full((1,), 300, "uint8"), "T0404", "300 is out of the range"),
        (lambda: ops.full((1,), np.nan, "int32"), "T0404", "nan is out of the range"),
        (lambda: ops.cast(X, None), "T0401", "`None` is no dtype"),
        (lambda: ops.erfc(None), "T0401", "`x` of `erfc` holds numbers"),
        (lambda: ops.add(1, "a"), "T0401", "`x2` of `add` holds numbers, and this"),
        (lambda: ops.add([[1], [1, 2]], 1), "T0401", "`x1` of `add` holds numbers"),
        (lambda: ops.add(1, 2**40), "T0404", "`x2` of `add` is 1099511627776"),
        (lambda: ops.pad(X, -1), "T0204", "`pad_width` of `pad` is an integer"),
        (lambda: ops.psnr(X, X, 0), "T0204", "`max_val` of `psnr` is a positive"),
        (lambda: ops.histogram(X, 2, (1, 0)), "T0204", "`range` of `histogram` is a"),
        (lambda: ops.stft(X, 2, 1, 2, [1, 2, 3]), "T0204", "`window` of `stft` is"),
        (lambda: ops.bincount([1, 2], [1]), "T0305", "`weights` of `bincount` has"),
        (lambda: ops.nn.relo, "T0201", "`tulle.ops.nn` has no `relo`"),
    ],
)
def test_the_argument_is_named(wrong, code, told):
    with pytest.raises(TulleError) as caught:
        wrong()
    assert caught.value.diagnostics[0].code == code
    assert told in caught.value.diagnostics[0].message


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "ptp", "logsumexp"])
def test_no_element_is_chosen_of_none(name):
    for x in (EMPTY, ROWLESS):
        with pytest.raises(TulleError, match=f"`{name}` chooses an element"):
            OPS[name](x, 0)
    assert OPS[name](ROWLESS, 1).shape == (0,)


@pytest.mark.parametrize("name", ["median", "nanmax", "nanargmin", "nanmedian"])
def test_what_is_made_of_these_refuses_in_its_own_name(name):
    with pytest.raises(TulleError, match=f"`{name}` chooses an element"):
        OPS[name](EMPTY)


def test_the_size_of_nothing():
    """NumPy's answers: an empty matrix has a pseudoinverse, no rank, and norms."""
    assert ops.pinv(ROWLESS).shape == (3, 0)
    assert int(ops.matrix_rank(ROWLESS)) == 0
    assert ops.lstsq(ROWLESS, EMPTY).numpy().tolist() == [0.0, 0.0, 0.0]
    assert [float(ops.norm(x, 1)) for x in (EMPTY, ROWLESS)] == [0.0, 0.0]
    assert ops.softmax(ROWLESS, 0).shape == (0, 3)
    assert ops.lu_factor(ROWLESS)[0].shape == (0, 3)
    counts, edges = ops.histogram(EMPTY, 2)
    assert counts.numpy().tolist() == [0, 0]
    assert edges.numpy().tolist() == [0.0, 0.5, 1.0]
    for x, ord in ((EMPTY, np.inf), (ROWLESS, np.inf), (ROWLESS, 2)):
        with pytest.raises(TulleError, match="`norm` chooses an element"):
            ops.norm(x, ord)


def test_an_absent_limit_does_not_cut():
    x = np.array([-5.0, 0.5, np.nan, np.inf], "float32")
    np.testing.assert_array_equal(ops.clip(x, None, 1.0), np.clip(x, None, 1.0))
    np.testing.assert_array_equal(ops.clip(x, 0.0, None), np.clip(x, 0.0, None))
    assert ops.clip([1, 9], None, 3).numpy().tolist() == [1, 3]
    assert ops.clip([1, 9], -np.inf, np.inf).numpy().tolist() == [1, 9]


def test_limits_that_are_tensors():
    """As NumPy cuts by arrays; a variable is read when the program runs."""
    low, high = np.array([0.0, 1.0, 2.0], "float32"), np.full((2, 1), 1.5, "float32")
    wanted = np.clip(X, low, high)
    for ends in ((low, high), (ops.array(low), high), (low.tolist(), [[1.5], [1.5]])):
        np.testing.assert_array_equal(ops.clip(X, *ends), wanted)
    cut = function(lambda x, low, high: ops.clip(x, low, high))
    np.testing.assert_array_equal(cut(X, low, high), wanted)
    limit = Variable(2.0)
    until = function(lambda x: ops.clip(x, None, limit))
    assert until(np.array([1.0, 5.0], "float32")).numpy().tolist() == [1.0, 2.0]
    limit.assign(4.0)
    assert until(np.array([1.0, 5.0], "float32")).numpy().tolist() == [1.0, 4.0]
    slope = grad(lambda top: ops.sum(ops.clip(ops.array([1.0, 5.0]), 0.0, top)))
    assert float(slope(ops.array(2.0))) == 1.0
    with pytest.raises(TulleError, match="`x_min` of `clip` is a number or a tensor"):
        ops.clip(X, ["a"], 1.0)


def test_all_axes_and_ranges_of_axes():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    for name in ("softmax", "log_softmax", "normalize"):
        whole = getattr(ops, name)(x.reshape(6)).numpy().reshape(2, 3)
        np.testing.assert_allclose(getattr(ops, name)(x, axis=None), whole, 1e-6)
    assert ops.transpose(x, range(1, -1, -1)).shape == (3, 2)
    assert float(ops.sum(x, range(2))) == 15.0


def test_what_stands_for_an_integer_is_one():
    """Integers of NumPy, and tensors and arrays of one element, are taken."""
    for one in (np.int64(1), np.array(1), ops.array(1)):
        assert ops.sum(X, one).shape == (2,)
        assert ops.cumsum(X, one).shape == (2, 3)
        assert ops.eye(one).shape == (1, 1)
    assert ops.sum(X, np.array([0, 1])).shape == ()
    assert ops.zeros(np.array([2, 3])).shape == (2, 3)
    assert ops.sum(X, 0, np.True_).shape == ops.sum(X, 0, 1).shape == (1, 3)
    image, kernel = np.ones((1, 4, 4, 1), "float32"), np.ones((3, 3, 1, 1), "float32")
    more = (np.int64(1), np.int32(0))
    found = ops.conv_transpose(image, kernel, 2, output_padding=more)
    assert found.shape == (1, 10, 9, 1)


def test_true_is_no_size_even_after_one():
    assert str(ops.zeros(1).type) == "f32[1]"
    with pytest.raises(TulleError, match="`shape` of `zeros`"):
        ops.zeros(True)
    assert str(ops.zeros(1).type) == "f32[1]"


def test_sizes_of_symbols():
    x = Input(("T", 3))
    size = ops.shape(x)[1]
    assert str(ops.eye(size).type) == "f32[T, T]"
    assert str(ops.eye(2, size + 1).type) == "f32[2, T + 1]"
    assert str(ops.one_hot([1], size).type) == "f32[1, T]"
    with pytest.raises(TulleError, match="has no number before it runs"):
        ops.eye(ops.max(x))


@pytest.mark.parametrize("name", PUBLIC)
def test_no_traceback_on_symbols(name):
    """The same for arguments that are no tensors, where a graph is built."""
    bound = right_call(name)
    for parameter in bound.signature.parameters.values():
        if parameter.name not in dict(OPS[name].kinds):
            continue
        for value in (*NEVER, *PERHAPS):
            found = outcome(name, parameter, value, symbolic)
            if any(value is one for one in NEVER):
                assert is_refused(found, name)


def symbolic(given: object) -> object:
    """Symbols in place of arrays."""
    if isinstance(given, (list, tuple)):
        return type(given)(map(symbolic, given))
    if not isinstance(given, np.ndarray):
        return given
    return SymbolicTensor(input_node("x", ops.array(given).type))


@pytest.mark.parametrize("digits", [-400, -39, -5, 5, 39, 309, 400])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rounding_to_far_places(digits, dtype):
    """What has no digits there stays, and what is far below the place becomes 0."""
    x = np.array([1.25, -3.0, np.inf, np.nan], dtype)
    wanted = x if digits > 0 else np.where(np.isfinite(x), 0, x)
    np.testing.assert_array_equal(ops.round(x, digits), wanted)
    assert ops.round([7, -7], -400).numpy().tolist() == [0, 0]
