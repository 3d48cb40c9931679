"""Opaque layers: `call` works on values only, so it is a Python step of a program.

The layer's own `vjp(inputs, output, cotangent)` gives its gradient: `inputs` are the
values of the call followed by the weights made trainable, frozen for now or not, and
it returns one cotangent (or None) for each. Arrays and tensors are both welcome. Where
`call` gives several arrays, output and cotangent are arranged as it arranges them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from . import tree
from .device import to_numpy
from .diagnostics import Diagnostic, Fault, TensorTypeError
from .dim import Dim, Origin, Symbol, sorted_symbols
from .layer import Layer
from .layer_calls import LayerCall, shapes_for
from .node import Node
from .op import Op, Results, register
from .recording import record
from .registry import OPS
from .tensor import SymbolicTensor, Tensor, input_node
from .trace import tracing
from .types import TensorType, TupleType, Type, dtype_of
from .variable import Variable

Types = tuple[TensorType, ...]


@register
class OpaqueOp(Op):
    """A layer run in Python on values; a barrier to fusion."""

    name = "opaque"
    public = False

    def infer(
        self, *operands: TensorType, call: LayerCall, types: Types, count: int
    ) -> Type:
        return types[0] if call.result is tree.LEAF else TupleType(types)

    def call_symbolic(self, layer: Layer, args: Any, kwargs: Any) -> Any:
        """The symbols that an opaque layer gives inside a trace."""
        call, operands = _invocation(layer, args, kwargs)
        nodes = [operand.as_node() for operand in operands]
        types = _output_types(call, [node.tensor_type for node in nodes])
        weights = [variable.as_node() for variable in _weights(layer)]
        attributes = {"call": call, "types": types, "count": len(nodes)}
        node = self.apply((*nodes, *weights), attributes)
        parts = [SymbolicTensor(part) for part in _parts(node)]
        return tree.unflatten(call.result, iter(parts))

    def record_call(self, layer: Layer, args: Any, kwargs: Any, result: Any) -> None:
        """Tell the tapes of an eager call of a layer with a `vjp` of its own."""
        call, operands = _invocation(layer, args, kwargs)
        everything = (*operands, *_weights(layer))
        outputs, call.result = tree.flatten(result)
        types = tuple(output.type for output in outputs)
        attributes = {"call": call, "types": types, "count": len(operands)}
        results = outputs[0] if len(outputs) == 1 else tuple(outputs)
        record(self, everything, attributes, results)

    def vjp(self, node: Node, cotangent: Any) -> Results:
        layer: Layer = node.attributes["call"].layer
        if not hasattr(layer, "vjp"):
            raise without_vjp(layer)
        gradient = OPS["opaque_gradient"]
        several = cotangent if isinstance(cotangent, tuple) else (cotangent,)
        operands = (*node.inputs, *_parts(node), *several)
        settings = {"call": node.attributes["call"], "outputs": len(several)}
        return [
            gradient.apply(operands, {**settings, "index": index})
            if source.dtype.is_float
            else None
            for index, source in enumerate(node.inputs)
        ]

    def run(
        self,
        xp: Any,
        *arrays: Any,
        call: LayerCall,
        types: Types,
        count: int,
        out: Any = None,
    ) -> Any:
        results, structure = run_values(call, [_given(a) for a in arrays[:count]])
        if structure != call.result:
            raise TensorTypeError.of(_rearranged(call, structure), call.span)
        for result, wanted in zip(results, types, strict=True):
            shape = tuple(dim.value for dim in wanted.shape)
            fits = _kind(result.dtype) == _kind(wanted.dtype.numpy)
            if result.shape != shape or not fits:
                fault = _another_type(call.layer, result, wanted)
                raise TensorTypeError.of(fault, call.span)
        pairs = zip(results, types, strict=True)
        if call.result is tree.LEAF:
            return xp.asarray(results[0], types[0].dtype.numpy)
        return tuple(xp.array(r, wanted.dtype.numpy) for r, wanted in pairs)


@register
class OpaqueGradient(Op):
    """One operand's cotangent, by the layer's own `vjp`."""

    name = "opaque_gradient"
    public = False
    no_gradient = "a layer's own `vjp` is not differentiated again"

    def infer(
        self, *types: TensorType, call: LayerCall, index: int, outputs: int
    ) -> TensorType:
        return types[index]

    def run(
        self,
        xp: Any,
        *arrays: Any,
        call: LayerCall,
        index: int,
        outputs: int,
        out: Any = None,
    ) -> Any:
        given, count = list(map(_given, arrays)), len(arrays) - 2 * outputs
        inputs, ends = given[:count], iter(given[count:])
        output = tree.unflatten(call.result, ends)
        cotangent = tree.unflatten(call.result, ends)
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


def _parts(node: Node) -> list[Node]:
    """The results of a node, one by one."""
    if not isinstance(node.type, TupleType):
        return [node]
    count = len(node.type.items)
    return [OPS["item"].apply((node,), {"index": index}) for index in range(count)]


def _invocation(layer: Layer, args: Any, kwargs: Any) -> tuple[LayerCall, list[Any]]:
    operands, structure = tree.flatten((args, kwargs))
    return LayerCall(layer, structure, layer.span), operands


def _weights(layer: Layer) -> list[Variable]:
    """The weights that a `vjp` answers for: those that training may move at all."""
    return [v for v in layer.variables if v.trainable and v.type.dtype.is_float]


def _given(array: Any) -> Tensor:
    """A value of a run on the host, which a layer may keep and not write.

    Where it lay, others compute afterwards.
    """
    own = array.copy() if isinstance(array, np.ndarray) else to_numpy(array)
    own.flags.writeable = False
    return Tensor(own)


def _kind(dtype: np.dtype[Any]) -> str:
    """Whether elements are floats, integers or truth values."""
    return "i" if dtype.kind == "u" else "f" if dtype.kind == "V" else dtype.kind


def _rearranged(call: LayerCall, structure: Any) -> Fault:
    return Fault(
        "T0509",
        f"`{call.layer.name}` returned {structure} where {call.result} was expected, "
        "each · a tensor",
        help=["return as many arrays, arranged alike, for all values"],
    )


def _another_type(layer: Layer, result: Any, type: TensorType) -> Fault:
    dtype = result.dtype  # perhaps of objects or text, which no tensor holds
    kind = dtype.name if dtype.kind in "OSUMm" else dtype_of(dtype).short
    found = f"{kind}{list(result.shape)}"
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


def run_values(
    call: LayerCall, values: Sequence[Tensor]
) -> tuple[list[np.ndarray[Any, Any]], Any]:
    """The layer's `call` on values, as arrays and their arrangement.

    Floats are in the layer's dtype.
    """
    args, kwargs = call.arguments(iter(values))
    with tracing(None):
        result = call.layer.call(*args, **kwargs)
    given, structure = tree.flatten(_with_tensors(call.layer, result))
    dtype = call.layer.input_dtype.numpy
    arrays = [tensor.numpy() for tensor in given]
    return [
        a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for a in arrays
    ], structure


def _with_tensors(layer: Layer, result: Any) -> Any:
    """What a layer gave, with arrays and numbers as tensors."""
    if isinstance(result, (np.ndarray, np.generic, int, float, Tensor)):
        return result if isinstance(result, Tensor) else Tensor(np.asarray(result))
    if isinstance(result, (dict, list, tuple)) and result:
        return tree.map_items(result, partial(_with_tensors, layer))
    raise Fault(
        "T0509",
        f"`{layer.name}` returned {_described(result)}, not an array",
        help=["return NumPy arrays or tensors, or write `call` with `tulle.ops`"],
    )


def _described(result: Any) -> str:
    kind = type(result).__name__
    return "nothing" if result is None else f"a {kind}"


def _output_types(call: LayerCall, types: list[TensorType]) -> Types:
    """The declared outputs, else what two probes with different primes return.

    Their arrangement is noted in the call.
    """
    layer = call.layer
    kind = type(layer)
    if kind.compute_output_spec is not Layer.compute_output_spec:
        args, kwargs = _probes(call, types)
        outputs, call.result = tree.flatten(layer.compute_output_spec(*args, **kwargs))
        return tuple(output.type for output in outputs)
    if kind.compute_output_shape is not Layer.compute_output_shape:
        return _declared_shapes(call, types)
    symbols = sorted_symbols(*itertools.chain(*(type.shape for type in types)))
    (ones, call.result), (twos, again) = (
        _probe(call, types, symbols, shift) for shift in (0, 1)
    )
    if call.result != again or [a.ndim for a in ones] != [a.ndim for a in twos]:
        raise Fault("T0306", f"`{layer.name}` returns another rank for other sizes")
    found = []
    for one, two in zip(ones, twos, strict=True):
        sizes = zip(one.shape, two.shape, strict=True)
        dims = tuple(_size(layer, a, b, types, symbols) for a, b in sizes)
        found.append(TensorType(dtype_of(one.dtype), dims))
    return tuple(found)


def _probes(call: LayerCall, types: list[TensorType]) -> Any:
    return call.arguments(SymbolicTensor(input_node("probe", t)) for t in types)


def _declared_shapes(call: LayerCall, types: list[TensorType]) -> Types:
    """The outputs that `compute_output_shape` tells, all in the first input's dtype."""
    layer = call.layer
    args, kwargs = _probes(call, types)
    function = type(layer).compute_output_shape
    told = layer.compute_output_shape(**shapes_for(layer, function, args, kwargs))
    shapes, call.result = _shapes_in(told)
    first = types[0].shape

    def dim(axis: int, size: Any) -> Dim:
        return first[axis] if size is None else Dim.of(size)

    return tuple(
        types[0].with_shape([dim(i, n) for i, n in enumerate(shape)])
        for shape in shapes
    )


