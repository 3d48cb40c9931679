"""Nests that hold themselves, which nothing can walk through to an end."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from .diagnostics import Fault, TensorTypeError, caller_span

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


def holds_itself(nest: Any) -> bool:
    """Whether a list, tuple or dictionary holds itself, at any depth.

    >>> endless = [1]
    >>> endless.append({"again": endless})
    >>> holds_itself(endless), holds_itself([[1], [1]])
    (True, False)
    """
    above: set[int] = set()  # the nests that the present one is in
    done: set[int] = set()
    stack: list[tuple[Any, bool]] = [(nest, False)]
    while stack:
        item, left = stack.pop()
        if left:
            above.discard(id(item))
            done.add(id(item))
        elif id(item) in above:
            return True
        elif isinstance(item, (list, tuple, dict)) and id(item) not in done:
            above.add(id(item))
            parts = item.values() if isinstance(item, dict) else item
            stack += (item, True), *((part, False) for part in parts)
    return False


def refuse_endless(nest: Any) -> None:
    """Refuse a nest that holds itself at the caller's line, T0204."""
    if holds_itself(nest):
        fault = Fault(
            "T0204",
            "a list, tuple or dictionary holds itself, so it has no end",
        )
        raise TensorTypeError.of(fault, caller_span()) from None


def following(function: Wrapped) -> Wrapped:
    """A function that walks through its arguments: endless ones are refused, T0204."""

    @wraps(function)
    def walk(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            refuse_endless((args, kwargs))
            raise

    return cast(Wrapped, walk)
