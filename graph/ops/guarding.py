"""`ensure`: a value whose shape is checked when it runs, and known from then on."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Diagnostic, RunShapeError, Span
from ..dim import Dim
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS
from ..types import TensorType


class Place:
    """Where a check stands in a text; it takes no part in what is computed."""

    __slots__ = ("span",)

    def __init__(self, span: Span | None = None):
        self.span = span

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return hash(Place)

    def __repr__(self) -> str:
        return str(self.span)


@register
class Ensure(Op):
    """The value itself; refuses data of another shape than the stated one.

    `told` is the check as its author wrote it, with its place.
    """

    public = False

    def arguments(
        self, x: Any, shape: Any, told: str = "", place: Place | None = None
    ) -> Any:
        attributes = {"shape": tuple(shape), "told": told, "place": place or Place()}
        return (x,), attributes

    def infer(
        self,
        x: TensorType,
        shape: tuple[Dim, ...],
        told: str,
        place: Place | None = None,
    ) -> TensorType:
        return x.with_shape(shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        attributes = dict(node.attributes) | {"shape": node.inputs[0].shape}
        return (OPS["ensure"].apply((cotangent,), attributes),)

    def run(
        self,
        xp: Any,
        x: Any,
        *,
        shape: tuple[int, ...],
        told: str,
        place: Place | None = None,
        out: Any = None,
    ) -> Any:
        if x.shape == tuple(shape):
            return x
        raise RunShapeError(
            Diagnostic(
                "T0701",
                f"`{told}` got the shape {list(x.shape)} and would need {list(shape)}",
                place.span if place else None,
                notes=("the sizes follow from the data of this call",),
            )
        )
