"""The programs of a layer that is called on values again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .call_programs import CallPrograms, Function
from .variable import Variable

if TYPE_CHECKING:
    from .layer import Layer

Below = tuple[dict[str, Variable], list[Any]]


class LayerPrograms(CallPrograms):
    """The programs of one layer, and what is below it while nothing changes."""

    def __init__(self) -> None:
        super().__init__()
        self._below: Below | None = None

    def below(self, owner: Any) -> Below:
        """The variables of a layer by path, and all layers below."""
        if self._watched is None:  # it is not called on values
            return owner.walked()  # type: ignore[no-any-return]
        self.watch(owner)
        found = self._below
        if found is None:
            found = self._below = owner.walked()
        return found

    def _begin(self, owner: Layer) -> None:
        self._below = None
        super()._begin(owner)

    def function(self, owner: Layer) -> Function:
        def run(*args: Any, **kwargs: Any) -> Any:
            return owner.run_call(args, kwargs)

        return run

    def parts(self, owner: Any) -> Sequence[Any]:
        return (owner, *owner.walked()[1])

    def call(self, owner: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not owner.built:
            return owner.run_call(args, kwargs)
        return super().call(owner, args, kwargs)
