"""Elements made ahead of their use, on a thread of their own.

The thread ends when the iterator is closed, dropped or done; what goes wrong on it is
raised where the element would have come. It is a daemon, so it keeps no program alive.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

AHEAD = 2  # elements, where nobody says


class Buffer:
    """A queue of so many elements between the thread and its reader."""

    def __init__(self, size: int):
        self.size = size
        self.ready: deque[Any] = deque()
        self.changed = threading.Condition()
        self.over = self.stopped = False
        self.error: BaseException | None = None

    def fill(self, source: Iterator[Any]) -> None:
        """What the thread does."""
        try:
            for element in source:
                if not self._put(element):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again where it is read
            self.error = error
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
            with self.changed:
                self.over = True
                self.changed.notify_all()

    def _put(self, element: Any) -> bool:
        with self.changed:
            self.changed.wait_for(lambda: len(self.ready) < self.size or self.stopped)
            if self.stopped:
                return False
            self.ready.append(element)
            self.changed.notify_all()
            return True

    def take(self) -> tuple[bool, Any]:
        """Whether there is one more element, and that element."""
        with self.changed:
            self.changed.wait_for(lambda: self.ready or self.over)
            if self.ready:
                element = self.ready.popleft()
                self.changed.notify_all()
                return True, element
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return False, None

    def stop(self) -> None:
        """Nobody reads any more."""
        with self.changed:
            self.stopped = True
            self.ready.clear()
            self.changed.notify_all()


def ahead(source: Iterator[Any], size: int) -> Iterator[Any]:
    """The elements of an iterator, up to `size` of them made before they are asked for.

    >>> list(ahead(iter(range(4)), 2))
    [0, 1, 2, 3]
    """
    buffer = Buffer(size)
    context = contextvars.copy_context()  # the device and the like are those of here
    thread = threading.Thread(
        target=context.run, args=(buffer.fill, source), name="tulle-data", daemon=True
    )
    thread.start()
    try:
        while True:
            there, element = buffer.take()
            if not there:
                return
            yield element
    finally:
        buffer.stop()
