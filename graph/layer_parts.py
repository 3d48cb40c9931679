"""What layers stand on: signatures, arguments told in our words, free names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from .advice import TRUTHS
from .diagnostics import Fault
from .dim import Dim, Origin
from .kinds import shown
from .nearest import nearest_of
from .operand import Operand
from .registry import OPS
from .types import TensorType


def kind_of(layer: Any) -> str:
    """What a layer is called by its kind: its name in a text, or its class."""
    found: str = getattr(layer, "kind_name", type(layer).__name__)
    return found


@lru_cache(1024)
def signature(function: Any) -> inspect.Signature:
    """The signature of a function, remembered."""
    return inspect.signature(function)


@lru_cache(1024)
def parameters(function: Any) -> frozenset[str]:
    """The names of a function's parameters."""
    return frozenset(signature(function).parameters)


def announced_shape(kind: type, given: dict[str, Any]) -> tuple[Any, ...] | None:
    """The `input_shape` or `input_dim` that a layer of Keras may be given, taken out.

    A class with such an argument of its own keeps it.
    """
    own = constructor_parameters(kind)
    shape = None
    if "input_dim" in given and "input_dim" not in own:
        shape = (given.pop("input_dim"),)
    if "input_shape" in given and "input_shape" not in own:
        sizes = given.pop("input_shape")
        shape = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    return shape


def free_name(path: str, taken: Any) -> str:
    """A path that is not taken, with a number if need be."""
    if path not in taken:
        return path
    number = 1
    while f"{path}_{number}" in taken:
        number += 1
    return f"{path}_{number}"


@lru_cache(1024)
def constructor_parameters(kind: type) -> dict[str, inspect.Parameter]:
    """The arguments of a constructor by name, those that `**kwargs` passes on included.

    Of the library's own classes, only the first and the last constructor count: those
    between get theirs from the first. `further` of a class names what it takes besides,
    with defaults, as Keras has it: by name alone.
    """
    owners = [k for k in kind.__mro__ if "__init__" in vars(k) and k is not object]
    ours = [k.__module__.startswith("tulle.") for k in owners]
    found: dict[str, inspect.Parameter] = {}
    for place, owner in enumerate(owners):
        between = place < len(owners) - 1 and place > 0 and ours[place - 1]
        own = list(signature(owner.__init__).parameters.values())[1:]  # type: ignore[misc]
        kinds = [parameter.kind for parameter in own]
        if between:
            continue
        for parameter in own:
            if parameter.kind not in _SEVERAL:
                found.setdefault(parameter.name, parameter)
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    further: dict[str, Any] = getattr(kind, "further", {})
    for name, default in further.items():
        parameter = inspect.Parameter(name, _BY_NAME, default=default)
        found.setdefault(name, parameter)
    return found


_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_SEVERAL = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def argument_fault(kind: type, given: dict[str, Any], error: TypeError) -> Fault:
    """A wrong constructor call, with the nearest name."""
    names = list(constructor_parameters(kind))
    wrong = next((name for name in given if name not in names), None)
    title: str = vars(kind).get("written", kind.__name__)
    if wrong is not None:
        return unknown_argument(title, wrong, names)
    text = str(error).replace("__init__()", title)
    return Fault(
        "T0203",
        f"wrong call of `{title}`: {text}",
        help=[f"`{title}` takes {', '.join(names)}"],
    )


def unknown_argument(called: str, wrong: str, names: Sequence[str]) -> Fault:
    """An argument that is not among those of what was called, with the nearest."""
    near = nearest_of(wrong, names)
    advice = [f"did you mean `{near[0]}`?"] if near else []
    return Fault(
        "T0202",
        f"`{called}` has no argument `{wrong}`",
        argument=wrong,
        help=[*advice, f"`{called}` takes {', '.join(names)}"],
    )


def call_fault(layer: Any, given: dict[str, Any], error: TypeError) -> Fault:
    """A wrong call of a layer, with the nearest name."""
    names = [n for n in signature(type(layer).call).parameters if n != "self"]
    wrong = next((name for name in given if name not in names), None)
    if wrong is not None:
        return unknown_argument(layer.name, wrong, names)
    text = str(error).rpartition("call() ")[2]
    return Fault(
        "T0203",
        f"wrong call of `{layer.name}`: {text}",
        help=[f"`{layer.name}` takes {', '.join(names)}"],
    )


def input_fault(layer: Any, given: Any) -> Fault | None:
    """Why a layer of the library takes no such input, T0401; None for tensors."""
    leaves = list(_leaves(given))
    wrong = [leaf for leaf in leaves if not isinstance(leaf, Operand)]
    if layer.foreign or (leaves and not wrong):
        return None
    told = f"holds {shown(wrong[0])}" if leaves else "holds nothing"
    told = told if isinstance(given, (list, tuple, dict)) else f"is {shown(given)}"
    return Fault("T0401", f"`{layer.name}` takes tensors, and its input {told}")


