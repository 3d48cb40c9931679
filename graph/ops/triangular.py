"""Triangular factors of matrices, and solutions by them, over the last two axes."""

from __future__ import annotations

from typing import Any

from ..dim import Dim
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import TensorType
from .factoring import FLOAT, Square, matrix_only, numeric, with_column
from .formula import along, counted, derived, type_of
from .linalg import swap_last


@register
class LowerFactor(Square):
    """The lower triangular factor: x = l @ transpose(l)."""

    name = "lower_factor"
    public = False

    def vjp(self, node: Node, cotangent: Node) -> Results:
        """Murray 2016, "Differentiation of the Cholesky decomposition", equation 10."""
        middle = swap_last(node) @ cotangent
        middle = call("tril", middle) - _diagonal_matrix(middle) * 0.5
        left = _by_transposed(node, middle)
        found = _by_transposed(node, swap_last(left))
        return ((found + swap_last(found)) * 0.5,)

    def run(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        found = numeric(xp, "cholesky", x)
        nan = xp.isnan(found).any(axis=(-2, -1), keepdims=True)
        return xp.where(nan, found.dtype.type(xp.nan), found)


def _by_transposed(lower: Node, b: Node) -> Node:
    """The x with transpose(lower) @ x = b."""
    found: Node = call("triangular_solve", lower, b, lower=True, transposed=True)
    return found


def _diagonal_matrix(x: Node) -> Node:
    size = x.shape[-1]
    hit = call("equal", along(counted(size), 0, 2), along(counted(size), 1, 2))
    found: Node = call("where", hit, x, 0)
    return found


@derived(1, FLOAT)
def cholesky(x: Any, upper: bool = False) -> Any:
    """The triangular l with x = l @ transpose(l), for a positive definite x.

    With `upper` its transpose. Only the lower half of x is read.

    >>> call("cholesky", [[4.0, 2.0], [2.0, 5.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    found = call("lower_factor", x)
    return swap_last(found) if upper else found


@register
class TriangularSolve(Op):
    """x with a @ x = b, for matrices, reading the lower half of a or the upper one.

    With `transposed` that half is transposed, and with `unit` it has ones on its
    diagonal, whatever stands there.
    """

    name = "triangular_solve"
    public = False
    operand_dtypes = FLOAT
    domain = ((0.5, 1.5), (-1.0, 1.0))

    def arguments(
        self,
        a: Any,
        b: Any,
        lower: bool = False,
        transposed: bool = False,
        unit: bool = False,
    ) -> Any:
        return (a, b), {"lower": lower, "transposed": transposed, "unit": unit}

    def infer(self, a: TensorType, b: TensorType, **options: Any) -> TensorType:
        return b

    def vjp(self, node: Node, cotangent: Node) -> Results:
        options = dict(node.attributes)
        options["transposed"] = not options["transposed"]
        right = call("triangular_solve", node.inputs[0], cotangent, **options)
        outer = right @ swap_last(node)
        if node.attributes["transposed"]:
            outer = swap_last(outer)
        lower, unit = options["lower"], int(options["unit"])
        half = call("tril" if lower else "triu", outer, -unit if lower else unit)
        return -half, right

    def run(
        self,
        xp: Any,
        a: Any,
        b: Any,
        *,
        lower: bool,
        transposed: bool,
        unit: bool,
        out: Any = None,
    ) -> Any:
        """By `solve`, which exchanges no rows of an upper triangle."""
        half = (xp.tril if lower else xp.triu)(a)
        one = xp.eye(a.shape[-1], dtype=bool)
        half = xp.where(one, half.dtype.type(1), half) if unit else half
        half = half.swapaxes(-1, -2) if transposed else half
        if lower != transposed:
            half, b = half[..., ::-1, ::-1], b[..., ::-1, :]
        found = numeric(xp, "solve", half, b)
        zero = xp.any(one & (half == 0), axis=(-2, -1), keepdims=True)
        found = xp.where(zero, found.dtype.type(xp.nan), found)
        return found[..., ::-1, :] if lower != transposed else found

    def flops(self, node: Node) -> Dim:
        """About n² for each column of b."""
        return node.tensor_type.size * node.inputs[0].shape[-1]


@derived(2, FLOAT, ((0.5, 1.5), (-1.0, 1.0)))
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The x with a @ x = b, reading only the upper half of a, or the lower one.

    >>> call("solve_triangular", [[2.0, 2.0], [9.0, 4.0]], [4.0, 4.0]).numpy().tolist()
    [1.0, 1.0]
    """
    wide = with_column("solve_triangular", a, b)
    found = call("triangular_solve", a, wide, lower=bool(lower))
    return found if wide is b else call("squeeze", found, -1)


@derived(1, FLOAT, (0.5, 1.5))
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of a matrix whose Cholesky factor is given."""
    matrix_only("cholesky_inverse", type_of(x), square=True)
    unit = _diagonal_matrix(call("ones_like", x))
    half = call("triangular_solve", x, unit, lower=not upper)
    return half @ swap_last(half) if upper else swap_last(half) @ half
