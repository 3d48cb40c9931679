"""Ops given by one formula over other ops, whose types are the formula's own.

`derived` makes a composite of a function: its signature is the public one, its first
parameters are the operands. `several` makes an op that only builds other ops, because
it gives a list. A refusal from inside tells which op the caller wrote.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..advice import near_choice
from ..configuration import default_float
from ..device import module_of
from ..diagnostics import Fault, TensorTypeError
from ..dim import Dim
from ..kinds import INTEGER, shown
from ..node import Node
from ..op import Op, register
from ..operand import Operand
from ..promotion import promoting_nodes
from ..recording import recording
from ..registry import OPS, call
from ..remembered import Call, Run
from ..sizes import known_size
from ..tensor import Tensor, constant_node, convert_to_numpy, input_node
from ..types import I32, DType, TensorType
from ..written_calls import Known, Written
from .reduce import normal_axis

Types = tuple[TensorType, ...]
PLAIN = (bool, int, float, str, type(None))  # attributes that are keys as they are


class Refusal(Fault):
    """A fault in the words of the op that the caller wrote."""

    def __init__(self, op: str, code: str, message: str, **more: Any):
        super().__init__(code, message, op=op, **more)


@contextmanager
def told_as(name: str, arguments: Iterable[str] = ()) -> Iterator[None]:
    """Refusals from inside keep their words and lose their operands' numbers.

    One of `arguments` that an inner op refuses has gone in there under its own name: it
    is told as an argument of the op that was called.
    """
    try:
        yield
    except (Fault, TensorTypeError) as error:
        fault = error.fault if isinstance(error, TensorTypeError) else error
        if fault is None or (isinstance(fault, Refusal) and fault.op == name):
            raise
        message, inside = fault.message, [f"this happened inside of `{name}`"]
        if fault.op is not None and fault.argument in (None, *arguments):
            message = message.replace(f"`{fault.op}`", f"`{name}`")
        if f"`{name}`" in message:
            inside = []
        kept = [text for text in fault.operands.values() if text not in message]
        raise Refusal(
            name,
            fault.code,
            message,
            argument=fault.argument,
            dims=fault.dims,
            notes=[*fault.notes, *kept, *inside],
            help=fault.help,
        ) from None


class Derived(Op):
    """A composite whose type rule and gradient are those of its formula."""

    level = "composite"
    formula: Any = None
    listed = False
    promotes = False  # nodes in the formula as values, to one dtype

    def canonical(self, types: Types, attributes: dict[str, Any]) -> dict[str, Any]:
        return {key: frozen(value) for key, value in attributes.items()}

    def infer(self, *types: TensorType, **attributes: Any) -> TensorType:
        holes = [input_node("x", type) for type in types]
        found: TensorType = self._formula(holes, attributes).tensor_type
        return found

    def expand(self, node: Node) -> Node:
        found: Node = self._formula(node.inputs, node.attributes)
        return found

    def _formula(self, operands: Any, attributes: Any) -> Any:
        with told_as(self.name, attributes), promoting_nodes(self.promotes):
            if self.listed:
                return self.formula(list(operands), **attributes)
            return self.formula(*operands, **attributes)


class Several(Derived):
    """An op that gives a list of tensors and leaves no node of its own.

    Its formula runs on nodes or, where tapes hear of its ops, on values.
    """

    level = "function"
    promotes = True

    def apply(
        self, inputs: Any, attributes: Any = None, like: Any = None, name: Any = None
    ) -> Any:
        fixed = self.canonical((), dict(attributes or {}))
        return self._formula(inputs, fixed)

    def eager(
        self, operands: tuple[Any, ...], attributes: dict[str, Any], call: Any = None
    ) -> Any:
        """The formula on values, whose ops tapes hear of, or what is kept of it."""
        if call is None or recording():
            return self.apply(operands, attributes)
        return super().eager(operands, attributes, call)

    def _at_once(
        self,
        known: tuple[Run, int] | Known,
        call: Call | Written,
        operands: Sequence[Any],
        attributes: dict[str, Any],
    ) -> Any:
        if recording():
            return self.eager(tuple(self._promoted(operands)), attributes)
        return super()._at_once(known, call, operands, attributes)


def frozen(value: Any) -> Any:
    """An attribute as a value that can be a key: lists and tensors become tuples."""
    if value.__class__ in PLAIN:
        return value
    value = known_size(value)
    if isinstance(value, Operand) and not isinstance(value, Node):
        value = convert_to_numpy(value)
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, value))
    return value


def derived(
    operands: int = 1,
    dtypes: str = "any",
    domain: Any = (-2.0, 2.0),
    *,
    kind: type[Derived] = Derived,
    listed: bool = False,
    no_gradient: str = "",
    **more: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function of nodes as an op: a composite by its formula.

    The first `operands` parameters are tensors; with `listed` the first is a list of
    them. Trailing operands that are None by default are left out.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__.rstrip("_")
        several = isinstance(domain[0], tuple) if domain else True
        fields = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "name": name,
            "formula": staticmethod(function),
            "arguments": _arguments(name, function, operands, listed),
            "operand_dtypes": dtypes,
            "domain": domain if several else (domain,) * max(operands, 1),
            "listed": listed,
            "no_gradient": no_gradient,
            **more,
        }
        register(type(name, (kind,), fields))
        return function

    return enter


def _arguments(
    name: str, function: Callable[..., Any], count: int, listed: bool
) -> Any:
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(function)
    known = {key: each.default for key, each in signature.parameters.items()}
    places, names = list(known), list(known)[:count]
    needed = [key for key in known if known[key] is inspect.Parameter.empty]
    spare = [known[name] is None for name in names]

    def arguments(self: Op, *given: Any, **options: Any) -> Any:
        values = {**known, **dict(zip(places, given, strict=False)), **options}
        later = places[len(given) :]
        if (
            len(given) > len(places)
            or not options.keys() <= set(later)
            or any(key in later and key not in options for key in needed)
        ):
            signature.bind(*given, **options)  # tells what is wrong
        operands = [values.pop(each) for each in names]
        if listed:
            operands = [*_sequence(name, operands[0]), *operands[1:]]
        while not listed and operands and operands[-1] is None:
            if not spare[len(operands) - 1]:
                break
            operands.pop()
        return tuple(operands), {key: frozen(value) for key, value in values.items()}

    arguments.__wrapped__ = function  # type: ignore[attr-defined]
    public = signature.replace(parameters=[own, *signature.parameters.values()])
    arguments.__signature__ = public  # type: ignore[attr-defined]
    return arguments


def _sequence(name: str, operands: Any) -> list[Any]:
    if not isinstance(operands, (list, tuple)) or not operands:
        raise Fault(
            "T0203",
            f"`{name}` takes a list of tensors",
            help=[f"write `{name}([x, y])`"],
        )
    return list(operands)


# What formulas are made of.


def type_of(x: Any) -> TensorType:
    """The type of a node or of a value."""
    found: TensorType = x.tensor_type if isinstance(x, Node) else x.type
    return found


def shape_of(x: Any) -> tuple[Dim, ...]:
    """The sizes of a node or of a value, as dims."""
    return type_of(x).shape


def axis_of(name: str, x: Any, axis: int, spare: int = 0) -> int:
    """A non-negative axis; refuses one that is not there."""
    type = type_of(x)
    with told_as(name, ("axis",)):
        return normal_axis(name, axis, type.rank + spare, type)


def axes_of(name: str, x: Any, axis: Any) -> tuple[int, ...]:
    """Non-negative axes in the order given; None means all."""
    if axis is None:
        return tuple(range(type_of(x).rank))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(axis_of(name, x, each) for each in axes)


def part(x: Any, axis: int, start: Any, count: Any, step: Any = 1) -> Any:
    """`count` places along an axis, from `start` on; the other axes whole."""
    index = [("slice", Dim.of(0), size, 1) for size in shape_of(x)]
    index[axis] = ("slice", Dim.of(start), Dim.of(count), step)
    return indexed(x, tuple(index))


def place_at(x: Any, axis: int, at: Any) -> Any:
    """The one place `at` along an axis, which goes away."""
    index: list[Any] = [("slice", Dim.of(0), size, 1) for size in shape_of(x)]
    index[axis] = ("at", Dim.of(at))
    return indexed(x, tuple(index))


def indexed(x: Any, index: Any) -> Any:
    """`getitem` by entries in their canonical form."""
    op = OPS["getitem"]
    if isinstance(x, Node):
        return op.apply((x,), {"index": index})
    return op.dispatch((x,), {"index": index})


def constant_beside(x: Any, array: Any) -> Any:
    """An array as a constant of the graph, or as a value where `x` lies."""
    dtype = type_of(x).dtype
    if isinstance(x, Node):
        return call("cast", constant_node(array), dtype)
    return call("cast", Tensor(module_of(x.array).asarray(array)), dtype)


def counted(size: Any, start: Any = 0, dtype: DType = I32) -> Node:
    """`size` whole numbers from `start` on."""
    attributes = {
        "start": Dim.of(start),
        "count": Dim.of(size),
        "step": 1,
        "dtype": dtype,
    }
    return OPS["arange"].apply((), attributes)


def size_node(size: Any, dtype: DType = I32) -> Node:
    """A size as a scalar node."""
    return OPS["size"].apply((), {"value": Dim.of(size), "dtype": dtype})


def size_number(size: Dim) -> Any:
    """A size as a plain integer, or as a scalar node where it is not known."""
    return size_node(size) if size.value is None else size.value


def along(vector: Node, axis: int, rank: int) -> Node:
    """A vector turned so that it runs along one axis of several."""
    shape = [Dim.of(1)] * rank
    shape[axis] = vector.shape[0]
    found: Node = call("reshape", vector, tuple(shape))
    return found


def floats(x: Any) -> Any:
    """Integers and truth values as floats."""
    return x if type_of(x).dtype.is_float else call("cast", x, default_float().name)


def whole(name: str, value: Any, argument: str) -> int:
    """A plain integer; refuses anything else."""
    found: int = INTEGER.read(argument, value, name)
    return found


def chosen(name: str, value: Any, argument: str, known: tuple[str, ...]) -> Any:
    """One of a few words; refuses any other."""
    if not isinstance(value, str) or value not in known:
        words = ", ".join(f"`{word}`" for word in known)
        raise Refusal(
            name,
            "T0204",
            f"`{argument}` of `{name}` is one of {words}, not {shown(value)}",
            argument=argument,
            **near_choice(argument, value, known),
        )
    return value
