"""`grad(f, wrt = 0)`: a function of the same arguments.

The function is elaborated once for the types of its arguments. What consists of ops is
differentiated at once; what calls layers becomes a layer that does so in each mode.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graph.diagnostics import Fault, Label, Span, TulleError, standing_at
from ..graph.differentiate import gradients_of
from ..graph.gradients import Gradient
from ..graph.network import Network
from ..graph.node import Node, substituted, topological
from ..graph.ops.movement import full_node
from ..graph.registry import OPS
from ..graph.tensor import SymbolicTensor, constant_node, held, input_node
from . import syntax as s
from .arguments import Given, bind, not_tensors, raw
from .checker import WRONG_VALUES
from .operations import wrapped
from .scope import listed
from .values import (
    POISON,
    Definition,
    Derivative,
    Instance,
    Library,
    Poison,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from .expressions import Evaluator

MAX_ORDER = 8
TOO_HIGH = f"derivatives are of order {MAX_ORDER} at most"
KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD
SIGNATURE = {
    "f": inspect.Parameter("f", KIND),
    "wrt": inspect.Parameter("wrt", KIND, default=0),
}


def derivative(evaluator: Evaluator, given: Sequence[Given], span: Span) -> Value:
    """The value of `grad(…)`."""
    if any(isinstance(item.value, Poison) for item in given):
        return POISON
    bound = bind(evaluator, "grad", None, given, span, SIGNATURE)
    if bound is None:
        return POISON
    function = bound["f"]
    wrt, several = _places(evaluator, function.value, bound.get("wrt"), span)
    if wrt is None:
        return POISON
    match function.value:
        case Definition(s.FunctionItem()) | Instance() | Library("op"):
            return Derivative(function.value, wrt, several)
        case Derivative(order=order):
            if order < MAX_ORDER:
                return Derivative(function.value, wrt, several, order + 1)
            return evaluator.checker.error("T0906", TOO_HIGH, span)
    called = isinstance(function.value, Tensor)
    return evaluator.checker.error(
        "T0501",
        f"`grad` needs a function, and this is {describe(function.value)}",
        function.span,
        help=("name it without its arguments: `grad(f)(x)`",) if called else (),
    )


def parameters(function: Value) -> tuple[str, ...] | None:
    """The names of a function's arguments where they are known."""
    match function:
        case Definition(item) | Instance(item=s.LayerItem() | s.ExternItem() as item):
            return tuple(p.name.text for p in item.parameters.items)
        case Instance(layer=Network() as network):
            return tuple(network.input_names)
        case Derivative(inner):
            return parameters(inner)
    return None


def _places(
    evaluator: Evaluator, function: Value, wrt: Given | None, span: Span
) -> tuple[tuple[int, ...] | None, bool]:
    """The numbers of the arguments that `wrt` names, and whether it is a list."""
    given = raw(wrt.value) if wrt else 0
    span = wrt.span if wrt else span
    names, found = parameters(function), list[int]()
    for one in given if isinstance(given, tuple) else (given,):
        if isinstance(one, str) and names and one in names:
            found.append(names.index(one))
            continue
        whole = isinstance(one, int) and not isinstance(one, bool)
        if whole and 0 <= one < (len(names) if names is not None else 1 << 10):
            found.append(one)
            continue
        known = f"the arguments are {listed(names)}" if names else ""
        note = "`wrt` is the number or the name of an argument, or a list of these"
        told = describe(wrt.value) if wrt else "it"
        message = f"{told} is no argument to differentiate by"
        evaluator.checker.error(
            "T0202", message, span, notes=(note, known) if known else (note,)
        )
        return None, False
    return tuple(found), isinstance(given, tuple)


