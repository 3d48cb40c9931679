"""Ops that read the LU factors of a matrix, which several of them then share.

`select_factors.py` writes `inv`, `solve`, `det` and `slogdet` with them, and the bodies
here are the reference of native code.
"""

from __future__ import annotations

from typing import Any

from ..graph.op import register
from ..graph.registry import OPS
from ..graph.types import TensorType
from .kernels import Kernel

Array = Any


@register
class LuSolve(Kernel):
    """x with a @ x = b, or with `transposed` transpose(a) @ x = b.

    Operands are the factors of a, its pivots, and b, matrices.
    """

    name = "lu_solve"

    def infer(
        self, lu: TensorType, pivots: TensorType, b: TensorType, transposed: bool
    ) -> TensorType:
        return b

    def run(
        self,
        xp: Any,
        lu: Array,
        pivots: Array,
        b: Array,
        *,
        transposed: bool,
        out: Any = None,
    ) -> Array:
        rows = _order(xp, pivots)[..., None]
        if transposed:
            x = _by_half(xp, lu, b, False, True)
            x = _by_half(xp, lu, x, True, True)
            return xp.take_along_axis(x, xp.argsort(rows, axis=-2), axis=-2)
        x = _by_half(xp, lu, xp.take_along_axis(b, rows, axis=-2), True, False)
        return _by_half(xp, lu, x, False, False)


@register
class LuInverse(Kernel):
    """The inverse of a matrix, from its factors and pivots."""

    name = "lu_inverse"

    def infer(self, lu: TensorType, pivots: TensorType) -> TensorType:
        return lu

    def run(self, xp: Any, lu: Array, pivots: Array, *, out: Any = None) -> Array:
        unit = xp.broadcast_to(xp.eye(lu.shape[-1], dtype=lu.dtype), lu.shape)
        return SOLVE.run(xp, lu, pivots, unit, transposed=False)


def _by_half(xp: Any, lu: Array, b: Array, lower: bool, transposed: bool) -> Array:
    options = {"lower": lower, "transposed": transposed, "unit": lower}
    return OPS["triangular_solve"].run(xp, lu, b, **options)


def _order(xp: Any, pivots: Array) -> Array:
    """Where each row comes from, after all have changed places."""
    *batch, size = pivots.shape
    flat = pivots.reshape(-1, size)
    order = xp.broadcast_to(xp.arange(size), flat.shape).copy()
    every = xp.arange(len(flat))
    for k in range(size):
        other = flat[:, k]
        moved = order[:, k].copy()
        order[:, k] = order[every, other]
        order[every, other] = moved
    return order.reshape(*batch, size)


SOLVE, INVERSE = OPS["lu_solve"], OPS["lu_inverse"]
