"""The public functions: `check`, `load`, `loads`, and the module they give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..graph.diagnostics import (
    DataError,
    Diagnostic,
    LanguageError,
    Source,
    TensorTypeError,
    TulleError,
)
from ..graph.files import check_readable
from ..graph.report import in_order
from .elaborate import Elaboration, elaborate
from .exports import definitions
from .parser import parse
from .plans import TrainingPlan
from .tokens import MAX_BYTES


class Module:
    """What a file defines; models, layers and functions are attributes by their names.

    `models` and `trainings` have those by name, `config` the settings in force. A
    layer is called with its settings and gives a `Layer`, a function with tensors.
    """

    def __init__(self, name: str, found: Elaboration):
        self.name = name
        self.models: Mapping[str, Any] = dict(found.models)
        self.trainings: Mapping[str, TrainingPlan] = dict(found.trainings)
        self.config: Mapping[str, Any] = dict(found.config)
        self.definitions: Mapping[str, Any] = definitions(found)

    def __getattr__(self, name: str) -> Any:
        known = {
            **self.__dict__.get("definitions", {}),
            **self.__dict__.get("models", {}),
        }
        if name in known:
            return known[name]
        there = ", ".join(known) or "nothing"
        raise AttributeError(f"`{self.name}` does not define `{name}`; it has {there}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.models, *self.definitions]

    def __repr__(self) -> str:
        return f"<Module {self.name}: {', '.join([*self.models, *self.definitions])}>"


def read(path: str | Path) -> Source:
    """The text of a file; a file that cannot be read is a `DataError`.

    No more than the limit is read, however large the file is.
    """
    place = check_readable(path)
    with place.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        size = max(place.stat().st_size, len(data))
        message = f"`{path}` has {size} bytes, more than the limit of {MAX_BYTES}"
        raise LanguageError(Diagnostic("T0901", message))
    try:
        return Source(str(path), data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8 text: byte {error.start} does not fit"
        raise DataError(Diagnostic("T0704", message)) from None


def check(source: str | Path | Source) -> list[Diagnostic]:
    """What is wrong with a file, in the order of the places; empty if nothing is.

    A diagnostic of severity `warning` does not keep the file from being used.

    >>> check(Source("a.net", "net 1 dim B in 4..2"))[0].code
    'T0204'
    """
    try:
        text = source if isinstance(source, Source) else read(source)
    except TulleError as error:
        return list(error.diagnostics)
    tree, faults = parse(text)
    if tree is not None:
        found = elaborate(text, tree)
        faults = faults + found.faults + found.warnings
    return in_order(faults)


def load(path: str | Path, **config: Any) -> Module:
    """The models of a file, with its settings overridden by `config`.

    Raises `LanguageError`, `TensorTypeError` or `DataError`, with all diagnostics.
    """
    return _module(read(path), config)


def loads(text: str, name: str = "<text>", **config: Any) -> Module:
    """The models of a text.

    >>> loads("net 1 dim B model M(x: f32[B, 2]) -> f32[B, 2] { return x + 1.0 }")
    <Module <text>: M>
    """
    return _module(Source(name, text), config)


def _module(source: Source, config: Mapping[str, Any]) -> Module:
    from ..training.model import Model

    tree, faults = parse(source)
    if tree is None:
        raise LanguageError(*in_order(faults))
    found = elaborate(source, tree, config, Model)
    if found.faults:
        ordered = in_order(found.faults)
        language = any(fault.code[:3] in ("T01", "T02", "T09") for fault in ordered)
        raise (LanguageError if language else TensorTypeError)(*ordered)
    return Module(source.name, found)
