"""What losses, metrics, optimizers and schedules share: configuration, right calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, ParamSpec, TypeVar

from ..graph.calling import refuse_arguments, told_with
from ..graph.constructing import (
    arguments_of,
    plain_settings,
    settings_now,
    settings_of,
)
from ..graph.cyclic_nests import refuse_cyclic_nest
from ..graph.diagnostics import Fault, TensorTypeError, TulleError, caller_span
from ..graph.initializers import snake_case
from ..graph.kinds import CALLS, SETTINGS, Kind, kinds_of, shown
from ..graph.layer_parts import argument_fault
from ..graph.nearest import nearest_of
from ..graph.tracebacks import PYTHON_ERRORS
from ..graph.watching import Patched
from .bounds import Bounds, bounds_of

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compared_by(function: Callable[..., Any], one: Any, two: Any, **more: Any) -> Any:
    """What a function of targets and outputs gives; refuses one that takes no two."""
    try:
        return function(one, two, **more)
    except TypeError as error:
        # Python refused the arguments if no frame below this one was entered.
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise
        names = ", ".join(["y_true", "y_pred", *more])
        raise Fault(
            "T0202",
            f"{shown(function)} is called with {names}: {error}",
            help=[f"let it take `{names}`"],
        ) from None


def told_to_caller(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """Let refusals of a public function point at the line that called it."""

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        given: Any = args
        try:
            if checks := _checks(function):
                given = _fitted(checks, args, kwargs)
            return function(*given, **kwargs)
        except Fault as fault:
            names = list(inspect.signature(function).parameters)[1:]
            raise TensorTypeError.of(fault, caller_span(), names) from None
        except TensorTypeError as error:
            names = list(inspect.signature(function).parameters)[1:]
            if error.fault is None or error.fault.argument not in names:
                raise
            raise TensorTypeError.of(error.fault, caller_span(), names) from None
        except TulleError:
            raise
        except PYTHON_ERRORS as error:
            _refuse_call(function, given, kwargs, error)
            raise

    return wrapper


def _refuse_call(
    function: Any, given: Sequence[Any], named: Mapping[str, Any], error: Exception
) -> None:
    """Refuse a call that Python refused, or within which it refused something.

    What a method meets while it works may have other reasons than its arguments.
    """
    trace = error.__traceback__
    # It was the call itself if no frame below the wrapper's was entered.
    if isinstance(error, TypeError) and (trace is None or trace.tb_next is None):
        fault = call_fault(function, named, error)
        raise TensorTypeError.of(fault, caller_span()) from error
    names = inspect.signature(function).parameters
    if isinstance(error, RecursionError):
        refuse_cyclic_nest((given, dict(named)))
    if "self" not in names:
        told = {**dict(zip(names, given, strict=False)), **named}
        refuse_arguments(function.__name__, told, error)


Checks = tuple[tuple[int, str, Kind], ...]


@functools.cache
def _checks(function: Any) -> Checks:
    """The places and names of arguments, with what they want."""
    wanted = dict(kinds_of(function, SETTINGS))
    names = inspect.signature(function).parameters
    return tuple((i, n, wanted[n]) for i, n in enumerate(names) if n in wanted)


def _fitted(checks: Checks, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Arguments by place, those of the library's kinds in their plain forms."""
    given = list(args)
    for place, name, wanted in checks:
        if place < len(given):
            given[place] = wanted.read(name, given[place])
        elif name in kwargs:
            kwargs[name] = wanted.read(name, kwargs[name])
    return given


def call_fault(function: Any, given: Mapping[str, Any], error: TypeError) -> Fault:
    """A wrong call of a function, with the nearest name."""
    names = [n for n in inspect.signature(function).parameters if n != "self"]
    known = f"`{function.__name__}` takes {', '.join(names)}"
    wrong = next((name for name in given if name not in names), None)
    if wrong is None:
        told = str(error).removeprefix(function.__qualname__ + "() ")
        message = f"wrong call of `{function.__name__}`: {told}"
        return Fault("T0203", message, help=[known])
    near = nearest_of(wrong, names)
    return Fault(
        "T0202",
        f"`{function.__name__}` has no argument `{wrong}`",
        argument=wrong,
        help=[*(f"did you mean `{name}`?" for name in near), known],
    )


class ConfiguredKind(Patched, type):
    """Notes the arguments of a constructor, and refuses wrong ones in our words."""

    __init__: Any

    @property
    def __signature__(cls: Any) -> inspect.Signature:
        """The constructor's arguments, for `help` and editors."""
        signature = inspect.signature(cls.__init__)
        own = list(signature.parameters.values())[1:]
        return signature.replace(parameters=own, return_annotation=cls)

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
        except TypeError as error:
            fault = argument_fault(cls, kwargs, error)
            raise TensorTypeError.of(fault, caller_span()) from None
        made: Any = object.__new__(cls)
        try:
            cls._fit(bound)
            said = frozenset(bound.arguments)
            vars(made).update(_given=_flat_arguments(bound), _said=said)
            for name, bounds in bounds_of(cls).items():
                bounds.check(name, made._given.get(name))
            made.__init__(*bound.args[1:], **bound.kwargs)
        except Fault as fault:
            names = list(bound.signature.parameters)[1:]
            raise TensorTypeError.of(fault, caller_span(), names) from None
        except PYTHON_ERRORS as error:
            refuse_arguments(cls.__name__, bound.arguments, error)
            raise
        made.__dict__["_as_made"] = plain_settings(made, made._given)
        return made

    def _fit(cls, bound: inspect.BoundArguments) -> None:
        """Give arguments their plain forms; refuse those of a wrong kind, T0204."""
        holders: list[dict[str, Any]] = [bound.arguments]
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD and name in bound.arguments:
                holders.append(bound.arguments[name])
        for name, wanted in settings_of(cls).items():
            for holder in holders:
                if name in holder:
                    holder[name] = wanted.read(name, holder[name])


