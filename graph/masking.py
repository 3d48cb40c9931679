"""Masks: truth values that travel with a tensor and say which steps count."""

from __future__ import annotations

from typing import Any


def set_mask(x: Any, mask: Any) -> None:
    """Let a tensor carry a mask, true where a step counts.

    >>> from .tensor import convert_to_tensor
    >>> x = convert_to_tensor([[1.0, 2.0]])
    >>> set_mask(x, convert_to_tensor([[True, False]]))
    >>> get_mask(x).numpy().tolist()
    [[True, False]]
    """
    x._keras_mask = mask


def get_mask(x: Any) -> Any:
    """The mask that a tensor carries, or None."""
    return getattr(x, "_keras_mask", None)
