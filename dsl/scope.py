"""Names and what they stand for, and the nearest name to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .values import Value


class Scope:
    """Names of a block inside the names around it."""

    def __init__(self, outer: Scope | None = None):
        self.outer = outer
        self.names: dict[str, Value] = {}

    def __setitem__(self, name: str, value: Value) -> None:
        self.names[name] = value

    def get(self, name: str) -> Value | None:
        """The innermost meaning of a name."""
        if name in self.names:
            return self.names[name]
        return self.outer.get(name) if self.outer is not None else None

    def __iter__(self) -> Iterator[str]:
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names
            scope = scope.outer


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names in backticks with commas, cut after some."""
    shown = [f"`{name}`" for name in names]
    more = [f"{len(shown) - limit} more"] if len(shown) > limit else []
    return ", ".join([*shown[:limit], *more])
