"""`Input`, where a network begins, and the sizes that its shapes name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import index
from typing import Any

from .configuration import default_float
from .diagnostics import Diagnostic, Fault, Label, TensorTypeError, caller_span
from .dim import Dim, Origin, Symbol
from .kinds import plain_scalar, shown
from .node import Node
from .tensor import SymbolicTensor, input_node
from .types import TensorType, dtype_of

BATCH = Symbol("batch")
# By name and bounds: models of one process may bound a name in different ways.
_NAMED: dict[tuple[str, int, int | None], Symbol] = {}
_NAME = re.compile(r"\s*([^\W\d]\w*)\s*(?:\s+in\s+(\d+)\s*\.\.\s*(\d+)\s*)?")
LARGEST = 2**31 - 1


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | str | Dim | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Sequence[int | str | Dim | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """A symbolic input; `shape` leaves the batch axis out.

    A string in `shape` is a symbolic size, the same one wherever the string stands;
    it may have bounds, `"T in 1..512"`, which belong to the name: inputs of one model
    write them alike, T0205. None is a size of its own. Raises T0204 for
    what is no size and for bounds that admit none, T0401 for what is no dtype.

    >>> print(Input((784,)).type)
    f32[batch, 784]
    >>> print(Input(("T in 1..512", 8)).type)
    f32[batch, T, 8]
    """
    span = caller_span()
    if batch_shape is None and shape is None:
        raise TensorTypeError(Diagnostic("T0203", "`Input` needs a `shape`", span))
    try:
        if name is not None and not isinstance(name, str):
            raise Fault("T0204", f"`name` is text, not {shown(name)}", argument="name")
        if batch_shape is None:
            first = batch_size if batch_size is not None else "batch"
            batch_shape = (first, *_sizes("shape", shape))
        label = name or "input"
        sizes = enumerate(_sizes("batch_shape", batch_shape))
        dims = tuple(_size(size, label, axis, span) for axis, size in sizes)
        kind = default_float() if dtype is None else dtype_of(dtype)
        type = TensorType(kind, dims)
    except Fault as fault:
        raise TensorTypeError.of(fault, span) from None
    return SymbolicTensor(input_node(label, type, span))


def _sizes(argument: str, shape: Any) -> tuple[Any, ...]:
    """The sizes of a shape; a single one stands for a shape of one axis."""
    shape = plain_scalar(shape)
    if isinstance(shape, (int, str, Dim)):
        return (shape,)
    if not isinstance(shape, (dict, set, frozenset, bytes)):
        with suppress(TypeError):  # what has an `__iter__` may be no sequence
            return tuple(shape)
    raise Fault(
        "T0204",
        f"`{argument}` is a tuple of sizes, not {shown(shape)}",
        argument=argument,
        help=["`Input((28, 28, 1))` is a picture of 28 x 28 points and one channel"],
    )


def _size(size: Any, name: str, axis: int, span: Any) -> Dim:
    size = plain_scalar(size)
    if isinstance(size, Dim):
        return size
    if isinstance(size, str) and size == "batch":
        return Dim.from_symbol(BATCH).born(Origin("`batch` is any size", span))
    if size is None or isinstance(size, str):
        symbol = Symbol(f"{name}_{axis}") if size is None else _named(size)
        within = f" from {symbol.lower} to {symbol.upper}" if symbol.upper else ""
        origin = Origin(f"`{symbol}` is any size{within}", span)
        return Dim.from_symbol(symbol).born(origin)
    whole = None
    with suppress(TypeError):
        whole = None if isinstance(size, bool) else index(size)
    if whole is None or whole < 0:
        advice = []
        if whole == -1:
            advice = ["None is a size that is not known"]
        told = f"`{shown(size)}` is no size of an input"
        raise Fault("T0204", told, argument="shape", help=advice)
    if whole > LARGEST:
        raise Fault("T0907", f"a size is at most {LARGEST}, not {shown(whole)}")
    return Dim.of(whole, Origin(f"{size} is written here", span))


def _named(text: str) -> Symbol:
    """The size that a string stands for; refuses what is no name with bounds, T0204."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise Fault(
            "T0204",
            f"`{text}` is no size of an input",
            argument="shape",
            help=['name a size, `"T"`, or bound it as well, `"T in 1..512"`'],
        )
    name, lower, upper = found.groups()
    low, high = (int(lower), int(upper)) if upper else (1, None)
    if high is not None and high > LARGEST:
        raise Fault("T0907", f"a size is at most {LARGEST}, not {shown(high)}")
    if high is not None and high < low:
        raise Fault(
            "T0204",
            f"no size is admitted for `{name}`: {low} is above {high}",
            argument="shape",
            help=[f'write the smaller bound first: `"{name} in {high}..{low}"`'],
        )
    return _NAMED.setdefault((name, low, high), Symbol(name, low, high))


def check_sizes_of(inputs: Iterable[Node]) -> None:
    """Refuse a name that stands for two sizes in the inputs of a model, T0205."""
    known = set(_NAMED.values())
    met: dict[str, tuple[Symbol, Node]] = {}
    for node in inputs:
        for dim in node.tensor_type.shape:
            for symbol in dim.symbols() & known:
                other, first = met.setdefault(symbol.name, (symbol, node))
                if other is not symbol:
                    raise _two_of_a_name(first, other, node, symbol)


def _two_of_a_name(first: Node, other: Symbol, node: Node, symbol: Symbol) -> Exception:
    pairs = ((first, other), (node, symbol))
    bounded = symbol if symbol.upper else other
    labels = [
        Label(n.span, f"in `{n.name}` `{s}` is {s.admitted}")
        for n, s in pairs
        if n.span
    ]
    return TensorTypeError(
        Diagnostic(
            "T0205",
            f"`{symbol}` is two sizes in this model: {other.admitted} and "
            f"{symbol.admitted}",
            caller_span(),
            labels=tuple(labels),
            help=(
                f'write `"{bounded} {bounded.admitted}"` in both places, '
                "or give one of the sizes another name",
            ),
        )
    )
