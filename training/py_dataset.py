"""`PyDataset`: batches by number, written as a class, read by workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .arguments import checked_count
from .configured import told_to_caller

if TYPE_CHECKING:
    from concurrent.futures import Future


class PyDataset:
    """The base of data whose batches are asked for by number.

    A subclass has `__getitem__(index)`, which gives a batch `(x, y)`, and `__len__`,
    the number of batches. `fit` takes the numbers in a random order where it shuffles,
    and tells the ends of epochs. With several `workers`, or with `use_multiprocessing`,
    batches are read ahead on threads, `max_queue_size` of them at most, and still come
    in order.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> len(Squares())
    3
    """

    @told_to_caller
    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ):
        self.workers = checked_count("workers", workers)
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = checked_count("max_queue_size", max_queue_size)

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None for data without end."""
        return len(self) if hasattr(self, "__len__") else None

    def __getitem__(self, index: int) -> Any:
        """The batch of a number."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `__getitem__`")

    def on_epoch_begin(self) -> None:
        """An epoch begins."""

    def on_epoch_end(self) -> None:
        """An epoch is over."""


def read(sequence: Any, numbers: Iterable[int]) -> Iterator[Any]:
    """The batches of some numbers, read ahead if the data ask for workers."""
    workers = int(getattr(sequence, "workers", 1) or 1)
    if workers < 2 and not getattr(sequence, "use_multiprocessing", False):
        for number in numbers:
            yield sequence[int(number)]
        return
    from concurrent.futures import ThreadPoolExecutor  # which fails when Python ends

    waiting: deque[Future[Any]] = deque()
    room = max(int(getattr(sequence, "max_queue_size", 10)), 1)
    pool = ThreadPoolExecutor(workers, "tulle-data")
    try:
        for number in numbers:
            waiting.append(pool.submit(sequence.__getitem__, int(number)))
            if len(waiting) > room:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