def _flat_arguments(bound: inspect.BoundArguments) -> dict[str, Any]:
    """The arguments of a constructor by name, with defaults, without `self`."""
    full = inspect.BoundArguments(bound.signature, dict(bound.arguments))  # type: ignore[arg-type]
    full.apply_defaults()
    return arguments_of(full)


class Configured(metaclass=ConfiguredKind):
    """An object that its constructor's arguments describe."""

    argument_bounds: ClassVar[Mapping[str, Bounds]] = {}
    _given: dict[str, Any]
    _said: frozenset[str]  # the arguments that were not left to their defaults
    _as_made: dict[str, Any]
    name: str

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, from which `from_config` makes an equal one."""
        name = {"name": self.name} if "name" in self._given else {}
        return {**settings_now(self), **name}

    @classmethod
    @told_with(CALLS)
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new object from a configuration."""
        return cls(**config)


def serialized(item: Any) -> Any:
    """An object, or a nest of them, as class names and configurations for JSON."""
    if isinstance(item, (list, tuple)):
        return [serialized(part) for part in item]
    if isinstance(item, Mapping) and not isinstance(item, Configured):
        return {key: serialized(part) for key, part in item.items()}
    if hasattr(item, "get_config"):
        config = serialized(item.get_config())
        return {"class_name": type(item).__name__, "config": config}
    if isinstance(item, type) or callable(item):
        return item.__name__
    return item


def deserialized(
    config: Any, custom_objects: Mapping[str, Any] | None, kinds: Kinds
) -> Any:
    """The object of a class name and a configuration, built anew.

    `custom_objects`, classes by name, are looked through first, at any depth.
    """
    custom = custom_objects or {}
    name = config.get("class_name") if isinstance(config, Mapping) else None
    if not isinstance(name, str) or not isinstance(config.get("config"), Mapping):
        raise _undescribed(config, kinds.noun, "config")
    inner = {key: _revived(part, custom) for key, part in config["config"].items()}
    kind = custom.get(name) or kinds.find(name)
    return kind.from_config(inner)


def _undescribed(config: Any, noun: str, argument: str) -> TensorTypeError:
    fault = Fault(
        "T0204",
        f"{shown(config)} describes no {noun}",
        argument=argument,
        help=["give what `serialize` gave: `class_name` and `config`"],
    )
    return TensorTypeError.of(fault, caller_span())


def _revived(item: Any, custom: Mapping[str, Any]) -> Any:
    """A configuration in which the user's own classes have become objects."""
    if isinstance(item, list):
        return [_revived(part, custom) for part in item]
    if not isinstance(item, Mapping):
        return item
    found = {key: _revived(part, custom) for key, part in item.items()}
    kind = custom.get(found.get("class_name", ""))
    return found if kind is None else kind.from_config(found["config"])


def unknown(
    name: str,
    what: str,
    names: Mapping[str, Any],
    argument: str,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> NoReturn:
    """Refuse a name that nothing has, T0204, with the nearest one."""
    near = nearest_of(snake_case(name), [*names, *aliases])
    known = f"there are {', '.join(names)}"
    fault = Fault(
        "T0204",
        f"`{name}` is no {what}",
        argument=argument,
        help=[f"did you mean `{near[0]}`?", known] if near else [known],
    )
    raise TensorTypeError.of(fault, caller_span())


def find(
    name: str,
    what: str,
    classes: Mapping[str, Any],
    aliases: Mapping[str, str],
    argument: str,
) -> Any:
    """The class of a name, in snake case or as the class is called."""
    low = name.lower()
    for spelling in (aliases.get(low, low), snake_case(name)):
        if spelling in classes:
            return classes[spelling]
    for kind in classes.values():
        if kind.__name__ == name:
            return kind
    unknown(name, what, classes, argument, aliases)


@dataclass(frozen=True)
class Kinds:
    """The library's objects of one kind, found by what users call them by.

    `functions` are those that stand for a class, `argument` is the one that takes them.
    """

    base: type
    noun: str
    argument: str
    classes: Mapping[str, Any]
    aliases: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)

    def get(self, identifier: Any) -> Any:
        """The object that a name, a configuration, a class or a function means.

        Another callable is given back as it is. Raises T0204 with the nearest name.
        """
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, dict):
            name, config = identifier.get("class_name"), identifier.get("config", {})
            if not isinstance(name, str) or not isinstance(config, Mapping):
                raise _undescribed(identifier, self.noun, self.argument)
            return self.find(name).from_config(config)
        if isinstance(identifier, str):
            return self.find(identifier)()
        if isinstance(identifier, type) and identifier is not type:
            return identifier()
        for name, function in self.functions.items():
            if identifier is function:
                return self.classes[name]()
        if callable(identifier) and identifier is not type:
            return identifier
        told = f"{shown(identifier)} is no {self.noun}"
        fault = Fault("T0204", told, argument=self.argument)
        raise TensorTypeError.of(fault, caller_span())

    def find(self, name: str) -> Any:
        """The class of a name; refuses what is none, T0204."""
        return find(name, self.noun, self.classes, self.aliases, self.argument)
