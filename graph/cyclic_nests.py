"""Nests that hold themselves, so that no walk through them comes to an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from .diagnostics import Fault, TensorTypeError, caller_span
from .watching import is_of_library

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


def is_record(item: Any) -> bool:
    """Whether something is a user's dataclass, whose fields are the items of a nest."""
    kind = type(item)
    return hasattr(kind, "__dataclass_fields__") and not is_of_library(kind)


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass that have a value, and what else was set on it."""
    names = dict.fromkeys(
        (*record.__dataclass_fields__, *getattr(record, "__dict__", ()))
    )
    return {name: getattr(record, name) for name in names if hasattr(record, name)}


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
        elif id(item) not in done:
            parts = _parts(item)
            if parts:
                above.add(id(item))
                stack += (item, True), *((part, False) for part in parts)
    return False


def _parts(item: Any) -> Sequence[Any]:
    if isinstance(item, dict):
        return list(item.values())
    if is_record(item):
        return list(fields_of(item).values())
    return item if isinstance(item, (list, tuple)) else ()


def refuse_cyclic_nest(nest: Any) -> None:
    """Refuse a nest that holds itself at the caller's line, T0204."""
    if holds_itself(nest):
        fault = Fault(
            "T0204",
            "a list, tuple or dictionary holds itself, so it has no end",
        )
        raise TensorTypeError.of(fault, caller_span()) from None


def refuses_cyclic_nests(function: Wrapped) -> Wrapped:
    """Let a function refuse arguments that are nests which hold themselves, T0204."""

    @wraps(function)
    def walk(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            refuse_cyclic_nest((args, kwargs))
            raise

    return cast(Wrapped, walk)
