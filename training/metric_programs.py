"""Updates and results of metrics on values: from some time on each is one program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.call_programs import CallPrograms, kept_with
from ..graph.tensor import convert_to_tensor
from ..graph.trace import current_trace

if TYPE_CHECKING:
    from .metric import Metric

Method = Callable[..., Any]


class MetricPrograms(CallPrograms):
    """The programs of one method of a metric."""

    def __init__(self, method: Method):
        super().__init__()
        self._method = method

    def function(self, owner: Metric) -> Callable[..., Any]:
        return partial(self._method, owner)

    def parts(self, owner: Metric) -> Sequence[Any]:
        return owner.measuring


def programmed(method: Method) -> Method:
    """A method of a class of metrics, as a program where it is called often enough.

    Where a subclass has its own and calls this one, that is a part of its own.
    """
    name, make = method.__name__, partial(MetricPrograms, method)

    @wraps(method)
    def run(self: Metric, *args: Any, **kwargs: Any) -> Any:
        if current_trace() is not None or getattr(type(self), name) is not run:
            return method(self, *args, **kwargs)
        programs = kept_with(self, method, make)
        given = tuple(map(_tensor, args)), {k: _tensor(v) for k, v in kwargs.items()}
        return programs.call(self, *given)

    return run


def _tensor(value: Any) -> Any:
    """An array as a tensor; everything else stays as it is."""
    return convert_to_tensor(value) if type(value) is np.ndarray else value
