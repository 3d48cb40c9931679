"""The hooks of batches, around the steps between them.

`steps_per_execution` steps are one batch for callbacks, as in Keras: the hook before
them gets the number of the first, the one behind them that of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Hooks = Sequence[tuple[Callable[..., Any], bool]]


class BatchHooks:
    """Runs programs, and calls what listens before and behind every so many.

    `ends` says of each hook whether it takes a function in place of figures. Without
    `figures` the logs are what the programs gave.
    """

    def __init__(
        self,
        begins: Hooks,
        ends: Hooks,
        figures: Callable[[], dict[str, Any]] | None,
        together: int,
    ):
        self.begins, self.ends, self.figures = begins, ends, figures
        self.together = together
        self._start = self._count = 0
        self._outputs: list[Any] = []

    def __call__(self, batch: int, program: Any, arrays: Any) -> Any:
        """Run a step; gives what it gave."""
        if not self._count:
            self._start = batch
            for begin, _ in self.begins:
                begin(batch, {})
        outputs = program(arrays)
        self._count += 1
        if self.figures is None:
            self._outputs.append(outputs)
        if self._count == self.together:
            self.finish()
        return outputs

    def finish(self) -> None:
        """Call what listens behind steps, if some have run since it was called."""
        if not self._count:
            return
        outputs, self._outputs, self._count = self._outputs, [], 0
        logs: Any = self.figures or {"outputs": _joined(outputs)}
        for end, defers in self.ends:
            if not defers and callable(logs):
                logs = logs()
            end(self._start + self.together - 1, logs)


def _joined(outputs: list[Any]) -> Any:
    """The outputs of several batches as those of one."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, dict):
        return {key: _joined([found[key] for found in outputs]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(map(_joined, map(list, zip(*outputs, strict=True))))
    return np.concatenate(outputs)
