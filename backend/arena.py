"""Arenas: the variables of one dtype side by side in one flat array.

Each variable keeps its shape and its name and lives in a view, so an optimizer runs
once over the flat variable. An arena lasts as long as its variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.device import array_module
from ..graph.variable import Variable


class Arena:
    """One flat variable that holds others.

    `variable` is the flat one; `offsets` says where each variable begins, counted in
    elements.

    >>> kernel, bias = Variable([[1.0, 2.0]]), Variable([3.0])
    >>> Arena([kernel, bias]).variable.numpy().tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, variables: Sequence[Variable], name: str = "arena"):
        self.variables = tuple(variables)
        self.offsets: dict[Variable, int] = {}
        total = 0
        for variable in self.variables:
            self.offsets[variable] = total
            total += variable.size
        dtype = self.variables[0].type.dtype
        flat = array_module().zeros(total, dtype.numpy)
        self.variable = Variable(flat, dtype=dtype, trainable=False, name=name)
        self.variable.path = f"{name}/{dtype}"
        self.variable.rehome(flat)
        self.variable.arena = self
        self._settled = -1
        self._flat: object = None  # what the views are of
        self._views: list[Any] = []
        self.settle()

    def settle(self) -> None:
        """Bring home the variables that another arena or device has taken over."""
        if self._settled == Variable.moves:
            return
        flat = self.variable.array
        if flat is not self._flat:
            self._flat = flat
            self._views = [
                flat[offset : offset + variable.size].reshape(variable.shape)
                for variable, offset in self.offsets.items()
            ]
        for variable, view in zip(self.variables, self._views, strict=True):
            if variable.array is not view and not _same_place(variable.array, view):
                variable.rehome(view)
            variable.arena = self
        self._settled = Variable.moves

    def __repr__(self) -> str:
        return f"<Arena of {len(self.variables)} variables, {self.variable.type}>"


def _same_place(left: object, right: object) -> bool:
    """Whether two arrays are the same stretch of memory."""
    one, two = _address(left), _address(right)
    return one is not None and one == two


def _address(array: object) -> int | None:
    host = getattr(array, "__array_interface__", None)
    if host is not None:
        return int(host["data"][0])
    device = getattr(array, "__cuda_array_interface__", None)
    return int(device["data"][0]) if device is not None else None


def arenas(variables: Sequence[Variable], name: str = "arena") -> list[Arena]:
    """The arenas of variables, one a dtype; the same ones for the same variables.

    A new one gets the name.
    """
    groups: dict[str, list[Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.dtype, []).append(variable)
    return [_arena_of(group, name) for group in groups.values()]


def _arena_of(group: list[Variable], name: str) -> Arena:
    found: Arena | None = group[0].arena
    if found is not None and found.variables == tuple(group):
        found.settle()
        return found
    return Arena(group, name)
