"""One call of a layer, and its arguments by name: tensors, shapes and masks."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from . import tree
from .diagnostics import Fault, Span
from .dim import Dim, Symbol
from .kinds import shown
from .layer_parts import signature, unknown_argument
from .masking import get_mask, masks_of, set_mask
from .operand import Operand
from .registry import call
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import current_trace
from .types import DType, TensorType
from .uncalled_layers import is_layer, not_applied

if TYPE_CHECKING:
    from .layer import Layer
    from .node import Node

SUFFIX = "_shape"


class LayerCall:
    """One application of a layer on symbols: how its operands are arranged."""

    __slots__ = ("layer", "structure", "span", "result")

    def __init__(self, layer: Layer, structure: Any, span: Span | None):
        self.layer, self.structure, self.span = layer, structure, span
        self.result: Any = None  # the arrangement of the outputs, once traced

    def arguments(
        self, operands: Iterator[Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments with operands in place."""
        args, kwargs = tree.unflatten(self.structure, operands)
        return args, kwargs

    def note_copy(self, node: Node, known: dict[int, Any]) -> None:
        """Let the copy of the layer know its first call, if that made this node."""
        first = self.layer._first_call
        made = tree.flatten(first[1])[0][0].node if first is not None else None
        if made is node or (made is not None and node in made.inputs):
            known[id(self.layer)]._first_call = deepcopy(first, known)

    def __repr__(self) -> str:
        return f"<{self.layer.name}>"


@lru_cache(1024)
def argument_names(function: Any) -> tuple[str, ...]:
    """The names of a method's arguments, without `self` and what takes all others."""
    _, *parameters = signature(function).parameters.values()
    others = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind not in others)


