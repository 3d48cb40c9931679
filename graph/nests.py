"""What loops and branches ask of functions and of nests of tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, TypeVar, cast

from . import tree
from .diagnostics import Fault, TensorTypeError, caller_span
from .kinds import Kind, kinds_of, shown
from .node import Node
from .tensor import NoTensorError, SymbolicTensor
from .types import TensorType

Function = Callable[..., Any]
Wrapped = TypeVar("Wrapped", bound=Function)


def told(function: Wrapped) -> Wrapped:
    """Refusals carry the caller's line; arguments are held to their kinds."""
    signature, name = inspect.signature(function), function.__name__

    @wraps(function)
    def call_it(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as wrong:
            fault = Fault("T0202", f"wrong call of `{name}`: {wrong}")
            raise TensorTypeError.of(fault, caller_span()) from None
        given = bound.arguments
        try:
            for key, kind in _kinds(function):
                if key in given:
                    given[key] = kind.read(key, given[key], name)
            return function(*bound.args, **bound.kwargs)
        except Fault as fault:
            names = list(signature.parameters)
            raise TensorTypeError.of(fault, caller_span(), names, args) from None
        except NoTensorError as error:
            error.tell_argument(name, given)
            raise

    return cast(Wrapped, call_it)


@cache
def _kinds(function: Function) -> tuple[tuple[str, Kind], ...]:
    return tuple(kinds_of(function))


def types_of(leaves: Sequence[Any]) -> list[TensorType]:
    """The types of tensors."""
    return [leaf.type for leaf in leaves]


def symbols(structure: Any, nodes: Sequence[Node]) -> Any:
    """A nest of nodes as symbolic tensors."""
    return tree.unflatten(structure, iter([SymbolicTensor(node) for node in nodes]))


def check_callable(name: str, argument: str, value: Any) -> None:
    """Refuse what is no function."""
    if not callable(value):
        raise Fault(
            "T0204",
            f"`{argument}` of `{name}` is a function, not {shown(value)}",
            argument=argument,
        )


def listing(types: Sequence[Any]) -> str:
    """Types in brackets."""
    return f"({', '.join(map(str, types))})"


def check_same(name: str, what: str, one: Any, two: Any) -> None:
    """Refuse a nest of results unlike another; each is (types, structure).

    `what` says it, with places for the name and for both.
    """
    if one == two:
        return
    (first, left), (second, right) = one, two
    if first == second:
        raise Fault("T0321", what.format(name, left, right))
    raise Fault(
        "T0321",
        what.format(name, listing(first), listing(second)),
        help=[
            "return the dtypes and shapes that went in, with `cast` or `broadcast_to`"
            if "takes" in what
            else "let all branches return the same dtypes and shapes"
        ],
    )


def shape_of(nest: Any) -> Any:
    """The types of the leaves of a nest, and the nest without them."""
    leaves, structure = tree.flatten(nest)
    return types_of(leaves), structure
