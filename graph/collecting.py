"""Python's search for cycles, paused while graphs and programs are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 10_000  # objects that a search would take milliseconds to look at


class _Aging:
    """How often what was made may still be counted among what is old.

    Each time puts off the search through everything, which finds models that nobody
    has any more: the first programs of a process are spared it, not thousands.
    """

    left = 4


@contextmanager
def collecting_later() -> Iterator[None]:
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
        _age()
        gc.enable()


def _age() -> None:
    """Count many new objects among the old ones, with no search through them.

    Else the next search looks at all, and another one some steps later once more.
    Objects that somebody has frozen are left as they are.
    """
    if _Aging.left and gc.get_count()[0] > MANY and not gc.get_freeze_count():
        _Aging.left -= 1
        gc.freeze()
        gc.unfreeze()