def applied(
    evaluator: Evaluator, found: Derivative, given: Sequence[Given], span: Span
) -> Value:
    """A derivative applied to the arguments of its function."""
    if not_tensors(evaluator, given):
        return POISON
    operands = _operands(evaluator, found.function, given, span)
    if operands is None or not _differentiable(evaluator, found, operands, span):
        return POISON
    names = parameters(found.function) or ()
    holes = [
        input_node(names[i] if i < len(names) else f"x{i}", item.value.type, item.span)  # type: ignore[union-attr]
        for i, item in enumerate(operands)
    ]
    from .calls import apply

    inner = [
        Given(None, Tensor(hole), item.span)
        for hole, item in zip(holes, operands, strict=True)
    ]
    checker = evaluator.checker
    if checker.order == MAX_ORDER:
        return checker.error("T0906", TOO_HIGH, span)
    checker.order += 1
    try:
        value = apply(evaluator, found.function, inner, span)
    finally:
        checker.order -= 1
    if isinstance(value, Poison):
        return POISON
    if not _is_scalar(value):
        return evaluator.checker.error(
            "T0502",
            f"`grad` needs one floating-point number, and {_title(found.function)} "
            f"gives {describe(value)}",
            span,
            labels=tuple(_declared(found.function)),
            help=("`sum(…)` or `mean(…)` makes one number of many",),
        )
    assert isinstance(value, Tensor)
    nodes = [item.value.node for item in operands if isinstance(item.value, Tensor)]
    evaluator.checker.count(span)
    try:
        with standing_at(span):
            results = _differentiated(found, value.node, holes, nodes)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        return evaluator.checker.failed(error, span)
    values = tuple(wrapped(node, span) for node in results)
    return Tuple(values) if found.several else values[0]


def _operands(
    evaluator: Evaluator, function: Value, given: Sequence[Given], span: Span
) -> Sequence[Given] | None:
    """The arguments in the order of the function's parameters."""
    match function:
        case Derivative(inner):
            return _operands(evaluator, inner, given, span)
        case Definition(item) | Instance(item=s.LayerItem() | s.ExternItem() as item):
            definitions = evaluator.checker.definitions
            return definitions.operands(evaluator, item.name.text, item, given, span)
    wrong = next((g for g in given if g.name or not isinstance(g.value, Tensor)), None)
    if wrong is None:
        return given
    message = f"{_title(function)} is differentiated on tensors, given in order"
    evaluator.checker.error("T0501", message, wrong.span)
    return None


def _differentiable(
    evaluator: Evaluator, found: Derivative, operands: Sequence[Given], span: Span
) -> bool:
    for place in found.wrt:
        if place >= len(operands):
            message = f"{_title(found.function)} gets no argument number {place}"
            evaluator.checker.error("T0202", message, span)
            return False
        value = operands[place].value
        if isinstance(value, Tensor) and not value.type.dtype.is_float:
            evaluator.checker.error(
                "T0502",
                f"there is no gradient with respect to {value.type}",
                operands[place].span,
                help=("`cast(…, f32)` makes fractions of whole numbers",),
            )
            return False
    return True


def _is_scalar(value: Value) -> bool:
    if not isinstance(value, Tensor):
        return False
    return value.type.rank == 0 and value.type.dtype.is_float


def _title(function: Value) -> str:
    match function:
        case Definition(item):
            return f"`{item.name.text}`"
        case Instance(title=title):
            return f"`{title}`"
        case Library(_, name):
            return f"`{name}`"
    return describe(function)


def _declared(function: Value) -> Sequence[Label]:
    match function:
        case Definition(item):
            return (Label(item.result.span, "declared here"),)
    return ()


def _differentiated(
    found: Derivative, value: Node, holes: Sequence[Node], nodes: Sequence[Node]
) -> list[Node]:
    """The gradients at the operands, of what was elaborated on holes for them."""
    layered = any(n.op.name == "layer_call" for n in topological([value]))
    if layered:
        ends = [SymbolicTensor(hole) for hole in holes]
        network = Network(ends if len(ends) > 1 else ends[0], SymbolicTensor(value))
        results = Gradient(network, found.wrt)(*map(SymbolicTensor, nodes))
        return [result.as_node() for result in results]
    isolated = dict(zip(holes, nodes, strict=True))
    for place in found.wrt:
        isolated[holes[place]] = OPS["isolate"].apply(
            (nodes[place],), OPS["isolate"].arguments(nodes[place])[1]
        )
    (output,) = substituted([value], isolated)
    assert output is not None
    sources = [isolated[holes[place]] for place in found.wrt]
    one = constant_node(held(1.0, output.tensor_type.dtype))
    parts = gradients_of({output: one}, sources)
    return [
        full_node(source.tensor_type, 0.0) if part is None else part
        for source, part in zip(sources, parts, strict=True)
    ]
