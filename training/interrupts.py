"""Ctrl-C and SIGTERM, held back until a batch is over, so that all can be saved.

A second signal comes through at once. Handlers that somebody else installed stay.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

NAMES: dict[int, str] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@contextmanager
def held_back(wanted: bool = True) -> Iterator[list[int]]:
    """Collect signals in a list in place of what they would do."""
    caught: list[int] = []
    before: dict[Any, Any] = {}

    def note(number: int, frame: Any) -> None:
        _restore(before)
        caught.append(number)

    if wanted and threading.current_thread() is threading.main_thread():
        for number, usual in USUAL.items():
            if signal.getsignal(number) is usual:
                before[number] = signal.signal(number, note)
    try:
        yield caught
    finally:
        _restore(before)


def _restore(handlers: dict[Any, Any]) -> None:
    while handlers:
        number, handler = handlers.popitem()
        signal.signal(number, handler)


def follow(number: int, message: str) -> NoReturn:
    """What the signal would have done, in the way that lets Python tidy up."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt(message)
    raise SystemExit(128 + number)
