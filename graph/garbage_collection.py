"""Python's garbage collection, paused while graphs and programs are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Let no search for cycles come in between.

    What is made within is much, stays and holds few cycles: a search looks at all of
    it, again and again, and finds nothing.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
