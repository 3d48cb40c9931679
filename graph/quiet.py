"""NumPy's functions as IEEE has them, without its warnings, at little cost a call.

`np.errstate` takes as long as two small sums. What it sets belongs to a context of
`contextvars`, so each thread keeps one with warnings off and runs functions in it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .op import Op


class _Quiet(threading.local):
    def __init__(self) -> None:
        self.context = Context()
        self.context.run(np.seterr, all="ignore")


_QUIET = _Quiet()


def quietly(ufunc: np.ufunc, arrays: Sequence[Any]) -> Any:
    """What a ufunc makes of arrays; it runs nothing that asks for a context.

    >>> quietly(np.divide, (1.0, 0.0))
    np.float64(inf)
    """
    try:
        return _QUIET.context.run(ufunc, *arrays)
    except RuntimeError:  # something that interrupted another ufunc has called it
        with np.errstate(all="ignore"):
            return ufunc(*arrays)


def ufunc_of(op: Op, attributes: Mapping[str, Any]) -> np.ufunc | None:
    """NumPy's ufunc of which an op is one pass over its elements; None for others."""
    body = getattr(op, "body", None)
    if not op.elementwise or not isinstance(body, str) or attributes:
        return None
    found = getattr(np, body, None)
    return found if isinstance(found, np.ufunc) else None
