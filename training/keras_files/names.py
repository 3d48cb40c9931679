"""Which module and name Keras's files give a class, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import Parameter, signature
from typing import Any

from ...graph.layer import Layer
from ...graph.policies import DTypePolicy
from ..model import Functional, Model, Sequential
from ..registration import get_registered_name, get_registered_object, library

# The modules of Keras in which kinds of classes are found.
SPACES: dict[str, str] = {
    "keras.layers": "layer",
    "keras.initializers": "initializer",
    "keras.regularizers": "regularizer",
    "keras.constraints": "constraint",
    "keras.losses": "loss",
    "keras.metrics": "metric",
    "keras.optimizers.schedules": "schedule",
    "keras.optimizers": "optimizer",
}
FUNCTIONAL = "keras.src.models.functional"
OPERATIONS = "keras.src.ops."


@cache
def _places() -> dict[type, tuple[str, str]]:
    """Module and name of each class of the library."""
    found: dict[type, tuple[str, str]] = {
        Functional: (FUNCTIONAL, "Functional"),
        Sequential: ("keras", "Sequential"),
        Model: ("keras", "Model"),
        Layer: ("keras.layers", "Layer"),
        DTypePolicy: ("keras", "DTypePolicy"),
    }
    for space, kind in SPACES.items():
        for name, target in library(kind).items():
            found.setdefault(target, (space, name))
    return found


def place_of(kind: type) -> tuple[str, str, str | None]:
    """Module, name and registered name of a class; None where it is the library's."""
    if kind in _places():
        return (*_places()[kind], None)
    return kind.__module__, kind.__name__, get_registered_name(original(kind))


def original(kind: type) -> type:
    """The class that a user wrote, of one that was made functional too."""
    made = Functional in kind.__bases__ and len(kind.__bases__) == 2
    return kind.__bases__[0] if made else kind


def made_of_graph(kind: type) -> bool:
    """Whether models of a functional class are made from inputs and outputs alone."""
    if issubclass(kind, Sequential):
        return False
    made: Any = original(kind)
    parameters = list(signature(made.__init__).parameters.values())[1:]
    if [p.name for p in parameters[:2]] == ["inputs", "outputs"]:
        return True
    kinds = {p.kind for p in parameters}
    return {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD} <= kinds


def foreign(record: Mapping[str, Any]) -> bool:
    """Whether a record names a class that is not Keras's own."""
    module = record.get("module")
    return not (isinstance(module, str) and module.split(".")[0] == "keras")


def library_class(module: str, name: str) -> Any:
    """The class that Keras's module and name mean here, or None."""
    for target, place in _places().items():
        if place == (module, name):
            return target
    if name in ("Functional", "Sequential"):
        return Functional if name == "Functional" else Sequential
    if name == "FloatDTypePolicy":
        return DTypePolicy
    parts = module.split(".")
    for space, kind in SPACES.items():
        if space.rpartition(".")[2] in parts and name in library(kind):
            return library(kind)[name]
    return None


def custom_class(record: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    """The class that a user gave or registered for a record, or None.

    What Keras has of its own is not looked for by the name of its class.
    """
    own = record.get("class_name") if foreign(record) else None
    for key in (record.get("registered_name"), own):
        found = get_registered_object(key, custom) if isinstance(key, str) else None
        if found is not None:
            return found
    return None
