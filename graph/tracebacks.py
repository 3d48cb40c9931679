"""Tracebacks without frames of this package, where a program ends with an error.

Our own errors say where the mistake is. Others that leave code of a user which this
package called, a layer's `call` or a loss, are about that code. Errors that arise here
are shown whole. `TULLE_TRACEBACK=1` shows all frames, and so does
`config.disable_traceback_filtering()`.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from types import TracebackType
from typing import Any

LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
)
# What Python raises where a value of a wrong kind is met.
PYTHON_ERRORS = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, OSError,
    RecursionError,
)  # fmt: skip
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


def install(
    kind: type[BaseException], own: tuple[str, ...], more: tuple[str, ...]
) -> None:
    """Have uncaught errors shown without frames of this package, and of more folders.

    Those of a kind always, others if they arose below this package.
    """
    if _installed:
        return
    previous = sys.excepthook

    def hook(
        found: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if is_traceback_filtering_enabled():
            error.__traceback__ = trace
            for one in _chain(error):
                ours = isinstance(one, kind)
                if ours or is_of_a_user(one.__traceback__, own):
                    hidden = (*own, *more) if ours else own
                    one.__traceback__ = without(one.__traceback__, hidden)
            trace = error.__traceback__
        previous(found, error, trace)

    _installed.append(hook)
    sys.excepthook = hook


def _chain(error: BaseException) -> list[BaseException]:
    """An error, and those it came of."""
    found: list[BaseException] = []
    stack: list[BaseException | None] = [error]
    while stack:
        one = stack.pop()
        if one is not None and one not in found:
            found.append(one)
            stack += [one.__cause__, one.__context__]
    return found


def is_of_a_user(trace: TracebackType | None, own: tuple[str, ...]) -> bool:
    """Whether an error arose in code of a user, or below it, and not in ours."""
    found = False
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(own):
            found = False
        elif not name.startswith((*LIBRARIES, "<frozen")):
            found = True
        trace = trace.tb_next
    return found


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
