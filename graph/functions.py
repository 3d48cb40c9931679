"""Public functions on tensors that give several, and so are no single op."""

from __future__ import annotations

from typing import Any

from .registry import call

__all__ = ["moments"]


def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Any, Any]:
    """The mean and the variance over axes; `synchronized` changes nothing here.

    >>> [float(part) for part in moments([1.0, 3.0], 0)]
    [2.0, 1.0]
    """
    mean = call("mean", x, axis=axes, keepdims=keepdims)
    return mean, call("var", x, axis=axes, keepdims=keepdims)
