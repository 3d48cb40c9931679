"""Public functions that are no ops: their calls are held to what the signature says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from .diagnostics import (
    OWN_FOLDERS,
    Fault,
    TensorTypeError,
    TulleError,
    caller_span,
)
from .kinds import ARGUMENTS, Kind, Kinds, kinds_of, shown
from .nearest import nearest_of
from .tensor import NoTensorError
from .tracebacks import PYTHON_ERRORS, is_of_a_user

Function = Callable[..., Any]
Wrapped = TypeVar("Wrapped", bound=Function)


def told(function: Wrapped) -> Wrapped:
    """Refusals carry the caller's line; arguments are held to their kinds.

    Raises T0202 for a call that does not fit the signature, T0204 for a value of
    another kind than the signature says.
    """
    return _told(function, ARGUMENTS)


def told_with(plain: Kinds) -> Callable[[Wrapped], Wrapped]:
    """The same, where `plain` says what `int` and the like stand for."""
    return lambda function: _told(function, plain)


def _told(function: Wrapped, plain: Kinds) -> Wrapped:
    signature, name = inspect.signature(function), function.__name__

    @wraps(function)
    def call_it(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as wrong:
            fault = misused(name, signature, kwargs, wrong)
            raise TensorTypeError.of(fault, caller_span()) from None
        given = bound.arguments
        try:
            for key, kind in _kinds(function, plain):
                if key in given:
                    given[key] = kind.read(key, given[key], name)
            return function(*bound.args, **bound.kwargs)
        except Fault as fault:
            names = list(signature.parameters)
            raise TensorTypeError.of(fault, caller_span(), names, args) from None
        except NoTensorError as error:
            error.tell_argument(name, given)
            raise
        except PYTHON_ERRORS as error:
            refuse_arguments(name, given, error)
            raise

    return cast(Wrapped, call_it)


def held_to_signature(function: Wrapped) -> Wrapped:
    """Refuse a call that does not fit the signature, T0202; cheap where it does."""
    signature, name = inspect.signature(function), function.__name__
    if name == "__call__":
        name = function.__qualname__.partition(".")[0]

    @wraps(function)
    def call_it(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as wrong:
            # Python refused the arguments if no frame below this one was entered.
            if wrong.__traceback__ is None or wrong.__traceback__.tb_next is not None:
                raise
            told = str(wrong).partition("() ")[2] or str(wrong)
            fault = misused(name, signature, kwargs, TypeError(told))
        raise TensorTypeError.of(fault, caller_span())

    return cast(Wrapped, call_it)


def _kinds(function: Function, plain: Kinds) -> tuple[tuple[str, Kind], ...]:
    """What the arguments of a function are, found at its first call."""
    if function not in _KINDS:
        _KINDS[function] = tuple(kinds_of(function, plain))
    return _KINDS[function]


_KINDS: dict[Function, tuple[tuple[str, Kind], ...]] = {}


def refuse_arguments(name: str, given: Mapping[str, Any], error: Exception) -> None:
    """Refuse the arguments of a call within which Python raised an error, T0204.

    Nothing happens to an error of Tulle's, or of a user's code, or that Python asks
    for by rule: it is for the caller to raise again.
    """
    if isinstance(error, (TulleError, OSError)) or name.startswith("__"):
        return
    if is_of_a_user(error.__traceback__, OWN_FOLDERS):
        return
    listed = ", ".join(
        f"{key}={shown(value)}" for key, value in given.items() if key != "self"
    )
    told = f"`{name}` cannot do anything with these arguments: {listed}"
    fault = Fault("T0204", told, notes=[f"Python refuses them: {error}"])
    raise TensorTypeError.of(fault, caller_span()) from error


def misused(
    name: str, signature: inspect.Signature, given: dict[str, Any], wrong: TypeError
) -> Fault:
    """A call that does not fit a signature, with the nearest name."""
    names = [key for key in signature.parameters if key != "self"]
    unknown = next((key for key in given if key not in names), None)
    known = f"`{name}` takes {', '.join(names) or 'nothing'}"
    if unknown is None:
        return Fault("T0202", f"wrong call of `{name}`: {wrong}", help=[known])
    near = [f"did you mean `{key}`?" for key in nearest_of(unknown, names)]
    message = f"`{name}` has no argument `{unknown}`"
    return Fault("T0202", message, argument=unknown, help=[*near, known])
