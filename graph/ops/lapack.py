"""Factors of matrices of float32 in float32, by the LAPACK that SciPy brings.

NumPy computes them in float64, which takes twice as long. Small matrices stay with it,
and all of them where SciPy is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from ..machine_code import machine_code, openblas

LEAST = 48  # rows and columns: below, calls take longer than the work
SHARED = 512  # rows and columns from which on several threads are faster
BLOCK = 64  # columns that LAPACK takes at a time, if it has the memory for it


def in_own_precision(name: str, x: Any, options: dict[str, Any]) -> Any:
    """`eigh`, `svd` or `qr` of float32 [..., rows, columns]; None for NumPy's to do.

    Raises a `LinAlgError` for matrices that have no such factors.
    """
    function = FACTORS.get(name)
    if function is None or x.__class__ is not np.ndarray or x.dtype != np.float32:
        return None
    rows, columns = x.shape[-2:]
    mode = options.get("mode")
    if min(rows, columns) < LEAST or not x.size or _lapack() is None:
        return None
    if mode not in (None, "reduced") and not (mode == "complete" and rows == columns):
        return None
    with _alone() if min(rows, columns) < SHARED else nullcontext():
        if x.ndim == 2:
            return function(x, **options)
        parts = [function(one, **options) for one in x.reshape(-1, rows, columns)]
    stacked = [np.stack(items) for items in zip(*parts, strict=True)]
    return tuple(one.reshape(*x.shape[:-2], *one.shape[1:]) for one in stacked)


@cache
def _lapack() -> Any:
    """The module with LAPACK's functions; None if there is none."""
    try:
        return machine_code("scipy.linalg._flapack")
    except ImportError:
        return None


@contextmanager
def _alone() -> Iterator[None]:
    """One thread of SciPy's BLAS: others would wait for those of NumPy's, which spin
    for some time after each product."""
    change, count = openblas("set_num_threads"), openblas("get_num_threads")
    threads = count() if change and count else 1
    if threads == 1:
        yield
        return
    change(1)
    try:
        yield
    finally:
        change(threads)


def _checked(*found: Any) -> Any:
    """Results without the word at their end that says how it went."""
    *results, info = found
    if info:
        raise np.linalg.LinAlgError
    return tuple(results)


def _eigh(x: Any) -> Any:
    values, vectors = _checked(*_lapack().ssyevd(x.T, lower=0))
    return values, np.ascontiguousarray(vectors)


def _svd(x: Any, full_matrices: bool) -> Any:
    """Of the transposed matrix, as LAPACK reads rows as columns."""
    options = {"full_matrices": full_matrices}
    v, values, ut = _checked(*_lapack().sgesdd(x.T, **options))
    return ut.T, values, v.T


def _qr(x: Any, mode: str) -> Any:
    rows, columns = x.shape
    count = min(rows, columns)
    work = BLOCK * columns
    factors, scales, _, info = _lapack().sgeqrf(x, lwork=work)
    (factors, scales) = _checked(factors, scales, info)
    r = np.triu(factors[:count])
    q, _, info = _lapack().sorgqr(factors[:, :count], scales, lwork=work)
    (q,) = _checked(q, info)
    return np.ascontiguousarray(q), r


FACTORS: dict[str, Callable[..., Any]] = {"eigh": _eigh, "svd": _svd, "qr": _qr}