def _leaves(nest: Any) -> Iterator[Any]:
    if isinstance(nest, dict):
        nest = tuple(nest.values())
    if not isinstance(nest, (list, tuple)):
        yield nest
        return
    for item in nest:
        yield from _leaves(item)


def outer_operands(fault: Fault, layer: Any, operands: Sequence[Any]) -> None:
    """Keep what a fault says of a layer's operands apart from what is inside of it."""
    if fault.code == "T0701" and any(_result_of(layer, o) for o in operands):
        told = f"`{layer.name}` is applied to its own result"
        fault.notes += (f"{told}: what is repeated returns what it takes",)
    for index, text in list(fault.operands.items()):
        known = operands[index] if index < len(operands) else None
        kind = getattr(known, "type", None)
        if kind is None or not isinstance(kind, TensorType) or str(kind) in text:
            continue
        shape = str(getattr(known, "shape", ""))
        if text == shape:
            # `build` sees a shape alone; the author knows the type.
            fault.operands[index] = str(kind)
            fault.message = fault.message.replace(f"shape {shape}", f"type {kind}")
        else:
            del fault.operands[index]
    made: Any = type(layer)
    weighs = "kernel_initializer" in constructor_parameters(made)
    if fault.code == "T0306" and weighs and not fault.dims:
        # Ids lack the axis that an embedding gives them.
        _retell_ids(fault, layer, operands)
    if fault.code == "T0403" and not fault.operands:
        _retell_ids(fault, layer, operands)
    if fault.code in DTYPE_CODES:
        fault.origins += filter(None, map(declared_at, operands))


def _result_of(layer: Any, operand: Any) -> bool:
    node: Any = getattr(operand, "node", None)
    made = getattr(getattr(node, "op", None), "name", "") == "layer_call"
    return made and node.attributes["call"].layer is layer


IDS = (
    "if these are ids, look them up: `Embedding(…)` first; if they are quantities, "
    "`cast(…, f32)`"
)


def ids_fault(name: str, index: int, type: TensorType, advice: str = IDS) -> Fault:
    """Integers or truth values where a layer multiplies by weights."""
    kind, help = "integers", advice
    if type.dtype.kind == "b":
        kind, help = "truth values", TRUTHS
    return Fault(
        "T0403",
        f"`{name}` multiplies its input by weights, and {type} holds {kind}",
        operands={index: str(type)},
        help=[help],
    )


def _retell_ids(fault: Fault, layer: Any, operands: Sequence[Any]) -> None:
    """Integers met deep inside of a layer are what the layer itself was given."""
    for index, operand in enumerate(operands):
        kind = getattr(operand, "type", None)
        if isinstance(kind, TensorType) and not kind.dtype.is_float:
            told = ids_fault(layer.name, index, kind)
            fault.message, fault.operands = told.message, told.operands
            fault.code, fault.help = told.code, told.help
            return


def refuse_operands(kind: type, given: dict[str, Any]) -> None:
    """Refuse a symbolic tensor among the settings of a layer."""
    for name, value in given.items():
        if getattr(getattr(value, "node", None), "op", None) is None:
            continue
        if type(value).__name__ == "SymbolicTensor":
            title = kind.__name__
            raise Fault(
                "T0501",
                f"`{title}` takes settings here, and this is a tensor {value.type}",
                argument=name,
                help=[f"make the layer, then put the tensor in: `{title}(…)(x)`"],
            )


DTYPE_CODES = ("T0402", "T0403")


def declared_at(operand: Any) -> Origin | None:
    """Where the dtype of an operand was declared, if it is an input."""
    node: Any = getattr(operand, "node", None)
    if getattr(node, "op", None) is not OPS["input"] or node.span is None:
        return None
    return Origin(f"`{node.name}` is declared {node.type.dtype} here", node.span)


def per_sample(total: Any, output: Any) -> Any:
    """A sum over a batch divided by the size of the batch, as Keras does."""
    batch = output.type.shape[0] if output.type.shape else Dim.of(1)
    if batch.value is None:
        return total / OPS["size"](batch, dtype=output.dtype)
    return total / max(batch.value, 1)


def refuse_cycles(layer: Any, kind: type) -> None:
    """Refuse a layer that holds itself, or a layer that does, at any depth."""
    above: list[Any] = []
    stack: list[Any] = [layer]
    while stack:
        one = stack.pop()
        if one is None:
            above.pop()
            continue
        if any(one is other for other in above):
            names = [f"`{held.name}`" for held in [*above[above.index(one) :], one]]
            raise Fault(
                "T0207",
                f"a layer holds itself: {' > '.join(names)}",
                help=["keep the outer layer out of the attributes of the inner"],
            )
        above.append(one)
        stack.append(None)
        stack += [c for _, c in one.children() if isinstance(c, kind)]
