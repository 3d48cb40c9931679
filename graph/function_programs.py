"""Programs of what is made of a user's function: its gradient, its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from .call_programs import CallPrograms, Function
from .nested_tensors import arrays_as_tensors


class FunctionPrograms(CallPrograms):
    """The programs of one thing that is made of a function, the owner.

    `made` takes the function, then the arguments of a call.
    """

    def __init__(self, made: Function):
        super().__init__()
        self._made, self._again = made, False

    def function(self, owner: Function) -> Function:
        return partial(self._made, owner)

    def parts(self, owner: Function) -> Sequence[Any]:
        return ()

    def read(self, owner: Function) -> Sequence[Any]:
        return (owner,)

    def call(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run it; what is called once, as a `lambda` in a call, is not looked at."""
        if self._again:
            return super().call(
                owner, arrays_as_tensors(args), arrays_as_tensors(kwargs)
            )
        self._again = True
        return self._made(owner, *args, **kwargs)
