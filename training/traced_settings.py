"""The settings that a program was made with, and what has changed of them since.

A program keeps the numbers that attributes held when it was traced: a rate of a layer,
the bound of a constraint, the `reduction` of a loss. Here they are found again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.layer import Layer
from ..graph.layer_state import LayerState
from ..graph.watching import ByIdentity, is_of_library

if TYPE_CHECKING:
    from .keeping import Watched

Key = tuple[int, str]

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
NESTED = 4  # nests within nests that are looked into
LONG = 256  # a list of more items is data, not a setting, and is told by itself
OF_LAYERS = frozenset(vars(Layer())) - {"_trainable", "_policy"}
OF_MODELS = frozenset({
    "history", "stop_training", "called_with", "unreached", "loss_nodes", "nodes",
    "called", "inputs", "outputs", "input_nodes", "output_nodes", "input_names",
})  # fmt: skip


class TracedSettings:
    """The settings of a model, its layers, losses, metrics and schedules, as they are.

    `taken` is the model as it was looked at; it keeps the owners alive, so that they
    are told apart by their ids. `ignored` are attributes that code changes by itself,
    `idle` those that turned out to be of no consequence for these programs.
    """

    def __init__(self, taken: Watched):
        self.taken, self.ignored, self.idle = taken, set[Key](), set[Key]()
        self._owners = (taken.model, *taken.layers, *taken.settings)
        self._found: dict[Key, Any] = {}
        for owner in self._owners:
            for name, value in _settings(owner, owner is not taken.model):
                self._found[id(owner), name] = _frozen(value)
        for variable in taken.variables:
            for name in ("constraint", "regularizer"):
                self._found[id(variable), name] = ByIdentity(getattr(variable, name))

    def changed(self, now: TracedSettings) -> set[Key]:
        """The settings that have another value now, or are set on an owner anew.

        What is set anew may hide a value of the class; private names are left out
        there, since the library keeps notes on users' layers and models.
        """
        owners = set(map(id, self._owners))
        moved = {k for k, v in self._found.items() if now._found.get(k, v) != v}
        added = {
            (owner, name)
            for owner, name in now._found.keys() - self._found.keys()
            if owner in owners and not name.startswith("_")
        }
        return (moved | added) - self.ignored - self.idle

    def ignore_moving(self, before: TracedSettings) -> None:
        """Follow no attribute that the code of a layer changed since, by itself."""
        moved = before.changed(self) & before._found.keys()
        self.ignored = before.ignored | moved

    def of_layers(self, keys: set[Key]) -> bool:
        """Whether attributes are those of layers, which show in a graph."""
        layers = {id(one) for one in self._owners if isinstance(one, LayerState)}
        return all(owner in layers for owner, _ in keys)

    def names(self, keys: set[Key]) -> list[str]:
        """Attributes in words."""
        owners = {id(owner): owner for owner in (*self._owners, *self.taken.variables)}
        titles = {
            key: getattr(owners[key[0]], "name", type(owners[key[0]]).__name__)
            for key in keys
        }
        return sorted(
            f"`{title}.{key[1].lstrip('_')}`" for key, title in titles.items()
        )


def _settings(owner: Any, inner: bool) -> Iterator[tuple[str, Any]]:
    """The attributes of an object that a program may depend on.

    Lists of a user's model or function may be a record of what happened, and are left
    out; those of `inner` layers are looked at.
    """
    foreign = not is_of_library(type(owner))
    for name, value in vars(owner).items():
        if isinstance(owner, LayerState) and (name in OF_LAYERS or name in OF_MODELS):
            continue
        if (
            not foreign
            and name.startswith("_")
            and name not in ("_trainable", "_policy")
        ):
            continue
        listed = isinstance(value, (list, dict, set))
        if foreign and listed and not (inner and isinstance(owner, LayerState)):
            continue
        yield name, value


def _frozen(value: Any, depth: int = 0) -> Any:
    """What is equal for equal settings, and stays so when a nest is changed."""
    if isinstance(value, PLAIN):
        return type(value), repr(value)
    nest = isinstance(value, (list, tuple, dict))
    if not nest or depth >= NESTED or len(value) > LONG:
        return ByIdentity(value)
    if isinstance(value, dict):
        return dict, [(key, _frozen(item, depth + 1)) for key, item in value.items()]
    return type(value), [_frozen(item, depth + 1) for item in value]