def _shapes_in(told: Any) -> tuple[list[Any], Any]:
    """The shapes in a nest of them, and the nest with leaves in their place."""
    if isinstance(told, dict):
        pairs = {key: _shapes_in(item) for key, item in told.items()}
        flat = [shape for shapes, _ in pairs.values() for shape in shapes]
        return flat, {key: structure for key, (_, structure) in pairs.items()}
    if any(isinstance(item, (list, tuple, dict)) for item in told):
        parts = [_shapes_in(item) for item in told]
        flat = [shape for shapes, _ in parts for shape in shapes]
        return flat, type(told)(structure for _, structure in parts)
    return [told], tree.LEAF


def _values(symbols: list[Symbol], shift: int) -> dict[Symbol, int]:
    primes = (11, 13, 17, 19, 23, 29, 31, 37, 41, 43)
    return {
        symbol: primes[(2 * index + shift) % len(primes)]
        for index, symbol in enumerate(symbols)
    }


def _probe(
    call: LayerCall, types: list[TensorType], symbols: list[Symbol], shift: int
) -> tuple[list[np.ndarray[Any, Any]], Any]:
    values = _values(symbols, shift)
    arrays = [
        Tensor(np.ones([d.evaluate(values) for d in type.shape], type.dtype.numpy))
        for type in types
    ]
    return run_values(call, arrays)


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
