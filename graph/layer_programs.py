"""The programs of a layer that is called on values again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .call_programs import CallPrograms, Function

if TYPE_CHECKING:
    from .layer import Layer


class LayerPrograms(CallPrograms):
    """The programs of one layer."""

    def function(self, owner: Layer) -> Function:
        def run(*args: Any, **kwargs: Any) -> Any:
            return owner.run_call(args, kwargs)

        return run

    def parts(self, owner: Layer) -> Sequence[Layer]:
        return (owner, *owner.sublayers)

    def foreign(self, part: Layer) -> bool:
        return part.foreign

    def call(self, owner: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not owner.built:
            return owner.run_call(args, kwargs)
        return super().call(owner, args, kwargs)
