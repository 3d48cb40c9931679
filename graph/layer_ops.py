"""Layer calls as nodes: their op, and the trace that types and expands them."""

from __future__ import annotations

from typing import Any

from . import tree
from .diagnostics import Fault, TensorTypeError
from .dim import Dim
from .layer_calls import LayerCall
from .op import Op, register
from .size_origins import window_settings, with_origins
from .tensor import SymbolicTensor, input_node
from .trace import Trace, tracing
from .types import TensorType, TupleType, Type


@register
class LayerCallOp(Op):
    """A layer applied to tensors; its type is that of its trace."""

    name = "layer_call"
    level = "layer"
    public = False

    def infer(self, *types: TensorType, call: LayerCall, symbol: Any) -> Type:
        found = trace_layer(call, types)
        return found[0] if call.result is tree.LEAF else TupleType(found)


def trace_layer(
    call: LayerCall, types: tuple[TensorType, ...]
) -> tuple[TensorType, ...]:
    """The types of a layer's outputs; notes how the outputs are arranged."""
    operands = [SymbolicTensor(input_node("x", type)) for type in types]
    results = expand_call(call, operands, Trace(training=False))
    outputs, call.result = tree.flatten(results)
    inside = [node.type for node in getattr(call.layer, "output_nodes", ())]
    own = inside if len(inside) == len(outputs) else [None] * len(outputs)
    pairs = zip(outputs, own, strict=True)
    return tuple(_told(call, output.type, types, type) for output, type in pairs)


def expand_call(call: LayerCall, operands: Any, trace: Trace) -> Any:
    """The results of a layer's `call` on symbols, effects going to the trace."""
    args, kwargs = call.arguments(iter(operands))
    with tracing(trace):
        try:
            return call.layer.run_call(args, kwargs)
        except TensorTypeError as error:
            raise _placed(error, call) from None


def _placed(error: TensorTypeError, call: LayerCall) -> Exception:
    fault: Fault | None = error.fault
    return error if call.layer.foreign or fault is None else fault


def _told(
    call: LayerCall, type: TensorType, operands: tuple[TensorType, ...], own: Any
) -> TensorType:
    """The type with an origin for each size that the layer made."""
    layer, words = call.layer, f"comes out of `{call.layer.name}`"

    def known(dim: Dim, axis: int) -> Dim:
        inside: Dim | None = own.shape[axis] if own and own.rank == type.rank else None
        if inside is not None and inside == dim and inside.origin is not None:
            return inside
        return layer.told(dim, axis)

    found: TensorType = with_origins(
        type, operands, words + window_settings(layer), call.span, known
    )
    return found
