"""One row an op: how to call it, and an independent formula in float64.

`test_ops` makes all its tests from these rows. In a shape letters are symbolic sizes,
each a prime of its own, and digits are fixed. `kinds` has a letter an operand: f float,
p float with distinct values, i small integer, b truth value. `options` is a dictionary,
or a function of the sizes, which are dims when a graph is built and numbers when it
runs; the formula gets them as numbers.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import op_rows_activations
import op_rows_array
import op_rows_filtering
import op_rows_images
import op_rows_matrices
import op_rows_neural
import op_rows_numbers
import op_rows_pixels
import op_rows_sampling
import op_rows_sequences
import op_rows_windows
from op_row import Row, binary, unary


def each(function: Callable[[float], float]) -> Callable[..., Any]:
    """A formula for Python floats as one for arrays."""
    return np.vectorize(function, otypes=[float])


def fold(function: Any) -> Callable[..., Any]:
    def formula(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return function(x, axis=axis, keepdims=keepdims)

    return formula


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def softmax(x: Any, axis: Any = -1) -> Any:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.log(1 + np.exp(x))


def extreme_index(function: Any) -> Callable[..., Any]:
    def formula(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        wide = keepdims and axis is not None
        return function(x, axis=axis, keepdims=wide)

    return formula


def chosen(target: Any, output: Any, axis: int = -1) -> Any:
    """The entry of each row of `output` that `target` names, by a loop."""
    rows = np.moveaxis(output, axis, -1)
    picked = [rows[i][int(target[i])] for i in np.ndindex(target.shape)]
    return np.reshape(picked, target.shape)


def sparse_loss(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    if from_logits:
        return -chosen(target, np.log(softmax(output, axis)), axis)
    return -np.log(chosen(target, output / output.sum(axis=axis, keepdims=True), axis))


def dense_loss(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    p = softmax(output, axis) if from_logits else output
    return -(target * np.log(p / p.sum(axis=axis, keepdims=True))).sum(axis=axis)


def binary_loss(target: Any, output: Any, from_logits: bool = False) -> Any:
    p = sigmoid(output) if from_logits else output
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def placed(x: Any, shape: Any, index: Any) -> Any:
    zeros = np.zeros(shape)
    (_, start, count, step) = index[1]
    for i in range(count):
        zeros[:, start + i * step] = x[:, i]
    return zeros


def added_rows(x: Any, indices: Any, axis: int, size: int, rank: int) -> Any:
    assert (axis, rank) == (0, 1)
    found = np.zeros((size, *x.shape[1:]))
    for row, index in zip(x, indices, strict=True):
        found[index] += row
    return found


def added_along(x: Any, indices: Any, axis: int, size: int) -> Any:
    assert axis == 1
    found = np.zeros((x.shape[0], size))
    for i, j in np.ndindex(x.shape):
        found[i, indices[i, j]] += x[i, j]
    return found


def padded(x: Any, pad_width: Any, constant_values: float = 0.0) -> Any:
    return np.pad(x, pad_width, constant_values=constant_values)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def mended(function: Callable[..., Any], value: Any) -> Callable[..., Any]:
    """A formula of constants in the shape of its operand."""
    return lambda x, **_: function(x.shape, value)


erf = each(math.erf)


def gelu(x: Any, approximate: bool = True) -> Any:
    return x * sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def exact_gelu(x: Any, approximate: bool = False) -> Any:
    return x * (1 + erf(x / math.sqrt(2))) / 2


ROWS = (
    # Elementwise arithmetic.
    binary("add", lambda x, y: x + y),
    binary("subtract", lambda x, y: x - y),
    binary("multiply", lambda x, y: x * y),
    binary("divide", lambda x, y: x / y),
    binary("power", lambda x, y: np.exp(y * np.log(x))),
    binary("floor_divide", lambda x, y: np.floor(x / y)),
    binary("mod", lambda x, y: x - y * np.floor(x / y)),
    binary("maximum", lambda x, y: np.where(x > y, x, y) + 0 * (x + y)),
    binary("minimum", lambda x, y: np.where(x < y, x, y) + 0 * (x + y)),
    binary("logaddexp", lambda x, y: np.log(np.exp(x) + np.exp(y))),
    binary("arctan2", lambda x, y: np.arctan(x / y)),
    unary("negative", lambda x: 0 - x),
    unary("abs", lambda x: np.sqrt(x * x), domain=((-2.0, 2.0),)),
    unary("sign", lambda x: x / np.sqrt(x * x)),
    unary("square", lambda x: x**2),
    unary("sqrt", lambda x: x**0.5),
    unary("rsqrt", lambda x: x**-0.5),
    unary("reciprocal", lambda x: x**-1.0),
    unary("exp", lambda x: math.e**x),
    unary("expm1", lambda x: math.e**x - 1),
    unary("log", each(math.log)),
    unary("log1p", lambda x: np.log(1 + x)),
    unary("log2", lambda x: np.log(x) / math.log(2)),
    unary("log10", lambda x: np.log(x) / math.log(10)),
    unary("sin", each(math.sin)),
    unary("cos", each(math.cos)),
    unary("tan", lambda x: np.sin(x) / np.cos(x)),
    unary("arcsin", each(math.asin)),
    unary("arccos", each(math.acos)),
    unary("arctan", each(math.atan)),
    unary("sinh", lambda x: (np.exp(x) - np.exp(-x)) / 2),
    unary("cosh", lambda x: (np.exp(x) + np.exp(-x)) / 2),
    unary("tanh", lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    unary("arcsinh", lambda x: np.log(x + np.sqrt(x * x + 1))),
    unary("arccosh", lambda x: np.log(x + np.sqrt(x * x - 1))),
    unary("arctanh", lambda x: np.log((1 + x) / (1 - x)) / 2),
    unary("relu", lambda x: (x + np.abs(x)) / 2, domain=((-2.0, 2.0),)),
    unary("sigmoid", sigmoid),
    unary("softplus", softplus),
    unary("erf", erf),
    unary("erf", erf, domain=((-6.0, 6.0),)),
    unary("floor", each(lambda v: v if math.isnan(v) else math.floor(v))),
    unary("ceil", each(lambda v: v if math.isnan(v) else math.ceil(v))),
    unary("rint", each(lambda v: v if math.isnan(v) else round(v))),
    unary(
        "clip",
        lambda x, x_min, x_max: (np.abs(x + 0.5) - np.abs(x - 1) + 0.5) / 2,
        options={"x_min": -0.5, "x_max": 1.0},
        domain=((-2.0, 2.0),),
    ),
    unary("cast", lambda x, dtype: x, options={"dtype": "float64"}),
    unary("cast", lambda x, dtype: np.trunc(x), options={"dtype": "int32"}, nan=False),
    unary("stop_gradient", lambda variable: variable),
    # Truth values.
    binary("equal", lambda x, y: x - y == 0, kinds="ii"),
    binary("not_equal", lambda x, y: x - y != 0, kinds="ii"),
    binary("less", lambda x, y: y - x > 0),
    binary("less_equal", lambda x, y: y - x >= 0),
    binary("greater", lambda x, y: x - y > 0),
    binary("greater_equal", lambda x, y: x - y >= 0),
    binary("logical_and", lambda x, y: x * y == 1, kinds="bb"),
    binary("logical_or", lambda x, y: x + y > 0, kinds="bb"),
    unary("logical_not", lambda x: x == 0, kinds="b"),
    unary("isnan", lambda x: x != x),
    unary("isfinite", lambda x: x - x == 0),
    unary("isinf", lambda x: np.abs(x) == math.inf),
    Row(
        "where",
        lambda c, x, y: np.choose(c.astype(int), [y, x]),
        ("A 1", "A B", "B"),
        kinds="bff",
        scalar=True,
    ),
    # Activations.
    unary("elu", elu),
    unary("elu", elu, options={"alpha": 0.3}),
    unary("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    unary("leaky_relu", lambda x: 0.6 * x + 0.4 * np.abs(x)),
    unary("relu6", lambda x: np.clip(x, 0, 6), domain=((-3.0, 9.0),)),
    unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), domain=((-5.0, 5.0),)),
    unary("silu", lambda x: x * sigmoid(x)),
    unary("log_sigmoid", lambda x: np.log(sigmoid(x))),
    unary("softsign", lambda x: x / (1 + np.abs(x))),
    unary("mish", lambda x: x * np.tanh(softplus(x))),
    unary("gelu", gelu),
    unary("gelu", exact_gelu, options={"approximate": False}),
    unary("exact_gelu", exact_gelu),
    unary("exact_gelu", gelu, options={"approximate": True}),
    *(
        Row(name, formula, ("A B C",), {"axis": axis}, empty=False)
        for name, formula in (
            ("softmax", softmax),
            ("log_softmax", lambda x, axis: np.log(softmax(x, axis))),
        )
        for axis in (-1, 1, (0, 2))
    ),
    # Crossentropies.
    *(
        Row("sparse_categorical_crossentropy", sparse_loss, shapes, options, "if", d, 7)
        for shapes, options, d in (
            (("A", "A 7"), None, ((), (0.1, 0.9))),
            (("A", "A 7"), {"from_logits": True}, ((), (-3.0, 3.0))),
            (("A B", "A 7 B"), {"from_logits": True, "axis": 1}, ((), (-3.0, 3.0))),
        )
    ),
    *(
        Row("categorical_crossentropy", dense_loss, ("A B", "A B"), options, "ff", d)
        for options, d in (
            ({"axis": 0}, ((0.1, 0.9), (0.1, 0.9))),
            ({"from_logits": True}, ((0.1, 0.9), (-3.0, 3.0))),
        )
    ),
    *(
        Row("binary_crossentropy", binary_loss, ("A B", "A B"), options, "ff", d)
        for options, d in (
            (None, ((0.1, 0.9), (0.1, 0.9))),
            ({"from_logits": True}, ((0.1, 0.9), (-3.0, 3.0))),
        )
    ),
    # Reductions.
    *(
        Row(name, fold(function), ("A B C",), options, kinds, empty=name in folds_empty)
        for folds_empty in (("sum", "prod", "any", "all"),)
        for name, function, kinds in (
            ("sum", np.sum, ""),
            ("prod", np.prod, ""),
            ("max", np.max, "p"),
            ("min", np.min, "p"),
            ("mean", np.mean, ""),
            ("var", np.var, ""),
            ("std", np.std, ""),
            ("any", np.any, "b"),
            ("all", np.all, "b"),
            ("logsumexp", logsumexp, ""),
        )
        for options in (None, {"axis": 1, "keepdims": True}, {"axis": (0, -1)})
    ),
    *(
        Row(name, formula, ("A B",), options, "p", empty=False, nan=False)
        for name, formula in (
            ("argmax", extreme_index(np.argmax)),
            ("argmin", extreme_index(np.argmin)),
        )
        for options in (None, {"axis": 1}, {"axis": -2, "keepdims": True})
    ),
    # Movement.
    Row(
        "reshape",
        lambda x, newshape: x.ravel().reshape(newshape),
        ("A B 6",),
        lambda s: {"newshape": (s["B"], -1, 2)},
        empty=False,
    ),
    Row("transpose", lambda x: np.moveaxis(x, [0, 2], [2, 0]), ("A B C",)),
    Row(
        "transpose",
        lambda x, axes: np.einsum("abc->bca", x),
        ("A B C",),
        {"axes": (1, 2, 0)},
    ),
    Row(
        "broadcast_to",
        lambda x, shape: x + np.zeros(shape),
        ("B 1",),
        lambda s: {"shape": (s["A"], s["B"], s["C"])},
    ),
    Row(
        "concatenate",
        lambda *xs, axis: np.hstack(xs),
        ("A B", "A C", "A 1"),
        {"axis": -1},
        "fff",
        listed=True,
    ),
    Row(
        "stack",
        lambda *xs, axis: np.transpose(np.array(xs), (1, 0, 2)),
        ("A B", "A B", "A B"),
        {"axis": 1},
        "fff",
        listed=True,
    ),
    Row("expand_dims", lambda x, axis: x[:, None], ("A B",), {"axis": 1}),
    Row("squeeze", lambda x: x[:, 0, :, 0], ("A 1 B 1",)),
    Row("squeeze", lambda x, axis: x[:, 0], ("A 1 B 1",), {"axis": 1}),
    Row("flip", lambda x: x[::-1, ::-1], ("A B",)),
    Row("flip", lambda x, axis: x[:, ::-1], ("A B",), {"axis": -1}),
    Row("pad", padded, ("A B",), {"pad_width": ((1, 2), (0, 3))}),
    Row("pad", padded, ("A B",), {"pad_width": 1, "constant_values": 2.5}),
    # Picking by position.
    Row(
        "getitem",
        lambda x, key: x.transpose(1, 0, 2)[1, :, None, ::-2],
        ("A 5 C",),
        {"key": (slice(None), 1, None, slice(None, None, -2))},
    ),
    Row(
        "getitem",
        lambda x, key: np.split(x, [1, len(x) - 1])[1][..., -1],
        ("A B",),
        lambda s: {"key": (slice(1, s["A"] - 1), -1)},
        empty=False,
    ),
    Row(
        "getitem",
        lambda x, key: np.delete(x, [0, 1], axis=1),
        ("A B",),
        {"key": (..., slice(2, 100))},
    ),
    Row(
        "place",
        placed,
        ("A 2",),
        lambda s: {
            "shape": (s["A"], 7),
            "index": (("slice", 0, s["A"], 1), ("slice", 1, 2, 3)),
        },
    ),
    Row(
        "take",
        lambda x, indices, axis: np.stack([x[:, i] for i in indices], axis=1),
        ("A 5", "C"),
        {"axis": 1},
        "fi",
        below=5,
        empty=False,
    ),
    Row(
        "take",
        lambda x, indices: np.array([x.ravel()[i] for i in indices]),
        ("3 5", "C"),
        None,
        "fi",
        below=15,
        empty=False,
    ),
    Row(
        "add_at",
        added_rows,
        ("B C", "B"),
        lambda s: {"axis": 0, "size": 4, "rank": 1},
        "fi",
        below=4,
    ),
    Row(
        "take_along_axis",
        lambda x, indices, axis: np.array(
            [[row[i] for i in picks] for row, picks in zip(x, indices, strict=True)]
        ),
        ("A 5", "A C"),
        {"axis": 1},
        "fi",
        below=5,
        empty=False,
    ),
    Row(
        "add_along_axis",
        added_along,
        ("A C", "A C"),
        {"axis": 1, "size": 4},
        "fi",
        below=4,
    ),
    Row(
        "one_hot",
        lambda x, num_classes, axis, dtype: np.moveaxis(np.eye(5)[x], -1, 1)[:, :3],
        ("A B",),
        {"num_classes": 3, "axis": 1, "dtype": "float64"},
        "i",
        below=5,
    ),
    # Matrices.
    Row(
        "matmul", lambda x, y: np.einsum("ab,bc->ac", x, y), ("A B", "B C"), None, "ff"
    ),
    Row(
        "matmul",
        lambda x, y: np.einsum("dab,bc->dac", x, y),
        ("D A B", "B C"),
        None,
        "ff",
    ),
    Row(
        "matmul",
        lambda x, y: np.einsum("dab,dbc->dac", x, y),
        ("D A B", "D B C"),
        None,
        "ff",
    ),
    Row("matmul", lambda x, y: np.einsum("a,ab->b", x, y), ("A", "A B"), None, "ff"),
    Row(
        "matmul", lambda x, y: np.einsum("dab,b->da", x, y), ("D A B", "B"), None, "ff"
    ),
    Row("matmul", lambda x, y: (x * y).sum(), ("A", "A"), None, "ff"),
    # From sizes and numbers alone.
    Row(
        "full",
        lambda shape, fill_value, dtype: np.array([[2.5] * 5] * 3),
        (),
        lambda s: {"shape": (s["A"], s["B"]), "fill_value": 2.5, "dtype": "float64"},
    ),
    Row(
        "zeros",
        lambda shape, dtype: np.array([[0.0] * 5] * 3),
        (),
        lambda s: {"shape": (s["A"], s["B"]), "dtype": "float64"},
    ),
    Row(
        "ones",
        lambda shape, dtype: np.array([[1.0] * 5] * 3),
        (),
        lambda s: {"shape": (s["A"], s["B"]), "dtype": "float64"},
    ),
    Row(
        "arange",
        lambda start, stop, step: np.array([1, 3]),
        (),
        lambda s: {"start": 1, "stop": s["B"], "step": 2},
    ),
    Row(
        "arange",
        lambda start, stop, step, dtype: np.array([1.0, 0.5, 0.0]),
        (),
        {"start": 1.0, "stop": -0.25, "step": -0.5, "dtype": "float64"},
    ),
    Row(
        "eye",
        lambda N, M, k, dtype: np.diag([1.0] * 4, 1)[:3],
        (),
        lambda s: {"N": s["A"], "M": s["B"], "k": 1, "dtype": "float64"},
    ),
    unary("zeros_like", mended(np.full, 0.0), nan=False),
    unary("ones_like", mended(np.full, 1.0), nan=False),
    *op_rows_activations.ROWS,
    *op_rows_array.ROWS,
    *op_rows_numbers.ROWS,
    *op_rows_matrices.ROWS,
    *op_rows_images.ROWS,
    *op_rows_neural.ROWS,
    *op_rows_filtering.ROWS,
    *op_rows_pixels.ROWS,
    *op_rows_sampling.ROWS,
    *op_rows_sequences.ROWS,
    *op_rows_windows.ROWS,
)

# Ops that these rows cannot call, and the file that tests each instead.
ELSEWHERE = {
    "constant": "test_node",
    "input": "test_node",
    "variable": "test_variable",
    "size": "test_evaluate",
    "item": "test_opaque",
    "layer_call": "test_layer",
    "opaque": "test_opaque",
    "isolate": "test_transforms",
    "barrier": "test_transforms",
    "ensure": "../dsl/test_guards",
    "tuple": "test_transforms",
    "custom_call": "test_transforms",
    "remat_call": "test_transforms",
    "taped_call": "../backend/test_taped_calls",
    "branch": "test_control",
    "loop": "test_control",
    "while": "test_control",
    "ctc_loss": "test_neural",
    "dot_product_attention_gradient": "../backend/test_select_attention",
    "random_uniform": "test_random",
    "random_normal": "test_random",
    "bartlett": "test_array_ops",
    "bincount": "test_array_ops",
    "blackman": "test_array_ops",
    "cholesky": "test_array_ops",
    "eigh": "test_array_ops",
    "hamming": "test_array_ops",
    "hanning": "test_array_ops",
    "kaiser": "test_array_ops",
    "lower_factor": "test_array_ops",
    "lu_factor": "test_array_ops",
    "singular_values": "test_array_ops",
    "select": "test_array_ops",
    "svd": "test_array_ops",
}
