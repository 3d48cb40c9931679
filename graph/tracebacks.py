"""Tracebacks without frames of this package, where a program ends with our error.

The diagnostic says where the mistake is. `TULLE_TRACEBACK=1` shows all frames.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

_installed: list[Any] = []


def install(kind: type[BaseException], folders: tuple[str, ...]) -> None:
    """Have uncaught errors of a kind shown without frames from the folders."""
    if _installed:
        return
    previous = sys.excepthook

    def hook(
        found: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if isinstance(error, kind) and not os.environ.get("TULLE_TRACEBACK"):
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
