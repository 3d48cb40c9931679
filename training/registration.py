"""Classes that saved models may name: the library's, registered ones, given ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from ..graph import constraints, initializers, regularizers
from ..graph.calling import told_with
from ..graph.diagnostics import DataError, Diagnostic, caller_span
from ..graph.gradients import Gradient
from ..graph.kinds import CALLS
from ..graph.layers import LAYERS
from ..graph.layers.text import TEXT
from ..graph.modes import ByMode, Effects
from ..graph.nearest import nearest_of
from . import losses, metrics, optimizers, schedules
from .loss import LossFunction
from .metrics_averages import MeanMetricWrapper

INNER = {kind.__name__: kind for kind in (ByMode, Effects, Gradient)}

Registered = TypeVar("Registered", bound=Callable[..., Any])
_BY_NAME: dict[str, Any] = {}
_NAMES: dict[Any, str] = {}
_custom: dict[str, Any] = {}  # what `get_custom_objects` gives


def register_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Registered], Registered]:
    """Let saved models name a class or function of yours.

    >>> @register_serializable()
    ... def squared(y_true, y_pred):
    ...     return (y_true - y_pred) * (y_true - y_pred)
    """

    def register(target: Registered) -> Registered:
        full = f"{package}>{name or target.__name__}"
        _BY_NAME[full] = target
        _NAMES[target] = full
        return target

    return register


@told_with(CALLS)
def get_registered_name(obj: Any) -> str:
    """The name that a class or function was registered under, else its own."""
    return _NAMES.get(obj, obj.__name__)


@told_with(CALLS)
def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function that was registered under a name, or None."""
    for table in (custom_objects or {}, _custom, _BY_NAME):
        if name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions by name that every load knows; it may be changed.

    >>> get_custom_objects()
    {}
    """
    return _custom


@contextmanager
def custom_object_scope(objects: Mapping[str, Any]) -> Iterator[None]:
    """Let what is loaded meanwhile name these classes and functions.

    >>> with custom_object_scope({"Mine": dict}):
    ...     get_custom_objects()
    {'Mine': <class 'dict'>}
    """
    before = dict(_custom)
    _custom.update(objects)
    try:
        yield
    finally:
        _custom.clear()
        _custom.update(before)


def library(kind: str) -> Mapping[str, Any]:
    """The library's classes of a kind by class name."""
    tables: dict[str, Mapping[str, Any]] = {
        "layer": LAYERS | TEXT | INNER,
        "initializer": {k.__name__: k for k in initializers.KINDS},
        "regularizer": {k.__name__: k for k in regularizers.KINDS},
        "constraint": {k.__name__: k for k in constraints.KINDS},
        "loss": {k.__name__: k for k in losses.CLASSES.values()}
        | {"LossFunction": LossFunction},
        "metric": {k.__name__: k for k in metrics.CLASSES.values()}
        | {"MeanMetricWrapper": MeanMetricWrapper},
        "optimizer": {k.__name__: k for k in optimizers.CLASSES.values()}
        | {"OptimizerMap": optimizers.OptimizerMap},
        "schedule": {k.__name__: k for k in schedules.BY_NAME.values()},
        "function": losses.BY_NAME | metrics.BY_NAME,
    }
    return tables[kind]


def name_of(kind: str, target: Any) -> str:
    """The name under which a class or function goes into a file.

    One that is called like something of the library gets the package that
    `register_serializable` would give it, so that a file tells the two apart.
    """
    own: str = target.__name__
    if library(kind).get(own) is target:
        return own
    return _NAMES.get(target) or (f"Custom>{own}" if own in library(kind) else own)


def find(kind: str, name: str, custom: Mapping[str, Any]) -> Any:
    """The class or function of a name; refuses unknown ones, T0201."""
    short = name.rpartition(">")[2]
    for table, key in (
        (library(kind), name),
        (custom, name),
        (custom, short),
        (_custom, name),
        (_custom, short),
        (_BY_NAME, name),
    ):
        if key in table:
            return table[key]
    raise unknown_to_file(kind, name, (*library(kind), *custom))


def unknown_to_file(kind: str, name: str, known: Iterable[str]) -> DataError:
    """The error of a file that names what is not known, T0201."""
    short = name.rpartition(">")[2]
    near = nearest_of(name, known)
    return DataError(
        Diagnostic(
            "T0201",
            f"the file names the {kind} `{name}`, which is not known here",
            caller_span(),
            notes=(f"the nearest known name is `{near[0]}`",) if near else (),
            help=(
                f"pass it: `load_model(path, custom_objects={{{short!r}: …}})`, or "
                "register it with `saving.register_serializable()`",
            ),
        )
    )
