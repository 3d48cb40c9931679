"""Factors, inverses and solutions of matrices, over the last two axes.

A matrix that has no factor or inverse gives NaN, as it does on every device.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..conversion import unpack
from ..decide import equal as equal_dims
from ..diagnostics import Fault
from ..dim import Dim, minimum
from ..kinds import shown
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import I32, TensorType, TupleType
from .formula import (
    Refusal,
    Several,
    along,
    counted,
    derived,
    part,
    shape_of,
    type_of,
)
from .lapack import in_own_precision
from .linalg import swap_last

FLOAT = "float"


def matrix_only(name: str, x: TensorType, square: bool = False) -> None:
    """Refuse what is no matrix, or no square one."""
    if x.rank < 2:
        raise Fault(
            "T0306", f"`{name}` takes a matrix and got {x}", operands={0: str(x)}
        )
    if square and equal_dims(x.shape[-1], x.shape[-2]) is not True:
        raise Fault(
            "T0306",
            f"`{name}` takes a square matrix and got {x}",
            operands={0: str(x)},
            dims=x.shape[-2:],
        )


def numeric(xp: Any, name: str, *arrays: Any, **options: Any) -> Any:
    """A function of `linalg`, in float32 for halves, with NaN where it refuses."""
    narrow = arrays[0].dtype
    if narrow.itemsize == 2:
        arrays = tuple(array.astype("float32") for array in arrays)
    found = _each(xp, partial(_computed, xp, name, options), *arrays)
    if isinstance(found, tuple):
        return tuple(part.astype(narrow, copy=False) for part in found)
    return found.astype(narrow, copy=False)


def _computed(xp: Any, name: str, options: dict[str, Any], *arrays: Any) -> Any:
    found = in_own_precision(name, arrays[0], options)
    return getattr(xp.linalg, name)(*arrays, **options) if found is None else found


def _each(xp: Any, function: Any, *arrays: Any) -> Any:
    """A function of matrices; NaN for those of a batch that it refuses."""
    try:
        return function(*arrays)
    except np.linalg.LinAlgError:
        if arrays[0].ndim == 2:
            return _nans(xp, function, arrays)
        parts = [_each(xp, function, *items) for items in zip(*arrays, strict=True)]
        if isinstance(parts[0], tuple):
            return tuple(map(xp.stack, zip(*parts, strict=True)))
        return xp.stack(parts)


def _nans(xp: Any, function: Any, arrays: Any) -> Any:
    """NaN in the shape of the results, which those of a unit matrix show."""
    first = xp.eye(*arrays[0].shape, dtype=arrays[0].dtype)
    shown = function(first, *arrays[1:])
    if isinstance(shown, tuple):
        return tuple(xp.full_like(part, xp.nan) for part in shown)
    return xp.full_like(shown, xp.nan)


def iterated(xp: Any, name: str, x: Any, **options: Any) -> Any:
    """Factors that LAPACK finds by turns; those of a matrix with NaN or inf are NaN.

    Of such a matrix it gives finite numbers, or comes to no end.
    """
    read = xp.tril(x) if name == "eigh" else x
    finite = xp.isfinite(read).all(axis=(-2, -1))
    if xp is np and finite.all():
        return numeric(xp, name, x, **options)
    known = xp.where(finite[..., None, None], x, x.dtype.type(0))
    found = numeric(xp, name, known, **options)
    shapes = [finite.shape + (1,) * (part.ndim - finite.ndim) for part in found]
    return tuple(
        xp.where(finite.reshape(shape), part, part.dtype.type(np.nan))
        for part, shape in zip(found, shapes, strict=True)
    )


class Square(Op):
    """An op on one square matrix that gives another."""

    operand_dtypes = FLOAT
    domain = ((-1.0, 1.0),)

    def arguments(self, x: Any) -> Any:
        return (x,), {}

    def infer(self, x: TensorType) -> TensorType:
        matrix_only(self.name, x, square=True)
        return x

    def flops(self, node: Node) -> Dim:
        """About n³ for a matrix of n rows."""
        matrix = node.inputs[0].tensor_type
        return matrix.size * matrix.shape[-1]


@register
class Inv(Square):
    """The inverse of a matrix.

    >>> call("inv", [[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """

    def vjp(self, node: Node, cotangent: Node) -> Results:
        turned = swap_last(node)
        return (-(turned @ cotangent @ turned),)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return numeric(xp, "inv", x)


@register
class Det(Square):
    """The determinant of a matrix; its gradient needs an inverse.

    >>> round(float(call("det", [[1.0, 2.0], [3.0, 4.0]])), 4)
    -2.0
    """

    def infer(self, x: TensorType) -> TensorType:
        return super().infer(x).with_shape(x.shape[:-2])

    def vjp(self, node: Node, cotangent: Node) -> Results:
        scale = _wide(cotangent * node)
        return (scale * swap_last(call("inv", *node.inputs)),)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return numeric(xp, "det", x)


def _wide(x: Node) -> Node:
    """A number for each matrix, with two axes of size 1."""
    found: Node = call("reshape", x, (*x.shape, 1, 1))
    return found


@register
class Slogdet(Square):
    """The sign of the determinant, and the logarithm of its absolute value."""

    def infer(self, x: TensorType) -> TupleType:  # type: ignore[override]
        one = super().infer(x).with_shape(x.shape[:-2])
        return TupleType((one, one))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        scale = _wide(cotangent[1])
        return (scale * swap_last(call("inv", *node.inputs)),)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        sign, size = numeric(xp, "slogdet", x)
        return xp.where(xp.isnan(size), size, sign), size


@derived(1, FLOAT)
def logdet(x: Any) -> Any:
    """The logarithm of the absolute value of the determinant."""
    return call("slogdet", x)[1]


@register
class SolveMatrix(Op):
    """x with a @ x = b, for matrices."""

    name = "solve_matrix"
    public = False
    operand_dtypes = FLOAT
    domain = ((-1.0, 1.0), (-1.0, 1.0))

    def arguments(self, a: Any, b: Any) -> Any:
        return (a, b), {}

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        return b

    def vjp(self, node: Node, cotangent: Node) -> Results:
        right = call("solve_matrix", swap_last(node.inputs[0]), cotangent)
        return -(right @ swap_last(node)), right

    def run(self, xp: Any, a: Any, b: Any, *, out: Any = None) -> Any:
        return numeric(xp, "solve", a, b)

    def flops(self, node: Node) -> Dim:
        """About n³ for the matrix, and 2 n² for each column of b."""
        matrix, columns = node.inputs[0].tensor_type, node.tensor_type
        return (matrix.size + columns.size * 2) * matrix.shape[-1]


@derived(2, FLOAT, ((-1.0, 1.0), (-1.0, 1.0)))
def solve(a: Any, b: Any) -> Any:
    """The x with a @ x = b. a is square; b is a vector or a matrix for each a.

    >>> call("solve", [[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).numpy().tolist()
    [1.0, 0.5]
    """
    wide = with_column("solve", a, b)
    found = call("solve_matrix", a, wide)
    return found if wide is b else call("squeeze", found, -1)


def with_column(name: str, a: Any, b: Any) -> Any:
    """The right side of an equation as matrices: b, or b with a last axis of size 1."""
    matrix_only(name, type_of(a), square=True)
    vector = b.ndim == a.ndim - 1
    wide = call("expand_dims", b, -1) if vector else b
    if wide.ndim != a.ndim or wide.shape[:-1] != a.shape[:-1]:
        raise Refusal(
            name,
            "T0305",
            f"`{name}` needs a right side with the sizes of the left: {type_of(a)} and "
            f"{type_of(b)}",
            operands={0: str(type_of(a)), 1: str(type_of(b))},
            dims=(*a.shape, *b.shape),
        )
    return wide


class Factors(Op):
    """An op on one matrix that gives several."""

    operand_dtypes = FLOAT
    domain = ((-1.0, 1.0),)

    def flops(self, node: Node) -> Dim:
        """About n³ for a matrix of n columns."""
        matrix = node.inputs[0].tensor_type
        return matrix.size * matrix.shape[-1]


@register
class Qr(Factors):
    """Orthogonal q and upper triangular r with x = q @ r; `complete` has square q."""

    def arguments(self, x: Any, mode: str = "reduced") -> Any:
        return (x,), {"mode": mode}

    def canonical(self, types: Any, attributes: dict[str, Any]) -> dict[str, Any]:
        mode = attributes["mode"]
        if not isinstance(mode, str) or mode not in ("reduced", "complete"):
            raise Fault(
                "T0204",
                f"`qr` is `reduced` or `complete`, not {shown(mode)}",
                argument="mode",
            )
        return attributes

    def infer(self, x: TensorType, mode: str) -> TupleType:
        matrix_only(self.name, x)
        *batch, rows, columns = x.shape
        count = rows if mode == "complete" else minimum(rows, columns)
        q = x.with_shape((*batch, rows, count))
        return TupleType((q, x.with_shape((*batch, count, columns))))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        x = node.inputs[0]
        q, r = unpack(node, None)
        rows, columns = x.shape[-2:]
        spare, _ = (rows - columns).bounds()
        if spare is not None and spare >= 0 and equal_dims(q.shape[-1], columns):
            return (_qr_gradient(q, r, *cotangent),)
        short, _ = (columns - rows).bounds()
        if short is None or short < 0:
            raise Fault(
                "T0502",
                f"the gradient of `qr` in the mode `{node.attributes['mode']}` needs a "
                f"matrix with more columns than rows, or `reduced`: {type_of(x)}",
            )
        axis = x.ndim - 1
        left, more = part(r, axis, 0, rows), part(x, axis, rows, columns - rows)
        g_left = part(cotangent[1], axis, 0, rows)
        g_more = part(cotangent[1], axis, rows, columns - rows)
        g_q = cotangent[0] + more @ swap_last(g_more)
        first = _qr_gradient(q, left, g_q, g_left)
        return (call("concatenate", [first, q @ g_more], axis),)

    def run(self, xp: Any, x: Any, *, mode: str, out: Any = None) -> Any:
        return numeric(xp, "qr", x, mode=mode)


def _qr_gradient(q: Node, r: Node, g_q: Node, g_r: Node) -> Node:
    """Walter and Lehmann 2018, for square r."""
    middle = r @ swap_last(g_r) - swap_last(g_q) @ q
    middle = call("tril", middle) + swap_last(call("tril", middle, -1))
    right = swap_last(g_q + q @ middle)
    found: Node = swap_last(call("solve_triangular", r, right))
    return found


@register
class Eigh(Factors):
    """The eigenvalues of a symmetric matrix, rising, and its eigenvectors in columns.

    Only the lower half is read. Where eigenvalues coincide the gradient leaves the
    turning of their vectors out.
    """

    def arguments(self, x: Any) -> Any:
        return (x,), {}

    def infer(self, x: TensorType) -> TupleType:
        matrix_only(self.name, x, square=True)
        return TupleType((x.with_shape(x.shape[:-1]), x))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        values, vectors = unpack(node, None)
        inner = _gaps(values) * (swap_last(vectors) @ cotangent[1])
        inner = inner + _on_diagonal(cotangent[0])
        found = vectors @ inner @ swap_last(vectors)
        return ((found + swap_last(found)) * 0.5,)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return iterated(xp, "eigh", x)


def _gaps(values: Node) -> Node:
    """1 / (value j - value i), and 0 where they are equal."""
    gap = call("expand_dims", values, -2) - call("expand_dims", values, -1)
    same = call("equal", gap, 0.0)
    found: Node = call("where", same, 0.0, 1.0 / call("where", same, 1.0, gap))
    return found


def _on_diagonal(x: Node) -> Node:
    size = x.shape[-1]
    hit = call("equal", along(counted(size), 0, 2), along(counted(size), 1, 2))
    found: Node = call("where", hit, call("expand_dims", x, -1), 0.0)
    return found


@register
class SingularValues(Factors):
    """u, s and v transposed with x = (u * s) @ vt, s falling."""

    name = "singular_values"
    public = False

    def arguments(self, x: Any, full: bool = False) -> Any:
        return (x,), {"full": full}

    def infer(self, x: TensorType, full: bool) -> TupleType:
        matrix_only("svd", x)
        *batch, rows, columns = x.shape
        count = minimum(rows, columns)
        left, right = (rows, columns) if full else (count, count)
        u = x.with_shape((*batch, rows, left))
        s = x.with_shape((*batch, count))
        return TupleType((u, s, x.with_shape((*batch, right, columns))))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        x, full = node.inputs[0], node.attributes["full"]
        if full and equal_dims(x.shape[-2], x.shape[-1]) is not True:
            raise Fault(
                "T0502",
                "the gradient of `svd` needs `full_matrices=False`: the added vectors "
                "are arbitrary",
            )
        return (_svd_gradient(node, *cotangent),)

    def run(self, xp: Any, x: Any, *, full: bool, out: Any = None) -> Any:
        return iterated(xp, "svd", x, full_matrices=full)


def _svd_gradient(node: Node, g_u: Node, g_s: Node, g_vt: Node) -> Node:
    """Townsend 2016."""
    u, s, vt = unpack(node, None)
    v, g_v = swap_last(vt), swap_last(g_vt)
    row = call("expand_dims", s, -2)
    gaps, over = _gaps(s * s), 1.0 / row
    left, right = swap_last(u) @ g_u, vt @ g_v
    turn_left = gaps * (left - swap_last(left))
    turn_right = gaps * (right - swap_last(right))
    middle = turn_left * row + call("expand_dims", s, -1) * turn_right
    inner = (middle + _on_diagonal(g_s)) @ vt
    outside = ((g_u - u @ left) * over) @ vt
    beyond = swap_last((g_v - v @ right) * over)
    return u @ (inner + beyond) + outside  # type: ignore[no-any-return]


@derived(1, FLOAT, kind=Several)
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v transposed with x = (u * s) @ vt, s falling; or s alone.

    >>> call("svd", [[3.0, 0.0], [0.0, 4.0]], compute_uv=False).numpy().tolist()
    [4.0, 3.0]
    """
    if not compute_uv:
        return call("singular_values", x)[1]
    return list(call("singular_values", x, bool(full_matrices)))


@derived(2, FLOAT, ((-1.0, 1.0), (-1.0, 1.0)))
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x that makes a @ x - b least in its squares, and is least itself.

    Singular values below `rcond` times the largest count as 0.
    """
    matrix_only("lstsq", type_of(a))
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise Refusal(
            "lstsq",
            "T0305",
            f"`lstsq` needs a matrix and a right side with its rows: {type_of(a)} and "
            f"{type_of(b)}",
            operands={0: str(type_of(a)), 1: str(type_of(b))},
            dims=(*a.shape, *b.shape),
        )
    u, s, vt = call("singular_values", a)
    over = _inverted(a, s, rcond)
    wide = call("expand_dims", b, -1) if b.ndim == 1 else b
    found = swap_last(vt) @ (call("expand_dims", over, 1) * (swap_last(u) @ wide))
    return call("squeeze", found, 1) if b.ndim == 1 else found


def _slack(x: Any) -> float:
    """The share of the largest singular value of a matrix that rounding makes of 0."""
    size = max((d.value or 1) for d in shape_of(x)[-2:])
    return size * type_of(x).dtype.epsilon


def _largest(values: Any) -> Any:
    """The largest of the singular values of each matrix; of none, there is none."""
    return values if values.shape[-1] == 0 else call("max", values, -1, True)


def _inverted(x: Any, values: Any, rcond: float | None) -> Any:
    """1 / each singular value of a matrix, 0 for those that count as 0."""
    limit = _slack(x) if rcond is None else rcond
    small = values <= _largest(values) * limit
    return call("where", small, 0.0, 1.0 / call("where", small, 1.0, values))


@derived(1, FLOAT)
def pinv(x: Any, rcond: float | None = None) -> Any:
    """The pseudoinverse of a matrix, from its singular values.

    Those below `rcond` times the largest count as 0.

    >>> call("pinv", [[2.0], [0.0]]).numpy().tolist()
    [[0.5, 0.0]]
    """
    matrix_only("pinv", type_of(x))
    u, s, vt = call("singular_values", x)
    over = call("expand_dims", _inverted(x, s, rcond), -1)
    return swap_last(vt) @ (over * swap_last(u))


@derived(1, FLOAT, no_gradient="a count does not move by small steps")
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """How many singular values of a matrix are above `tol`, as int32.

    Without `tol`, those count that rounding does not explain.

    >>> int(call("matrix_rank", [[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    matrix_only("matrix_rank", type_of(x))
    values = call("singular_values", x)[1]
    limit = _largest(values) * _slack(x) if tol is None else tol
    return call("sum", call("cast", values > limit, I32), -1)


@register
class LuFactor(Factors):
    """Both triangular factors in one matrix, and the row that each was changed with."""

    name = "lu_factor"
    no_gradient = "the rows change places by steps; `solve` and `det` have gradients"

    def arguments(self, x: Any) -> Any:
        return (x,), {}

    def infer(self, x: TensorType) -> TupleType:
        matrix_only(self.name, x)
        count = minimum(*x.shape[-2:])
        return TupleType((x, TensorType(I32, (*x.shape[:-2], count))))

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        rows, columns = x.shape[-2:]
        lu = xp.array(x.reshape((math.prod(x.shape[:-2]), rows, columns)))
        count, batch = min(rows, columns), xp.arange(lu.shape[0])
        pivots = xp.zeros((lu.shape[0], count), "int32")
        for k in range(count):
            at = k + xp.argmax(xp.abs(lu[:, k:, k]), axis=1)
            pivots[:, k] = at
            top = lu[:, k].copy()
            lu[:, k] = lu[batch, at]
            lu[batch, at] = top
            pivot = lu[:, k : k + 1, k]
            lu[:, k + 1 :, k] /= xp.where(pivot == 0, 1, pivot)
            lu[:, k + 1 :, k + 1 :] -= lu[:, k + 1 :, k, None] * lu[:, None, k, k + 1 :]
        return lu.reshape(x.shape), pivots.reshape((*x.shape[:-2], count))
