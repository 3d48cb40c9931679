"""The public functions: `check`, `load`, `loads`, and the module they give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..graph.calling import told_with
from ..graph.diagnostics import (
    Diagnostic,
    LanguageError,
    Source,
    TensorTypeError,
    TulleError,
    caller_span,
)
from ..graph.files import PathLike
from ..graph.kinds import CALLS
from ..graph.naming import UnknownNameError
from ..graph.nearest import nearest_of
from ..graph.report import in_order
from .elaborate import Elaboration, elaborate
from .exports import definitions
from .externs import UNGIVEN
from .imports import Files, read
from .plans import TrainingPlan


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
        message = f"`{self.name}` does not define `{name}`; it has {there}"
        if name.startswith("__"):
            raise AttributeError(message)
        help = tuple(f"did you mean `{near}`?" for near in nearest_of(name, known))
        raise UnknownNameError(Diagnostic("T0201", message, caller_span(), help=help))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.models, *self.definitions]

    def __repr__(self) -> str:
        return f"<Module {self.name}: {', '.join([*self.models, *self.definitions])}>"


@told_with(CALLS)
def check(
    source: PathLike | Source,
    *,
    root: PathLike | None = None,
    extern: Mapping[str, Any] | None = None,
    **config: Any,
) -> list[Diagnostic]:
    """What is wrong with a file and what it imports, in the order of the places.

    Imports lie inside `root`, the folder of the file unless given. Extern layers need
    no class, and are compared with those in `extern`. Empty if nothing is wrong; a
    diagnostic of severity `warning` does not keep the file from being used.

    >>> check(Source("a.net", "net 1 dim B in 4..2"))[0].code
    'T0204'
    """
    try:
        files = _files(source, root)
    except TulleError as error:
        return list(error.diagnostics)
    found = elaborate(files, config, extern=extern)
    return in_order(found.faults + found.warnings)


@told_with(CALLS)
def load(
    path: PathLike,
    *,
    root: PathLike | None = None,
    extern: Mapping[str, Any] | None = None,
    **config: Any,
) -> Module:
    """The models of a file, with its settings overridden by `config`.

    What it imports lies inside `root`, the folder of the file unless given; a setting
    of an imported file is called `blocks.width`. `extern` has the classes of its extern
    layers by name. Raises `LanguageError`,
    `TensorTypeError` or `DataError`, with all diagnostics.
    """
    return _module(_files(path, root), config, extern)


@told_with(CALLS)
def loads(
    text: str,
    name: str = "<text>",
    *,
    root: PathLike | None = None,
    extern: Mapping[str, Any] | None = None,
    **config: Any,
) -> Module:
    """The models of a text, which imports from the folder `root`; see `load`.

    >>> loads("net 1 dim B model M(x: f32[B, 2]) -> f32[B, 2] { return x + 1.0 }")
    <Module <text>: M>
    """
    return _module(_files(Source(name, text), root), config, extern)


def _files(source: PathLike | Source, root: PathLike | None) -> Files:
    """A file, or a text, with all that it imports."""
    top = None if root is None else Path(root).resolve()
    if isinstance(source, Source):
        return Files(source, None, top).gather(None)
    text, place = read(source), Path(source).resolve()
    return Files(text, Path(source).parent.resolve(), top).gather(place)


def _module(
    files: Files, config: Mapping[str, Any], extern: Mapping[str, Any] | None
) -> Module:
    from ..training.model import Model

    given = None if extern is UNGIVEN else extern or {}
    found = elaborate(files, config, Model, given)
    if found.faults:
        ordered = in_order(found.faults)
        families = ("T01", "T02", "T07", "T09")
        language = any(fault.code[:3] in families for fault in ordered)
        raise (LanguageError if language else TensorTypeError)(*ordered)
    return Module(files.first.name, found)
