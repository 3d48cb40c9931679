"""Tracebacks without frames of this package, where a program ends with our error.

The diagnostic says where the mistake is. `TULLE_TRACEBACK=1` shows all frames, and so
does `config.disable_traceback_filtering()`.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

_installed: list[Any] = []
_wanted = [True]


def enable_traceback_filtering() -> None:
    """Leave Tulle's own frames out of tracebacks that end a program, as at first.

    >>> enable_traceback_filtering()
    """
    _wanted[0] = True


def disable_traceback_filtering() -> None:
    """Show all frames from now on."""
    _wanted[0] = False


def is_traceback_filtering_enabled() -> bool:
    """Whether Tulle's own frames are left out.

    >>> is_traceback_filtering_enabled()
    True
    """
    return _wanted[0] and not os.environ.get("TULLE_TRACEBACK")


def install(kind: type[BaseException], folders: tuple[str, ...]) -> None:
    """Have uncaught errors of a kind shown without frames from the folders."""
    if _installed:
        return
    previous = sys.excepthook

    def hook(
        found: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if isinstance(error, kind) and is_traceback_filtering_enabled():
            trace = without(trace, folders)
            error.__traceback__ = trace
        previous(found, error, trace)

    _installed.append(hook)
    sys.excepthook = hook


def without(
    trace: TracebackType | None, folders: tuple[str, ...]
) -> TracebackType | None:
    """The traceback without frames of files in the folders."""
    kept: list[TracebackType] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(folders):
            kept.append(trace)
        trace = trace.tb_next
    found: TracebackType | None = None
    for one in reversed(kept):
        found = TracebackType(found, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return found
