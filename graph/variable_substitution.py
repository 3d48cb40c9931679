"""Values in the place of variables while a context lasts."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_given: contextvars.ContextVar[dict[Any, Any] | None] = contextvars.ContextVar(
    "replacing", default=None
)


def replacements() -> dict[Any, Any] | None:
    """The value that stands for each variable, if there are any."""
    return _given.get()


@contextmanager
def replacing(values: dict[Any, Any]) -> Iterator[None]:
    """Let values stand for variables; what is assigned meanwhile goes there too."""
    token = _given.set({**(_given.get() or {}), **values})
    try:
        yield
        values.update((key, (_given.get() or {})[key]) for key in values)
    finally:
        _given.reset(token)
