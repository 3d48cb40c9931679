"""`Progbar`: the progress of a loop of one's own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from .configured import told_to_caller
from .progress import progress


class Progbar:
    """The progress of a loop, with the means of figures over its steps.

    `verbose` is as in `fit`. Figures named in `stateful_metrics` are shown as they
    are. `width`, `interval` and `unit_name` are there so that programs for Keras run.

    >>> bar = Progbar(2, verbose=0)
    >>> bar.update(1, [("loss", 0.5)])
    >>> bar.add(1, [("loss", 0.25)])
    >>> bar.figures()
    {'loss': 0.375}
    """

    @told_to_caller
    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: Any = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ):
        self.target, self.seen = target, 0
        self.stateful_metrics = set(stateful_metrics or ())
        self._sums: dict[str, tuple[float, float]] = {}
        self._display = progress(verbose, unit_name)
        self._under_way = False

    def figures(self) -> dict[str, float]:
        """The figures so far: means, and those that are shown as they are."""
        return {name: total / weight for name, (total, weight) in self._sums.items()}

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """So many steps are done; `values` are figures of the last ones."""
        steps = max(current - self.seen, 1)
        for name, value in values or ():
            total, weight = self._sums.get(name, (0.0, 0.0))
            if name in self.stateful_metrics:
                self._sums[name] = (float(value), 1.0)
            else:
                self._sums[name] = (total + float(value) * steps, weight + steps)
        self.seen = current
        if not self._under_way:
            self._under_way = True
            self._display.begin("", self.target, 0)
        over = self.target is not None and current >= self.target
        if finalize or (finalize is None and over):
            self._display.samples = current
            self._display.end(self.figures())
            self._display.close()
            self._under_way = False
        elif time.perf_counter() >= self._display.due:
            self._display.refresh(current, current, self.figures)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """So many steps more are done."""
        self.update(self.seen + n, values)
