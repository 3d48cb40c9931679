"""Standard output and error while a command runs.

A failure to write output is told apart from every other `OSError`; standard error is
the last place to tell something, so what cannot be written there is dropped.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class OutputLost(Exception):
    """Standard output took no more; `quiet` if its reader has read enough."""

    def __init__(self, error: Exception):
        words = getattr(error, "strerror", None) or str(error)
        super().__init__(f"the output cannot be written: {words.lower()}")
        self.quiet = isinstance(error, BrokenPipeError)


class Watched:
    """A stream whose failures to write end in `fail`."""

    def __init__(self, stream: TextIO, fail: Callable[[Exception], None]):
        self._stream, self._fail = stream, fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or fail."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Write what is held back, or fail."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        # What is held back must not be written once more when Python ends.
        with suppress(OSError, ValueError):
            number = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
        self._fail(error)


@contextmanager
def watched() -> Iterator[None]:
    """Make `OutputLost` of output that cannot be written; drop such messages.

    Raises `OutputLost` at once if standard output is closed.
    """
    out, err = sys.stdout, sys.stderr
    for stream in (out, err):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    quiet = Watched(err or io.StringIO(), lambda error: None)
    sys.stderr = cast(TextIO, quiet)
    try:
        if out is None:
            _lost(OSError(0, "standard output is closed"))
        sys.stdout = cast(TextIO, Watched(out, _lost))
        yield
        sys.stdout.flush()
    except OutputLost as lost:
        if not lost.quiet:
            sys.stderr.write(f"error: {lost}\n")
        raise
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = out, err


def _lost(error: Exception) -> None:
    raise OutputLost(error) from None
