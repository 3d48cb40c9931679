"""The library's names as the language sees them, straight from Python's registries.

Nothing is listed here twice: a layer, op or loss is known to the text as soon as Python
knows it, with the signature that it has there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ..graph.layer import Layer
from ..graph.layer_parts import constructor_parameters
from ..graph.nearest import nearest
from ..graph.registry import OPS
from .syntax import Name
from .values import Library

SIZES = ("ceildiv", "max", "min", "range")  # on static values; some are ops too
OF_WEIGHTS = {
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}
TRANSFORMS = {"grad": Library("transform", "grad", None)}
TRAINING = {
    "loss": "losses",
    "metric": "metrics",
    "optimizer": "optimizers",
    "schedule": "schedules",
}


@cache
def layers() -> Mapping[str, Library]:
    """The layer classes by name."""
    module = import_module("...graph.layers", __name__)
    names = {name: getattr(module, name) for name in module.__all__}
    return {
        name: Library("layer", name, kind)
        for name, kind in names.items()
        if isinstance(kind, type) and issubclass(kind, Layer)
    }


@cache
def ops() -> Mapping[str, Library]:
    """The public ops by name."""
    import_module("...graph.ops", __name__)
    found = {op.name: Library("op", op.name, op) for op in OPS.values() if op.public}
    sizes = {name: Library("size", name, None) for name in SIZES if name not in found}
    return {**found, **sizes, **TRANSFORMS}


@cache
def of_weights(kind: str) -> Mapping[str, Library]:
    """The initializers, regularizers or constraints by name."""
    table = import_module(f"...graph.{OF_WEIGHTS[kind]}", __name__).BY_NAME
    return {name: Library(kind, name, made) for name, made in table.items()}


def kinds_of(argument: Name | None) -> tuple[str, ...]:
    """The tables that the value of an argument is looked up in first."""
    kind = argument.text.rpartition("_")[2] if argument else ""
    return (kind,) if kind in OF_WEIGHTS else ()


@cache
def training(kind: str) -> Mapping[str, Library]:
    """The losses and metrics, functions of target and output, or what trains."""
    module = import_module(f"...training.{TRAINING[kind]}", __name__)
    table = dict(module.BY_NAME)
    if kind == "metric":
        classes = module.CLASSES.items()
        table = {name: made for name, made in classes if _compares(made)} | table
    return {name: Library(kind, name, target) for name, target in table.items()}


def _compares(metric: Any) -> bool:
    return "y_true" in inspect.signature(metric.update_state).parameters


def measure_parameters(target: Any) -> dict[str, inspect.Parameter]:
    """The arguments of a loss or metric in a text: target, prediction, settings."""
    known = parameters(target)
    if not isinstance(target, type):
        return known
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    ends = {name: inspect.Parameter(name, kind) for name in ("y_true", "y_pred")}
    return {**ends, **known}


def training_class(kind: str, name: str) -> Any:
    """The class behind a loss or a metric: what `compile` takes."""
    module = import_module(f"...training.{TRAINING[kind]}", __name__)
    return module.CLASSES[name]


def alias(name: str, kinds: tuple[str, ...]) -> str | None:
    """The whole name behind a short one, as `mse`, that Python takes as a string."""
    for kind in kinds:
        module = import_module(f"...training.{TRAINING[kind]}", __name__)
        whole = getattr(module, "ALIASES", {}).get(name.lower(), name)
        if whole in training(kind):
            return str(whole)
    return None


def find(name: str, kinds: tuple[str, ...] = ()) -> Library | None:
    """What a name means in the library; `kinds` are looked through first."""
    for table in tables(kinds):
        if name in table:
            return table[name]
    return None


def near(name: str, kinds: tuple[str, ...] = ()) -> str | None:
    """The name of the library that was probably meant by another."""
    return nearest(name, [known for table in tables(kinds) for known in table])


def tables(kinds: tuple[str, ...] = ()) -> Iterator[Mapping[str, Library]]:
    """The tables of names, those of `kinds` first."""
    for kind in kinds:
        yield of_weights(kind) if kind in OF_WEIGHTS else training(kind)
    yield layers()
    yield ops()


def elsewhere(name: str) -> str | None:
    """What a name is in a table that is not looked through here."""
    for kind in (*OF_WEIGHTS, *TRAINING):
        if name in (of_weights(kind) if kind in OF_WEIGHTS else training(kind)):
            article = "an" if kind[0] in "aeiou" else "a"
            return f"{article} {kind}"
    return None


@cache
def parameters(target: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a call by name, those that `**kwargs` passes on included."""
    if not isinstance(target, type):
        function = getattr(target, "arguments", target)
        return dict(inspect.signature(function).parameters)
    return constructor_parameters(target)


@cache
def usage(name: str, target: Any) -> str:
    """The call as a signature in the language's words, `Dense(units, …)`."""
    shown = []
    own = vars(target).get("__init__") if isinstance(target, type) else None
    names = inspect.signature(own).parameters if own else parameters(target)
    for parameter in (p for n, p in parameters(target).items() if n in names):
        default = parameter.default
        if default is parameter.empty:
            shown.append(parameter.name)
        elif default is not None:
            shown.append(f"{parameter.name} = {_literal(default)}")
        else:
            shown.append(f"{parameter.name} = …")
    return f"`{name}({', '.join(shown)})`"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
