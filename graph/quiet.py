"""NumPy's functions as IEEE has them, without its warnings, at little cost a call.

`np.errstate` takes as long as two small sums. What it sets belongs to a context of
`contextvars`, so each thread keeps one with warnings off and runs functions in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .op import Op


class _Quiet(threading.local):
    def __init__(self) -> None:
        self.context = Context()
        self.context.run(np.seterr, all="ignore")
        self.entered = False


_QUIET = _Quiet()


def quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of NumPy makes of arrays; nothing in it may ask for a context.

    >>> quietly(np.divide, 1.0, 0.0)
    np.float64(inf)
    """
    quiet = _QUIET
    if quiet.entered:  # by what this is a part of
        return function(*arguments)
    quiet.entered = True
    try:
        return quiet.context.run(function, *arguments)
    finally:
        quiet.entered = False


def ufunc_of(op: Op, attributes: Mapping[str, Any]) -> np.ufunc | None:
    """NumPy's ufunc of which an op is one pass over its elements; None for others."""
    body = getattr(op, "body", None)
    if not op.elementwise or not isinstance(body, str) or attributes:
        return None
    found = getattr(np, body, None)
    return found if isinstance(found, np.ufunc) else None
