"""What a `Form` is: how a node is computed on a device; `forms` has the kinds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...graph.dim import Symbol
from ...graph.node import Node
from ..loops import LoopKernel
from ..pipeline.schedule import Schedule
from .special import Special

if TYPE_CHECKING:
    from .writer import Writer

Array = Any
Sizes = Mapping[Symbol, int]


class Place(NamedTuple):
    """Where one step computes: its arrays, scratch memory, and the sizes."""

    sources: Sequence[Array]
    targets: Sequence[Array]
    scratch: Array
    sizes: Sizes


class Form(Protocol):
    """How a node is computed on a device."""

    kernel: LoopKernel | None  # that is generated for it
    special: Special | None  # the code of its own

    @property
    def texts(self) -> dict[str, str]:
        """The functions that it launches besides its kernel's."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a library that it calls raises."""

    def within(self) -> Schedule | None:
        """The steps that it is made of, or may be, if there are any."""

    def refused(self) -> str:
        """Why a CUDA graph may not hold it, or nothing."""

    def in_place(self, operand: int, output: int) -> bool:
        """Whether a result may lie where an operand of the same type does."""

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The memory that it wants beside operands and results."""

    def put(self, writer: Writer, place: Place) -> None:
        """Write what computes it on given arrays."""


class Whole:
    """What needs no scratch memory, and its operands until the end."""

    kernel: LoopKernel | None = None
    special: Special | None = None

    def __init__(self, node: Node):
        self.node = node

    @property
    def texts(self) -> dict[str, str]:
        """None."""
        return {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """None."""
        return ()

    def within(self) -> Schedule | None:
        """None."""
        return None

    def refused(self) -> str:
        """Nothing."""
        return ""

    def in_place(self, operand: int, output: int) -> bool:
        """Never."""
        return False

    def scratch_bytes(self, sizes: Sizes) -> int:
        """None."""
        return 0
