"""In which dtype a layer's variables are seen while the layer computes."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

from .types import DType

_seen_as: contextvars.ContextVar[DType | None] = contextvars.ContextVar(
    "autocasting", default=None
)


def autocast_dtype() -> DType | None:
    """The dtype that float variables are read in; None leaves each its own."""
    return _seen_as.get()


@contextmanager
def autocasting(dtype: DType | None) -> Iterator[None]:
    """Let float variables that allow it be read in a dtype."""
    token = _seen_as.set(dtype)
    try:
        yield
    finally:
        _seen_as.reset(token)
