"""`Layer`: named state and a `call` written with ops.

Called on symbols, a layer becomes one node; its `call` is traced when the node is
expanded, once a mode. Called on values, or while an outer layer is traced, it just
runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import constraints, regularizers, tree
from .diagnostics import Diagnostic, Fault, Span, TensorTypeError, caller_span
from .dim import Dim, Origin, Symbol
from .initializers import snake_case
from .layer_metrics import Measuring
from .layer_parts import (
    argument_fault,
    free_name,
    numeric,
    parameters,
    per_sample,
    refuse_cycles,
    signature,
    unknown_argument,
)
from .masking import carry, given_mask
from .node import Unique
from .recording import recording
from .registry import OPS
from .tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from .trace import (
    Trace,
    current_trace,
    current_training,
    entering_layer,
    inside_layer,
    tracing,
    training_mode,
)
from .types import DType, TensorType, TupleType, dtype_of
from .variable import Variable

VALUES_WANTED = "T0503"  # what a symbol says when code asks for its value


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

    def __repr__(self) -> str:
        return f"<{self.layer.name}>"


class LayerKind(type):
    """Makes layers: notes arguments and place, refuses wrong arguments in our words."""

    __init__: Any

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        span = caller_span()
        try:
            bound = signature(cls.__init__).bind(None, *args, **kwargs)
        except TypeError as error:
            fault = argument_fault(cls, kwargs, error)
            raise TensorTypeError.of(fault, span) from None
        layer: Any = object.__new__(cls)
        given = dict(bound.arguments)
        given.pop(next(iter(given)), None)
        for parameter in signature(cls.__init__).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                given.update(given.pop(parameter.name, {}))
        layer.__dict__.update(
            built=False, auto_name=None, given_name=None, span=span, argument_spans={},
            _weights=[], _losses=[], _trainable=True, _given=given, _named=False,
            dtype_kind=dtype_of("float32"), activity_regularizer=None,
        )  # fmt: skip
        try:
            layer.__init__(*args, **kwargs)
        except Fault as fault:
            raise TensorTypeError.of(fault, span) from None
        return layer


class Layer(Measuring, metaclass=LayerKind):
    """The base of all layers.

    A subclass makes sublayers and static settings in `__init__`, weights in
    `build(input_shape)` with `add_weight`, and computes in `call`. `name` is made
    unique within a model if not given; `trainable=False` freezes all weights.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(
    ...             shape=(input_shape[-1],), initializer="ones"
    ...         )
    ...
    ...     def call(self, x):
    ...         return x * self.factor
    >>> Scale()(np.ones((2, 3), "float32")).shape
    (2, 3)
    """

    built: bool
    supports_masking = False  # whether the output carries the mask of the input
    opaque = False  # whether `call` works on values only
    auto_name: str | None
    given_name: str | None
    span: Span | None
    argument_spans: dict[str, Span]
    _weights: list[Variable]
    _losses: list[Any]
    _given: dict[str, Any]
    _named: bool

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ):
        if kwargs:
            message = f"unexpected keyword argument '{next(iter(kwargs))}'"
            raise argument_fault(type(self), kwargs, TypeError(message))
        self.given_name = name
        self._trainable = trainable
        self.dtype_kind = dtype_of(dtype or "float32")
        self.activity_regularizer = regularizers.get(activity_regularizer)

    @property
    def name(self) -> str:
        """The name: the given one, else made from the class, unique within a model."""
        return self.given_name or self.auto_name or snake_case(type(self).__name__)

    @property
    def dtype(self) -> str:
        return self.dtype_kind.name

    compute_dtype = variable_dtype = dtype

    # State.

    def build(self, input_shape: Any) -> None:
        """Make the weights; called once, before the first `call`."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, with ops on the arguments."""
        raise TensorTypeError(
            Diagnostic("T0204", f"`{type(self).__name__}` has no `call`", self.span)
        )

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
        **unknown: Any,
    ) -> Variable:
        """A new weight, owned by this layer. Glorot uniform unless told otherwise.

        `autocast` and `aggregation` are Keras's and change nothing here: a layer has
        one dtype, and a weight one copy.
        """
        if unknown:
            names = list(signature(Layer.add_weight).parameters)[1:-1]
            raise unknown_argument("add_weight", next(iter(unknown)), names)
        if initializer is None:
            floating = dtype_of(dtype or self.dtype_kind).is_float
            initializer = "glorot_uniform" if floating else "zeros"
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        shape = tuple(self.told(Dim.of(size)) for size in sizes)
        variable = Variable(
            initializer, shape, dtype or self.dtype_kind, trainable, name,
            regularizers.get(regularizer), constraints.get(constraint),
        )  # fmt: skip
        variable.path = f"{self.name}/{variable.name}"
        self._weights.append(variable)
        return variable

    def told(self, dim: Dim) -> Dim:
        """A size with its origin, if an argument of this layer has that value."""
        if dim.origin is not None or dim.value is None:
            return dim
        for key, value in self._given.items():
            if type(value) is int and value == dim.value:
                words = f"{dim} is `{key}` of `{self.name}`"
                return dim.born(Origin(words, self.argument_spans.get(key, self.span)))
        return dim

    def children(self) -> Iterator[tuple[str, Layer | Variable]]:
        """Own variables and sublayers with the attribute they stand in, each once."""
        found: dict[int, tuple[str, Layer | Variable]] = {}
        for attribute, value in self.__dict__.items():
            if type(value) not in _PLAIN and attribute != "_weights":
                for suffix, item in _members(value):
                    found.setdefault(id(item), (attribute + suffix, item))
        # Weights come in the order of creation, under their attributes' names.
        for index, weight in enumerate(self._weights):
            yield found.pop(id(weight), (f"_weights_{index}", weight))
        yield from found.values()

    def named_variables(self) -> dict[str, Variable]:
        """All variables by path: attribute names, or given names, joined by slashes."""
        found: dict[str, Variable] = {}
        seen: set[int] = set()
        stack: list[tuple[str, Layer]] = [("", self)]
        while stack:
            prefix, layer = stack.pop()
            below: list[tuple[str, Layer]] = []
            for key, child in sorted(
                layer.children(), key=lambda c: isinstance(c[1], Layer)
            ):
                if id(child) in seen:
                    continue
                seen.add(id(child))
                name = layer.child_name(key, child)
                if isinstance(child, Layer):
                    below.append((f"{prefix}{name}/", child))
                else:
                    found[free_name(prefix + name, found)] = child
            stack += reversed(below)
        return found

    def child_name(self, attribute: str, child: Layer | Variable) -> str:
        """What a sublayer or variable is called in paths below this layer."""
        given = child.given_name if isinstance(child, Layer) else child.name
        plain = given in (None, "variable")
        return (
            attribute
            if plain and not attribute.startswith("_")
            else (given or child.name)
        )

    def name_variables(self, prefix: str) -> None:
        """Give each variable its full path."""
        for path, variable in self.named_variables().items():
            variable.path = prefix + path

    @property
    def sublayers(self) -> list[Layer]:
        """All layers below this one, each once."""
        found: dict[int, Layer] = {}
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            below = [c for _, c in layer.children() if isinstance(c, Layer)]
            fresh = [c for c in below if id(c) not in found]
            found.update((id(c), c) for c in fresh)
            stack += reversed(fresh)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        return list(self.named_variables().values())

    weights = variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        frozen: set[int] = set()
        for layer in (self, *self.sublayers):
            if not layer._trainable:
                frozen.update(id(v) for v in layer.variables)
        return [v for v in self.variables if v.trainable and id(v) not in frozen]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        learning = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in learning]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        # Layers inside ask themselves: a frozen batch normalization does not learn.
        for layer in (self, *self.sublayers):
            layer._trainable = bool(value)
            layer.tell_weights()

    def tell_weights(self) -> None:
        """Weights that were made to be trained are so as long as the layer is."""
        for weight in self._weights:
            weight.trainable = weight.made_trainable and self._trainable

    def count_params(self) -> int:
        """The number of parameters."""
        return sum(variable.size for variable in self.variables)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """The values of all weights."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, values: list[Any]) -> None:
        """Assign all weights, in the order of `weights`."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    # Losses.

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to what training minimizes; kept for the last forward pass."""
        trace = current_trace()
        tensor = convert_to_tensor(loss)
        if trace is not None:
            trace.add_loss(tensor.as_node(), self)
        else:
            self._losses.append(tensor)

    @property
    def losses(self) -> list[Any]:
        """The losses added in the last forward pass, and weight regularization."""
        layers = [self, *self.sublayers]
        trace = current_trace()
        added: list[Any] = (
            [loss for layer in layers for loss in layer._losses]
            if trace is None
            else list(map(SymbolicTensor, trace.losses_of(set(layers))))
        )
        variables = [v for v in self.trainable_weights if v.regularizer is not None]
        return added + [v.regularizer(v) for v in variables]

    # Configuration.

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `from_config` makes an equal layer."""
        parameters = signature(type(self).__init__).parameters.values()
        config = {
            p.name: p.default
            for p in parameters
            if p.default is not p.empty and p.name != "name"
        }
        named = any(p.name == "name" or p.kind is p.VAR_KEYWORD for p in parameters)
        return {**({"name": self.name} if named else {}), **config, **self._given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer from a configuration."""
        return cls(**config)

    # Masks.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output: the input's, if the layer `supports_masking`."""
        return previous_mask if self.supports_masking else None

    @property
    def makes_mask(self) -> bool:
        """Whether `compute_mask` is the layer's own and may make a mask of nothing."""
        return type(self).compute_mask is not Layer.compute_mask

    # Calls.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self.as_tensors((args, kwargs))
        mask = given_mask(self, args, kwargs)
        if mask is not None and self.wants_mask and len(args) < 2:
            kwargs = {**kwargs, "mask": mask}
        result = self._called(args, kwargs)
        try:
            carry(self, args, kwargs, mask, result)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        return result

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        operands, _ = tree.flatten((args, kwargs))
        trace = current_trace()
        try:
            _refuse_layers(self, args)
            if trace is None and any(isinstance(o, SymbolicTensor) for o in operands):
                result = self._symbolic_call(args, kwargs)
            elif inside_layer() or (trace is not None and not trace.forgetful):
                return self.run_call(args, kwargs)
            else:
                result = self._outermost_call(args, kwargs)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        if not self._named:
            self._named = True
            self.name_variables(f"{self.name}/")
        return result

    def _outermost_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A forward pass begins: the losses of the last one are forgotten."""
        layers, trace = (self, *self.sublayers), current_trace()
        if trace is not None:
            trace.forget_losses(set(layers))
        for layer in layers:
            layer._losses.clear()
        with entering_layer():
            return self.run_call(args, kwargs)

    def as_tensors(self, value: Any) -> Any:
        """Arrays as tensors, floats in the dtype of the layer."""
        if isinstance(value, (np.ndarray, np.generic)):
            value = convert_to_tensor(value)
        if isinstance(value, Tensor):
            floating = value.type.dtype.is_float
            return convert_to_tensor(value, self.dtype_kind) if floating else value
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            if isinstance(value, list) and value and numeric(value):
                return self.as_tensors(convert_to_tensor(value))
            return type(value)(map(self.as_tensors, value))
        if isinstance(value, dict):
            return {key: self.as_tensors(item) for key, item in value.items()}
        return value

    def run_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Build if need be, then compute on the operands given.

        `training` is the mode for this layer and those inside; a `call` without that
        argument need not know. A `call` that asks a symbol for values makes the layer
        opaque: from then on it is a Python step.
        """
        self.ensure_built(args, kwargs)
        with training_mode(kwargs.get("training")):
            if self.wants_training:
                kwargs = {**kwargs, "training": current_training()}
            elif "training" in kwargs:
                kwargs = {k: v for k, v in kwargs.items() if k != "training"}
            if current_trace() is None:
                return self.run_body(args, kwargs)
            if not self.opaque:
                try:
                    return self.run_body(args, kwargs)
                except TensorTypeError as error:
                    if not self._wants_values(error):
                        raise
                self.opaque = True
            opaque: Any = OPS["opaque"]
            return opaque.call_symbolic(self, args, kwargs)

    def _wants_values(self, error: TensorTypeError) -> bool:
        """Whether a user's `call` failed because a symbol has no value."""
        ours = type(self).__module__.startswith("tulle.")
        return not ours and error.diagnostics[0].code == VALUES_WANTED

    def run_body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`call` itself; on values, arrays become tensors and a `vjp` is recorded."""
        result = self.call(*args, **kwargs)
        if current_trace() is None and isinstance(result, np.ndarray | np.generic):
            result = convert_to_tensor(result)
            if recording() and hasattr(self, "vjp"):
                opaque: Any = OPS["opaque"]
                opaque.record_call(self, args, kwargs, result)
        if self.activity_regularizer is not None:
            for output in tree.flatten(result)[0]:
                self.add_loss(per_sample(self.activity_regularizer(output), output))
        return result

    @property
    def wants_mask(self) -> bool:
        """Whether `call` has an argument `mask`."""
        return "mask" in parameters(type(self).call)

    @property
    def wants_training(self) -> bool:
        """Whether `call` has an argument `training`."""
        return "training" in parameters(type(self).call)

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call `build` once, with the shape or shapes of the first argument."""
        if self.built:
            return
        refuse_cycles(self, Layer)
        first = args[0] if args else next(iter(kwargs.values()), None)
        shapes = tree.map_leaves(_shape_of, first)
        with tracing(None):
            self.build(shapes)
        self.built = True
        if not self._trainable:
            self.tell_weights()

    def stateless_call(
        self, trainable_variables: Any, non_trainable_variables: Any, *args: Any,
        return_losses: bool = False, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """The outputs on given state, and the new state; nothing is changed.

        See `functional.stateless_call`.
        """
        from .functional import stateless_call

        return stateless_call(
            self, trainable_variables, non_trainable_variables, *args,
            return_losses=return_losses, **kwargs,
        )  # fmt: skip

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.ensure_built(args, kwargs)
        operands, structure = tree.flatten((args, kwargs))
        invocation = LayerCall(self, structure, caller_span())
        nodes = tuple(operand.as_node() for operand in operands)
        node = OPS["layer_call"].apply(
            nodes, {"call": invocation, "symbol": Unique(self.name)}, name=self.name
        )
        object.__setattr__(node, "span", invocation.span)
        if not isinstance(node.type, TupleType):
            return SymbolicTensor(node)
        count = range(len(node.type.items))
        items = [OPS["item"].apply((node,), {"index": i}) for i in count]
        return tree.unflatten(invocation.result, map(SymbolicTensor, items))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape of the input, None for unknown sizes."""
        spec = self.compute_output_spec(_placeholder(input_shape, self.dtype_kind))
        return tree.map_leaves(lambda t: t.shape, spec)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer returns for symbolic arguments, without keeping a node."""
        with tracing(Trace(training=False)):
            return self.run_call(args, kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _refuse_layers(layer: Layer, args: tuple[Any, ...]) -> None:
    """A layer in place of a tensor: its call was forgotten."""
    found = next((a for a in args if isinstance(a, Layer)), None)
    if found is not None:
        raise Fault(
            "T0501",
            f"`{layer.name}` needs a tensor, and `{found.name}` is a layer",
            operands={0: f"the layer `{found.name}`"},
            help=[f"apply it first: `{type(found).__name__}(…)(x)`"],
        )


def _shape_of(operand: Any) -> tuple[int | None, ...]:
    shape: tuple[int | None, ...] = operand.shape
    return shape


_PLAIN = frozenset((bool, int, float, str, type(None), DType, Span))


def _members(value: Any) -> Iterator[tuple[str, Layer | Variable]]:
    """The layers and variables in an attribute, lists and dictionaries included."""
    if isinstance(value, (Layer, Variable)):
        yield "", value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            for suffix, member in _members(item):
                yield f"_{index}{suffix}", member
    elif isinstance(value, dict):
        for key, item in value.items():
            for suffix, member in _members(item):
                yield f"_{key}{suffix}", member


def _placeholder(shape: Any, dtype: DType) -> Any:
    if shape and isinstance(shape[0], (list, tuple)):
        return [_placeholder(one, dtype) for one in shape]
    dims = tuple(
        Dim.from_symbol(Symbol(f"size{axis}")) if size is None else Dim.of(size)
        for axis, size in enumerate(shape)
    )
    return SymbolicTensor(input_node("probe", TensorType(dtype, dims)))
