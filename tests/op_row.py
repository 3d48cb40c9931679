"""`Row`: one way to call an op, and an independent formula of what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SIZES = {"A": 3, "B": 5, "C": 7, "D": 2}


@dataclass(frozen=True, eq=False)
class Row:
    """One way to call an op."""

    name: str
    formula: Callable[..., Any]
    shapes: tuple[str, ...] | None = None  # by default A B, with B when there are two
    options: Any = None
    kinds: str = ""
    domain: tuple[tuple[float, float], ...] = ()  # by default that of the op
    below: int = 2  # what integers stay below
    listed: bool = False  # the operands go in as one list
    leading: tuple[Any, ...] = ()  # what stands before the operands
    named: tuple[str, ...] = ()  # the operands go in under these names
    empty: bool = True  # sizes may be 0
    scalar: bool = False  # rank 0 is fine
    nan: bool = True  # NaN comes out where the formula says

    @property
    def label(self) -> str:
        text = "" if self.options is None or callable(self.options) else self.options
        parts = (self.name, *self.leading, text, self.shapes or "")
        return "-".join(map(str, parts)).replace(" ", "")


def unary(name: str, formula: Callable[..., Any], **more: Any) -> Row:
    return Row(name, formula, shapes=("A B",), scalar=True, **more)


def binary(name: str, formula: Callable[..., Any], **more: Any) -> Row:
    return Row(name, formula, shapes=("A B", "B"), scalar=True, **more)
