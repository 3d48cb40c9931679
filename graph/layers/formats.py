"""What layers over axes of space and time share: where channels stand, and sizes."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..layer_parts import parameters
from ..ops.windows import FORMATS, format_named

SPACE = {1: "steps", 2: "height, width", 3: "depth, height, width"}


def format_of(layer: Layer, data_format: str | None) -> str:
    """`channels_last` or `channels_first`; None means what the process has set.

    A layer remembers it, so that its configuration means the same elsewhere.
    """
    found = format_named(type(layer).__name__, data_format)
    if "data_format" in parameters(type(layer).__init__):
        layer._given["data_format"] = found
    return found


def channels_first(layer: Layer, data_format: str | None) -> bool:
    """Whether channels stand before space; None means what the process has set."""
    return format_of(layer, data_format) == FORMATS[1]


def axes_named(rank: int, data_format: str) -> str:
    """The axes of a batch with so many axes of space: `batch, height, width, …`."""
    space, channels = SPACE[rank], "features" if rank == 1 else "channels"
    first = data_format == FORMATS[1]
    return f"batch, {channels}, {space}" if first else f"batch, {space}, {channels}"


def shape_text(shape: Any) -> str:
    """A shape of numbers, sizes or None, as text."""
    return f"({', '.join('?' if n is None else str(n) for n in shape)})"


def check_rank(layer: Layer, shape: Any, rank: int, data_format: str) -> None:
    """Refuse shapes without batch, channels and so many axes of space."""
    if len(shape) == rank + 2:
        return
    text, axes = shape_text(shape), axes_named(rank, data_format)
    ways = []
    if len(shape) == rank + 1 and shape[0] is not None:
        ways.append("for one without a batch axis: `ops.expand_dims(x, 0)`")
    if len(shape) == rank + 1:
        place = 1 if data_format == FORMATS[1] else -1
        what = "features" if rank == 1 else "channels"
        ways.append(f"for a batch without {what}: `ops.expand_dims(x, {place})`")
    raise Fault(
        "T0306",
        f"`{layer.name}` takes {rank + 2} axes ({axes}), and its input has shape "
        f"{text}",
        operands={0: text},
        help=ways,
    )


class Spatial(Layer):
    """The base of layers over a batch with `rank` axes of space and channels."""

    rank = 1

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = format_of(self, data_format)

    def checked(self, inputs: Any) -> Any:
        """The input, if it has the axes that the layer works on."""
        check_rank(self, inputs.shape, self.rank, self.data_format)
        return inputs

    @property
    def space(self) -> tuple[int, ...]:
        """The places of the axes of space."""
        first = 2 if self.data_format == FORMATS[1] else 1
        return tuple(range(first, first + self.rank))
