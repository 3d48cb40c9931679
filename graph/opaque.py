"""Opaque layers: `call` works on values only, so it is a Python step of a program.

The layer's own `vjp(inputs, output, cotangent)` gives its gradient: `inputs` are the
values of the call followed by the weights made trainable, frozen for now or not, and
it returns one cotangent (or None) for each. Arrays and tensors are both welcome.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tree
from .device import to_numpy
from .diagnostics import Diagnostic, Fault, TensorTypeError
from .dim import Dim, Origin, Symbol, sorted_symbols
from .layer import Layer, LayerCall
from .node import Node
from .op import Op, Results, register
from .recording import record
from .registry import OPS
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import tracing
from .types import TensorType, dtype_of
from .variable import Variable


@register
class OpaqueOp(Op):
    """A layer run in Python on values; a barrier to fusion."""

    name = "opaque"
    public = False

    def infer(
        self, *types: TensorType, call: LayerCall, type: TensorType, count: int
    ) -> TensorType:
        return type

    def call_symbolic(self, layer: Layer, args: Any, kwargs: Any) -> SymbolicTensor:
        """The node of an opaque layer inside a trace."""
        call, operands = _invocation(layer, args, kwargs)
        nodes = [operand.as_node() for operand in operands]
        type = _output_type(call, [node.tensor_type for node in nodes])
        weights = [variable.as_node() for variable in _weights(layer)]
        attributes = {"call": call, "type": type, "count": len(nodes)}
        return SymbolicTensor(self.apply((*nodes, *weights), attributes))

    def record_call(self, layer: Layer, args: Any, kwargs: Any, result: Tensor) -> None:
        """Tell the tapes of an eager call of a layer with a `vjp` of its own."""
        call, operands = _invocation(layer, args, kwargs)
        everything = (*operands, *_weights(layer))
        attributes = {"call": call, "type": result.type, "count": len(operands)}
        record(self, everything, attributes, result)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        layer: Layer = node.attributes["call"].layer
        if not hasattr(layer, "vjp"):
            raise without_vjp(layer)
        gradient = OPS["opaque_gradient"]
        operands = (*node.inputs, node, cotangent)
        call = node.attributes["call"]
        return [
            gradient.apply(operands, {"call": call, "index": index})
            if source.dtype.is_float
            else None
            for index, source in enumerate(node.inputs)
        ]

    def run(
        self,
        xp: Any,
        *arrays: Any,
        call: LayerCall,
        type: TensorType,
        count: int,
        out: Any = None,
    ) -> Any:
        result = run_values(call, [_lent(array) for array in arrays[:count]])
        shape = tuple(dim.value for dim in type.shape)
        fits = _kind(result.dtype) == _kind(type.dtype.numpy)
        if result.shape != shape or not fits:
            raise TensorTypeError.of(_another_type(call.layer, result, type), call.span)
        return xp.asarray(result, type.dtype.numpy)


@register
class OpaqueGradient(Op):
    """One operand's cotangent, by the layer's own `vjp`."""

    name = "opaque_gradient"
    public = False
    no_gradient = "a layer's own `vjp` is not differentiated again"

    def infer(self, *types: TensorType, call: LayerCall, index: int) -> TensorType:
        return types[index]

    def run(
        self, xp: Any, *arrays: Any, call: LayerCall, index: int, out: Any = None
    ) -> Any:
        *inputs, output, cotangent = map(_lent, arrays)
        with tracing(None):
            found = call.layer.vjp(tuple(inputs), output, cotangent)  # type: ignore[attr-defined]
        parts = found if isinstance(found, (list, tuple)) else (found,)
        if len(parts) != len(inputs):
            raise _wrong_count(call.layer, len(parts), len(inputs))
        shape, dtype = arrays[index].shape, arrays[index].dtype
        part = parts[index]
        if part is None:
            return xp.zeros(shape, dtype)
        value = np.asarray(part, to_numpy(arrays[index]).dtype)
        if value.shape != shape:
            raise _wrong_shape(call.layer, index, value.shape, shape)
        return xp.asarray(value)


def without_vjp(layer: Layer) -> Fault:
    """The refusal of a gradient through a layer that has none of its own."""
    return Fault(
        "T0502",
        f"`{layer.name}` computes on values in Python and has no `vjp`, so no gradient "
        "passes through it",
        help=[
            f"give `{type(layer).__name__}` a method `vjp(inputs, output, cotangent)`, "
            "write it with `tulle.ops`, or freeze the layers before it"
        ],
    )


def _invocation(layer: Layer, args: Any, kwargs: Any) -> tuple[LayerCall, list[Any]]:
    operands, structure = tree.flatten((args, kwargs))
    return LayerCall(layer, structure, layer.span), operands


def _weights(layer: Layer) -> list[Variable]:
    """The weights that a `vjp` answers for: those that training may move at all."""
    return [v for v in layer.variables if v.trainable and v.type.dtype.is_float]


def _lent(array: Any) -> Tensor:
    """An array on the host that a layer may read and not write."""
    view = to_numpy(array).view()
    view.flags.writeable = False
    return Tensor(view)


def _kind(dtype: np.dtype[Any]) -> str:
    """Whether elements are floats, integers or truth values."""
    return "i" if dtype.kind == "u" else "f" if dtype.kind == "V" else dtype.kind


def _another_type(layer: Layer, result: Any, type: TensorType) -> Fault:
    found = f"{result.dtype.name}{list(result.shape)}"
    place = getattr(layer, "declared_at", None)
    declared = Origin(f"`{layer.name}` is declared here", place)
    return Fault(
        "T0509",
        f"`{layer.name}` returned {found} where {type} was expected",
        help=[
            "the expected type comes from `compute_output_shape` or "
            "`compute_output_spec`, else from two trial calls: "
            f"let `{layer.__class__.__name__}` return what it says for all values"
        ],
        dims=[Dim.of(1, declared)] if place else [],
    )


def _wrong_count(layer: Layer, given: int, wanted: int) -> TensorTypeError:
    return TensorTypeError(
        Diagnostic(
            "T0502",
            f"`vjp` of `{layer.name}` returned {given} cotangents for {wanted} inputs",
            layer.span,
            help=("return one for each input, then one for each trainable weight",),
        )
    )


def _wrong_shape(layer: Layer, index: int, given: Any, wanted: Any) -> TensorTypeError:
    return TensorTypeError(
        Diagnostic(
            "T0502",
            f"`vjp` of `{layer.name}` returned shape {given} for input {index + 1}, "
            f"which has shape {wanted}",
            layer.span,
        )
    )


def run_values(call: LayerCall, values: Sequence[Tensor]) -> np.ndarray[Any, Any]:
    """The layer's `call` on values, as an array; floats in the layer's dtype."""
    args, kwargs = call.arguments(iter(values))
    with tracing(None):
        result = call.layer.call(*args, **kwargs)
    array = result.numpy() if isinstance(result, Tensor) else result
    if not isinstance(array, (np.ndarray, np.generic, int, float)):
        raise Fault(
            "T0509",
            f"`{call.layer.name}` returned {_described(result)}, not one array",
            help=["return one NumPy array or tensor, or write `call` with `tulle.ops`"],
        )
    array = np.asarray(array)
    floating = array.dtype.kind == "f"
    return array.astype(call.layer.input_dtype.numpy, copy=False) if floating else array


def _described(result: Any) -> str:
    kind = type(result).__name__
    return "nothing" if result is None else f"a {kind}"


def _output_type(call: LayerCall, types: list[TensorType]) -> TensorType:
    """The declared output, else what two probes with different primes return."""
    layer = call.layer
    kind = type(layer)
    if kind.compute_output_spec is not Layer.compute_output_spec:
        args, kwargs = call.arguments(
            SymbolicTensor(input_node("probe", type)) for type in types
        )
        declared: TensorType = layer.compute_output_spec(*args, **kwargs).type
        return declared
    if kind.compute_output_shape is not Layer.compute_output_shape:
        shape = layer.compute_output_shape(types[0].static_shape)
        first = types[0].shape
        dims = [
            first[axis] if size is None else Dim.of(size)
            for axis, size in enumerate(shape)
        ]
        return types[0].with_shape(dims)
    symbols = sorted_symbols(*itertools.chain(*(type.shape for type in types)))
    probes = [_probe(call, types, symbols, shift) for shift in (0, 1)]
    (one, dtype), (two, _) = probes
    if len(one) != len(two):
        raise Fault("T0306", f"`{layer.name}` returns another rank for other sizes")
    dims = [_size(layer, a, b, types, symbols) for a, b in zip(one, two, strict=True)]
    return TensorType(dtype_of(dtype), tuple(dims))


def _values(symbols: list[Symbol], shift: int) -> dict[Symbol, int]:
    primes = (11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
    return {
        symbol: primes[(2 * index + shift) % len(primes)]
        for index, symbol in enumerate(symbols)
    }


def _probe(
    call: LayerCall, types: list[TensorType], symbols: list[Symbol], shift: int
) -> tuple[tuple[int, ...], Any]:
    values = _values(symbols, shift)
    arrays = [
        Tensor(np.ones([d.evaluate(values) for d in type.shape], type.dtype.numpy))
        for type in types
    ]
    result = run_values(call, arrays)
    return result.shape, result.dtype


def _size(
    layer: Layer, one: int, two: int, types: list[TensorType], symbols: list[Symbol]
) -> Dim:
    """The input size that an output size followed in both probes."""
    if one == two:
        return Dim.of(one)
    first, second = _values(symbols, 0), _values(symbols, 1)
    for dim in itertools.chain(*(type.shape for type in types)):
        if dim.evaluate(first) == one and dim.evaluate(second) == two:
            return dim
    raise Fault(
        "T0308",
        f"the output size of `{layer.name}` follows no input size: {one} and {two}",
        help=[f"give `{type(layer).__name__}` a method `compute_output_shape`"],
    )