def tensor_arguments(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call that are tensors or nests of tensors, by name."""
    names = argument_names(type(layer).call)
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names):
        given["args"] = args[len(names) :]
    return {k: v for k, v in {**given, **kwargs}.items() if _is_tensors(v)}


def _is_tensors(value: Any) -> bool:
    if isinstance(value, Operand):
        return True
    if isinstance(value, dict):
        value = tuple(value.values())
    if not isinstance(value, (list, tuple)) or not value:
        return False
    flat = all(item is None or _is_tensors(item) for item in value)
    return flat and any(item is not None for item in value)


def is_plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call is of one tensor that carries no mask, with settings beside it."""
    if len(args) != 1 or args[0].__class__ not in (Tensor, SymbolicTensor):
        return False
    if args[0]._keras_mask is not None:
        return False
    return not kwargs or all(v is None or v.__class__ is bool for v in kwargs.values())


def plain_operands(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any] | None:
    """The tensors of a call, if these carry no masks and stand in lists at most.

    Settings may be beside them. None for any other call.
    """
    found: list[Any] = []
    if kwargs and kwargs.get("mask") is not None:
        return None
    for given in (*args, *kwargs.values()):
        kind = given.__class__
        if kind is not list and kind is not tuple:
            if given is None or kind is bool:
                continue
            given = (given,)
        for item in given:
            if item.__class__ not in (Tensor, SymbolicTensor):
                return None
            if item._keras_mask is not None:
                return None
        found += given
    return found


def own_lists(nest: Any) -> Any:
    """Arguments with copies of the lists among them, which a layer may change."""
    if nest.__class__ is dict:
        return {key: own_lists(item) for key, item in nest.items()}
    if nest.__class__ is tuple:
        return tuple([own_lists(item) for item in nest])
    return [*nest] if nest.__class__ is list else nest


def first_argument(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a call is about: its first argument."""
    return args[0] if args else next(iter(kwargs.values()), None)


def with_masks(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """The named arguments with the masks that tensors carry, and the input's mask.

    A single tensor's goes to `mask`, those of several, each to `<argument>_mask`, as
    far as `call` has such arguments and they are not given.
    """
    if kwargs.get("mask") is not None:
        return kwargs, kwargs["mask"]
    carried = masks_of(first_argument(args, kwargs))
    known = argument_names(type(layer).call)
    tensors = tensor_arguments(layer, args, kwargs)
    given = {*known[: len(args)], *(k for k, v in kwargs.items() if v is not None)}
    single = len(tensors) == 1
    found = {
        name: mask
        for key, value in tensors.items()
        if (name := "mask" if single else f"{key}_mask") in known
        and name not in given
        and (mask := masks_of(value)) is not None
    }
    previous = found.get("mask", carried)
    return ({**kwargs, **found} if found else kwargs), previous


def shapes_for(
    layer: Layer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The shapes that `build` wants: the first one, or each by its argument's name."""
    refuse_missing(layer, args, kwargs)
    shapes = {
        f"{key}{SUFFIX}": tree.map_leaves(_shape_of, value)
        for key, value in tensor_arguments(layer, args, kwargs).items()
        if key != "mask"
    }
    wanted = argument_names(function)
    if len(wanted) == 1:
        return {wanted[0]: next(iter(shapes.values()), None)}
    arguments = argument_names(type(layer).call)
    for name in wanted:
        if not name.endswith(SUFFIX) or name.removesuffix(SUFFIX) not in arguments:
            raise _misnamed(layer, function.__name__, name, arguments)
    return {name: shapes[name] for name in wanted if name in shapes}


def refuse_missing(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a call without all that `call` has no default for, T0203."""
    known = list(signature(type(layer).call).parameters.values())[1:]
    plain = [p for p in known if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    missing = [
        p.name
        for p in plain[len(args) :]
        if p.default is p.empty and p.name not in kwargs
    ]
    if missing:
        needed = [p.name for p in plain if p.default is p.empty]
        raise Fault(
            "T0203",
            f"`{layer.name}` needs `{missing[0]}`",
            help=[f"write `{layer.name}({', '.join(needed)})`"],
        )


def refuse_layers(args: tuple[Any, ...]) -> None:
    """Refuse a layer in place of a tensor: its call was forgotten."""
    items = [i for a in args for i in (a if isinstance(a, (list, tuple)) else (a,))]
    for index, item in enumerate(items):
        if is_layer(item):
            raise not_applied(item, index)


def _shape_of(operand: Any) -> tuple[int | None, ...]:
    shape: tuple[int | None, ...] = operand.shape
    return shape


def _misnamed(layer: Layer, function: str, name: str, arguments: Any) -> Fault:
    fitting = ", ".join(f"`{argument}{SUFFIX}`" for argument in arguments)
    return Fault(
        "T0203",
        f"`{function}` of `{type(layer).__name__}` has an argument `{name}`, and "
        "`call` has no tensor for it",
        argument=name,
        help=[f"with several arguments each is the shape of one of `call`: {fitting}"],
    )


def recast(value: Any, dtype: DType) -> Any:
    """A float operand in a dtype, with the mask that it carries."""
    if not value.type.dtype.is_float or value.type.dtype == dtype:
        return value
    return carried(value, call("cast", value, dtype.name))


def as_declared(value: Any, dtype: DType) -> Any:
    """An input of a model in the dtype that it is declared in, if nothing is lost.

    Floats go into floats. Data, which arrive as NumPy made them, also go from whole
    numbers into floats and other whole numbers, and from floats that are whole.
    """
    own, trace = value.type.dtype, current_trace()
    if own == dtype:
        return value
    if dtype.is_float and own.is_float:
        return recast(value, dtype)
    if isinstance(value, Tensor):
        cast = value.array.astype(dtype.numpy)
        kept = dtype.kind != "b" and bool((cast == value.array).all())
        return carried(value, Tensor(cast)) if kept else value
    data = trace is not None and trace.forgetful and "f" not in own.kind + "b"
    if data and dtype.kind in "fiu":
        return carried(value, call("cast", value, dtype.name))
    return value


def carried(value: Any, found: Any) -> Any:
    """What was made of a tensor, with the mask that the tensor carries."""
    mask = get_mask(value)
    if mask is not None:
        set_mask(found, mask)
    return found


def placeholders(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Symbols of given shapes, in the places of `call` that the shapes' names say."""
    dtype = layer.input_dtype
    made = tuple(placeholder(shape, dtype) for shape in args)
    named: dict[str, Any] = {}
    known = argument_names(type(layer).call)
    for key, shape in kwargs.items():
        name = known[0] if key == "input_shape" and known else key.removesuffix(SUFFIX)
        if name not in known:
            shapes = [f"{argument}{SUFFIX}" for argument in known]
            raise unknown_argument("compute_output_shape", key, shapes)
        named[name] = placeholder(shape, dtype)
    return made, named


def placeholder(shape: Any, dtype: DType) -> Any:
    """A symbol of a shape, with a size of its own for each None; or a nest of them."""
    if shape is None:
        return None
    if isinstance(shape, dict):
        return {key: placeholder(one, dtype) for key, one in shape.items()}
    if not isinstance(shape, (list, tuple)):
        raise Fault(
            "T0204",
            f"a shape is a tuple of sizes, each a number or None, not {shown(shape)}",
            argument="input_shape",
        )
    if shape and isinstance(shape[0], (list, tuple)):
        return [placeholder(one, dtype) for one in shape]
    dims = tuple(
        Dim.from_symbol(Symbol(f"size{axis}")) if size is None else Dim.of(size)
        for axis, size in enumerate(shape)
    )
    return SymbolicTensor(input_node("probe", TensorType(dtype, dims)))
