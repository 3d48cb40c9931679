"""Operands of products as a BLAS sees them: transposes as flags, batches as strides.

Arrays have shapes and strides as NumPy's do; where they lie does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NORMAL, TRANSPOSED = ord("N"), ord("T")

Array = Any


def as_matrix(array: Array) -> tuple[int, int, int] | None:
    """A matrix as the BLAS sees it: letter, leading size, step between its rows.

    None if neither of its axes is dense.
    """
    item = array.itemsize
    (rows, columns), (down, right) = array.shape[-2:], array.strides[-2:]
    if not rows * columns:  # the steps of nothing may be any
        return NORMAL, max(columns, 1), columns
    down, right = down // item, right // item
    if columns == 1 or right == 1:
        if rows == 1 or down >= max(columns, 1):
            return NORMAL, max(down if rows > 1 else columns, columns, 1), down
    if rows == 1 or down == 1:
        if columns == 1 or right >= max(rows, 1):
            return TRANSPOSED, max(right if columns > 1 else rows, rows, 1), down
    return None


def as_matrices(x: Array, y: Array, out: Array) -> tuple[Array, Array, Array]:
    """Operands and result with two axes at least, batches broadcast."""
    if x.ndim == 1:
        x, out = x[None, :], out[..., None, :] if y.ndim > 1 else out[..., None]
    if y.ndim == 1:
        y, out = y[:, None], out[..., None]
    batch = out.shape[:-2]
    if x.ndim == y.ndim == 2:
        return x, y, out
    if x.shape[:-2] != batch:
        x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    if y.shape[:-2] != batch:
        y = np.broadcast_to(y, (*batch, *y.shape[-2:]))
    return x, y, out


def readable(array: Array) -> bool:
    """Whether the BLAS can read an operand as it lies."""
    return as_matrix(array[:, None] if array.ndim == 1 else array) is not None


def batch_axes(*operands: Array) -> list[list[int]]:
    """The axes in front of matrices: size, and a stride in elements for each operand.

    Axes that lie as one in all operands are joined; those of size 1 are left out.
    """
    axes: list[list[int]] = []
    for axis, size in enumerate(operands[0].shape[:-2]):
        if size == 1:
            continue
        steps = [array.strides[axis] // array.itemsize for array in operands]
        if axes and all(
            s0 == size * s1 for s0, s1 in zip(axes[-1][1:], steps, strict=True)
        ):
            axes[-1] = [axes[-1][0] * size, *steps]
        else:
            axes.append([size, *steps])
    return axes
