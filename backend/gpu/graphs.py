"""Runs of a program as CUDA graphs: captured once a set of sizes, then launched.

Memory that CuPy takes for what it computes comes from a pool of the graph's own: what
it gives back there nobody else is given, so that a later run finds it free.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ...graph.garbage_collection import garbage_collection_paused

Work = Callable[[], None]


def refused_by_user() -> str:
    """Why no program becomes a graph, or nothing."""
    wanted = os.environ.get("TULLE_CUDA_GRAPHS", "") != "0"
    return "" if wanted else "`TULLE_CUDA_GRAPHS=0` is set"


class Choice:
    """Whether the runs of a program become graphs; if not, `refused` says why."""

    def __init__(self, refused: str = ""):
        self.refused = refused

    def refuse(self, reason: str) -> None:
        """Do without for a reason that is known before the first run, if any."""
        if reason and not self.refused:
            self.refused = reason
            logging.getLogger("tulle").info(self.told)

    @property
    def told(self) -> str:
        """It in words."""
        if self.refused:
            return f"launched piece by piece, as no CUDA graph: {self.refused}"
        return "one CUDA graph for each set of sizes, from its second run on"

    def give_up(self, error: Exception) -> None:
        """A capture failed that should not: say so, and do without from now on."""
        self.refused = str(error).strip() or type(error).__name__
        logging.getLogger("tulle").warning(
            "a step could not be captured as a CUDA graph and is launched piece by "
            "piece: %s",
            self.refused.splitlines()[0],
        )


class Replayed:
    """Work on a device that is the same every time, as one CUDA graph if it may be.

    The first time it is done piece by piece, which loads and compiles what it needs;
    the second time it is captured. `errors` are what a failing capture may raise.
    """

    def __init__(
        self, xp: Any, choice: Choice, work: Work, errors: tuple[type[Exception], ...]
    ):
        self.xp, self.choice, self.work, self.errors = xp, choice, work, errors
        self._graph: Any = None
        self._stream: Any = None

    def __call__(self) -> None:
        """Do the work on the current stream."""
        if self._graph is None:
            self._prepare()
        if self._graph is not None:
            self._graph.launch()

    def _prepare(self) -> None:
        """Do the work piece by piece, or capture it."""
        if self.choice.refused:
            self.work()
        elif self._stream is None:
            self._rehearse()
        else:
            try:
                self._graph = self._captured()
            except self.errors as error:
                self.choice.give_up(error)
                self.work()

    def _rehearse(self) -> None:
        """Once on the stream and from the pool that the capture will use."""
        cuda = self.xp.cuda
        stream, self._pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
        here = cuda.get_current_stream()
        stream.wait_event(here.record())
        try:
            with cuda.using_allocator(self._pool.malloc), stream:
                self.work()
        finally:
            here.wait_event(stream.record())
        self._stream = stream  # what failed is rehearsed again

    def _captured(self) -> Any:
        # A search for cycles might free what has to wait for the device.
        allocator = self.xp.cuda.using_allocator(self._pool.malloc)
        with garbage_collection_paused(), allocator, self._stream as stream:
            stream.begin_capture()
            try:
                self.work()
            except BaseException:
                self._abandon()
                raise
            return stream.end_capture()

    def _abandon(self) -> None:
        """End a capture that failed, which a broken one refuses."""
        with suppress(*self.errors):
            self._stream.end_capture()
