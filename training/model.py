"""`Model` and `Sequential`: networks that can be trained, evaluated, saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import count as numbers_from_0
from typing import Any

from ..graph import tree
from ..graph.configuration import default_float
from ..graph.constructing import uncalled
from ..graph.diagnostics import (
    Diagnostic,
    Fault,
    TensorTypeError,
    caller_span,
    standing_at,
)
from ..graph.dim import Dim
from ..graph.files import PathLike
from ..graph.input_layer import InputLayer
from ..graph.kinds import LISTING, shown
from ..graph.layer import Layer
from ..graph.layer_kind import LayerKind
from ..graph.missing_attributes import OF_MODELS, explain_missing
from ..graph.naming import UnknownNameError
from ..graph.network import BATCH, Input, Network
from ..graph.sizes import as_shape
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from ..graph.trace import Trace, tracing
from ..graph.types import F32, F64, TensorType
from ..graph.variable import Variable
from . import data
from .compiling import compile_on_demand
from .configured import told_to_caller
from .objective import Compiled
from .steps import Steps
from .trainer import Trainer


class ModelKind(LayerKind):
    """Makes `Model(inputs, outputs)` a functional model."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self is Model and (args or "inputs" in kwargs):
            return LayerKind.__call__(Functional, *args, **kwargs)
        return LayerKind.__call__(self, *args, **kwargs)


class Model(Trainer, Layer, metaclass=ModelKind):
    """A layer that can be trained: `Model(inputs, outputs)`, or a subclass with `call`.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> x = Input((4,))
    >>> model = Model(x, Dense(2)(x))
    >>> model.count_params()
    10
    """

    made_anew = (*Layer.made_anew, "_steps")
    called_with: tuple[TensorType, ...] | None = None  # types of a subclass's inputs
    called_by: tuple[str, ...] = ()  # their names, where they come in a dictionary

    def __init__(self, *args: Any, **kwargs: Any):
        functional = bool(args) or "inputs" in kwargs
        if functional:
            # A subclass that hands inputs and outputs to its base is a network.
            self.__class__ = _as_functional(type(self))
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
        else:
            super().__init__(**kwargs)

    # What the steps ask of a model.

    @property
    def layers(self) -> list[Layer]:
        """The layers right below the model."""
        return [c for _, c in self.children() if isinstance(c, Layer)]

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names by which losses and targets are given."""
        return self._output_names

    _output_names: tuple[str, ...] = ()
    _output_structure: Any = None  # how a subclass arranges what it returns

    def names_of_inputs(self, count: int) -> tuple[str, ...]:
        """The names of so many inputs."""
        if self.called_by:
            return self.called_by
        return ("input",) if count == 1 else tuple(f"input_{i}" for i in range(count))

    def take_names(self, x: Any) -> None:
        """Note the names of inputs that come in a dictionary, the first time."""
        if isinstance(x, dict) and self.called_with is None:
            self.called_by = tuple(map(str, x))

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build, and note the types that an eager call came with."""
        super().ensure_built(args, kwargs)
        self.take_names(args[0] if args else None)
        arrays = [t.array for t in tree.flatten(args)[0] if isinstance(t, Tensor)]
        if self.called_with is None and arrays:
            self.input_types_for(arrays)

    def input_types_for(self, arrays: Sequence[Any]) -> tuple[TensorType, ...]:
        """The types of inputs, from the data where the model declares none."""
        types = []
        for array in arrays:
            dims = [Dim.from_symbol(BATCH), *(Dim.of(size) for size in array.shape[1:])]
            dtype = self.policy.stored if array.dtype.kind == "f" else None
            own = dtype or data.dtype_of_array(array)
            types.append(TensorType(own, tuple(dims[: array.ndim])))
        if self.called_with != tuple(types):
            self.called_with = tuple(types)
        return tuple(types)

    def output_types_for(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The types of outputs; gives each output its name and goal."""
        types = tuple(types)
        known: tuple[TensorType, ...] | None = self.steps.kept.recall(types)
        if known is not None:
            return known
        if self.called_with != types:
            self.called_with = types
        inputs = [SymbolicTensor(input_node("x", type)) for type in types]
        with tracing(Trace(training=False)):
            outputs = self.outputs_of(inputs)
        self._bind_goals()
        found = tuple(output.type for output in outputs)
        self.steps.kept.keep(types, found)
        return found

    def outputs_of(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for inputs in their order, flat."""
        given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
        if self.called_by:
            given = dict(zip(self.called_by, inputs, strict=True))
        result = self(given)
        outputs, structure = tree.flatten(result)
        self.name_outputs(structure, len(outputs))
        return outputs

    def name_outputs(self, structure: Any, count: int) -> None:
        """Give outputs their names, where they have none yet."""
        self._output_structure = structure
        if not self._output_names:
            self._output_names = _output_names(structure, count)

    def bind_outputs(self, structure: Any, count: int) -> None:
        """Give outputs their names and goals."""
        self.name_outputs(structure, count)
        self._bind_goals()

    def _bind_goals(self) -> None:
        if self._compiled is not None:
            self._compiled.bind(self.output_names)

    def variable_names(self) -> dict[Variable, str]:
        """The name of each variable in files."""
        return {variable: name for name, variable in self.named_variables().items()}

    @property
    def compiled(self) -> Compiled | None:
        """What `compile` was told, None before."""
        return self._compiled

    def demand_compiled(self) -> Compiled:
        """What `compile` was told; refuses to go on without it."""
        if self._compiled is None:
            raise TensorTypeError(
                Diagnostic(
                    "T0606",
                    f"`{self.name}` has not been compiled, so nothing says what to "
                    "train or measure",
                    caller_span(),
                    help=("first: `model.compile(optimizer, loss, metrics=[…])`",),
                )
            )
        return self._compiled

    def demand_optimizer(self) -> Compiled:
        """What `compile` was told, with an optimizer; refuses to train without one."""
        compiled = self.demand_compiled()
        if compiled.optimizer is None:
            fault = Fault(
                "T0606",
                f"`{self.name}` was compiled without an optimizer, so nothing moves "
                "its weights",
                help=["give one: `model.compile(optimizer='adam', …)`"],
            )
            raise TensorTypeError.of(fault, caller_span())
        return compiled

    @property
    def steps(self) -> Steps:
        """The compiled programs."""
        if self._steps is None:
            self._steps = Steps(self)
        return self._steps

    @told_to_caller
    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers with output types and parameters."""
        from .summary import print_summary

        print_summary(self, line_length, print_fn, expand_nested, show_trainable)

    @told_to_caller
    def source(self, kind: str = "predict") -> str:
        """What is compiled for `"predict"`, `"test"` or `"train"`, as text for people.

        The steps in their order with the types of what they give, then the loops of
        the generated kernels; sizes are symbolic. Of several programs of a kind it is
        the one that was compiled last. Raises
        `TensorTypeError`, T0606, where data have yet to tell what is computed: before
        the first step of training, or the first call of a model without `Input`; T0204
        for another word.

        >>> from tulle import Sequential, layers
        >>> model = Sequential([layers.Input((2,)), layers.ReLU()])
        >>> print(model.source().splitlines()[0])
        x0 = input input : f32[batch, 2]
        """
        return self.steps.source(kind)

    @told_to_caller
    def save(self, filepath: PathLike, overwrite: bool = True) -> None:
        """Write model, weights and optimizer into one file, atomically.

        A name that ends in `.keras` gives a file of Keras 3, any other one of Tulle's.
        Raises `DataError` T0705 if the place cannot be written.
        """
        from .saving import save_model

        save_model(self, filepath, overwrite)

    @told_to_caller
    def save_weights(self, filepath: PathLike, overwrite: bool = True) -> None:
        """Write the weights, atomically: safetensors, or Keras's for `.weights.h5`."""
        from .saving import save_weights

        save_weights(self, filepath, overwrite)

    @told_to_caller
    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False) -> None:
        """Read the weights from a file of weights or a saved model, Keras's as well.

        With `skip_mismatch` weights that do not fit stay as they are, with a warning.
        """
        from .saving import load_weights

        load_weights(self, filepath, skip_mismatch)

    @classmethod
    def from_config(
        cls, config: Any, custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """A new model from a configuration; `custom_objects` are your own classes."""
        from .keras_files.deserializing import Deserializer, told

        wanted = (
            {"layers"} if issubclass(cls, Sequential) else {"layers", "input_layers"}
        )
        if not isinstance(config, dict):
            fault = Fault("T0204", f"`config` is a dictionary, not {shown(config)}")
            raise TensorTypeError.of(fault, caller_span())
        if not wanted <= config.keys():  # the arguments of a class of the user's
            return super().from_config(config)
        return told(lambda: Deserializer(custom_objects or {}).model(cls, config))

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, from which `models.model_from_json` makes a model.

        Named arguments are those of `json.dumps`. Raises T0709 for what has no form
        there, such as a lambda.
        """
        from .keras_files.serializing import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)


class Functional(Model, Network):
    """A model made of inputs and outputs."""

    written = "Model"  # what users call
    _given_structure: Any = None

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
    ):
        # As in Keras, dictionaries have the order of their keys.
        self._given_structure = tree.flatten(inputs)[1]
        inputs, outputs = tree.by_sorted_keys(inputs), tree.by_sorted_keys(outputs)
        Network.__init__(self, inputs, outputs, name, trainable)
        self._output_names = self._name_outputs()

    def __reduce__(self) -> Any:
        """Pickled it is what `save` writes, with the classes that are not Tulle's."""
        from .pickling import pickled

        return pickled(self)

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras's order, each input as an `InputLayer`."""
        return Network.layers.fget(self)  # type: ignore[attr-defined, no-any-return]

    def get_config(self) -> dict[str, Any]:
        """The layers and their calls for JSON, as in Keras."""
        from .keras_files.serializing import Serializer

        return Serializer().model_config(self)

    @property
    def input(self) -> Any:
        """The symbolic input, or inputs as they were given."""
        places = self._given_places()
        given = (self.inputs[places.index(place)] for place in range(len(places)))
        return tree.unflatten(self._given_structure, given) if places else super().input

    def _given_places(self) -> list[int]:
        """Where each input stood in the nest that the model was made with."""
        if self._given_structure is None:
            return []
        given = tree.unflatten(self._given_structure, numbers_from_0())
        return tree.parts_as(self.input_structure, given) or []

    @property
    def unordered(self) -> tuple[str, str] | None:
        """Why a list does not tell one input from the other, and what does; or None."""
        places = self._given_places()
        if places == sorted(places):
            return None
        form = repr(self._given_structure).replace(repr(tree.LEAF), "…")
        return (
            f"the inputs of `{self.name}` have keys that are not in sorted order: "
            "a list does not say which is which",
            f"give them by key, `{form}`",
        )

    def _name_outputs(self) -> tuple[str, ...]:
        structure = self.output_structure
        if isinstance(structure, dict) and all(
            item is tree.LEAF for item in structure.values()
        ):
            return tuple(map(str, structure))
        found: list[str] = []
        for node in self.output_nodes:
            source = node.inputs[0] if node.op.name == "item" else node
            base = free = source.name or source.op.name
            number = 0
            if source.op.name == "layer_call":
                base = free = source.attributes["call"].layer.name
            while free in found:
                number += 1
                free = f"{base}_{number}"
            found.append(free)
        return tuple(found)

    def names_of_inputs(self, count: int) -> tuple[str, ...]:
        return tuple(self.input_names)

    def take_names(self, x: Any) -> None:
        """Inputs have the names that they were made with."""

    def input_types_for(self, arrays: Sequence[Any]) -> tuple[TensorType, ...]:
        return self.input_types

    def output_types_for(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        self._bind_goals()
        return self.output_types

    def outputs_of(self, inputs: Sequence[Any]) -> list[Any]:
        named = tree.unflatten(self.input_structure, iter(inputs))
        return tree.flatten(self(named))[0]


# What a model has once its layers have been called on a symbol.
ASSEMBLED = frozenset(
    ("input_nodes", "input_structure", "output_nodes", "output_structure")
)


class Sequential(Functional):
    """Layers one after the other.

    The first item may be an `Input`; without one the model is built when it is first
    called.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> Sequential([Input((3,)), Dense(2)]).count_params()
    8
    """

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ):
        Layer.__init__(self, name=name, trainable=trainable)
        self._items: list[Layer] = []
        self._start: SymbolicTensor | None = None
        listed = isinstance(layers, Iterable) and not isinstance(layers, Mapping)
        if layers is not None and not listed:
            raise Fault(
                "T0204",
                f"a `Sequential` takes a list of layers, not {shown(layers)}",
                argument="layers",
                help=["write `Sequential([…])`, or `add` one layer after the other"],
            )
        for item in () if layers is None else layers:
            self._append(item)
        # A layer that cannot be called is told when it is needed.
        if not any(type(item).call is Layer.call for item in self._items):
            self._assemble()

    def __getattr__(self, name: str) -> Any:
        if name in ASSEMBLED:
            told = f"`{self.name}` has no inputs and outputs before it is built"
            help = ("begin with an `Input`, or call it: `model(x)`",)
            raise UnknownNameError(Diagnostic("T0606", told, caller_span(), help=help))
        return super().__getattribute__(name)

    @property
    def start(self) -> SymbolicTensor | None:
        """The symbolic input, None before it is known."""
        return self._start

    @told_to_caller
    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or set the input before the first one."""
        self._append(layer)
        if rebuild:
            self._assemble()

    def _append(self, layer: Any) -> None:
        if isinstance(layer, InputLayer):
            layer = layer.symbol
        if isinstance(layer, SymbolicTensor):
            if self._items or self._start is not None:
                raise Fault("T0204", "an `Input` stands first in a `Sequential`")
            self._start = layer
        elif isinstance(layer, Layer):
            if not self._items and self._start is None and layer.announced:
                self._start = Input(layer.announced)
            self._items = [*self._items, layer]
        else:
            raise Fault(
                "T0204",
                f"a `Sequential` is made of layers, and this is {shown(layer)}",
                argument="layers",
                help=uncalled(layer, Layer),
            )

    def pop(self) -> Layer:
        """Take the last layer away; raises T0204 where there is none."""
        if not self._items:
            fault = Fault("T0204", f"`{self.name}` has no layer to take away")
            raise TensorTypeError.of(fault, caller_span())
        *self._items, last = self._items
        self._assemble()
        return last

    def _assemble(self) -> None:
        if self._start is None or not self._items:
            return
        x = self._start
        for layer in self._items:
            # A layer of the library is told at its own line; one of the user's has
            # lines inside that say more.
            with nullcontext() if layer.foreign else standing_at(layer.span):
                x = layer(x)
        Functional.__init__(self, self._start, x, self.given_name, self._trainable)
        self._steps = None

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order, without the input."""
        return list(self._items)

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built or not args:
            return
        given = convert_to_tensor(tree.flatten(args[0])[0][0])
        self._start = self._input_like(given.type)
        with tracing(None):
            self._assemble()

    def _input_like(self, type: TensorType) -> SymbolicTensor:
        """An input of a type, with any number of samples."""
        if not self._items:
            raise Fault(
                "T0505",
                f"`{self.name}` has no layers, so it computes nothing",
                help=["add some: `model.add(layers.Dense(10))`"],
            )
        dims = (Dim.from_symbol(BATCH), *type.shape[1:]) if type.rank else ()
        dtype = type.dtype
        if dtype == F64 and self._items[0].compute_dtype != F64.name:
            dtype = default_float()  # NumPy's own, which the first layer converts
        return SymbolicTensor(input_node("input", TensorType(dtype, dims)))

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, None for the batch."""
        self._start = self._input_of(input_shape)
        self._assemble()

    @told_to_caller
    def _input_of(self, input_shape: Any) -> SymbolicTensor:
        batch, shape = Dim.from_symbol(BATCH), LISTING.read("input_shape", input_shape)
        given = tuple(batch if size is None else size for size in shape)
        sizes = map(Dim.of, as_shape(given, "build", "input_shape"))
        return SymbolicTensor(input_node("input", TensorType(F32, tuple(sizes))))

    def names_of_inputs(self, count: int) -> tuple[str, ...]:
        return tuple(self.input_names) if self.built else ("input",)

    def input_types_for(self, arrays: Sequence[Any]) -> tuple[TensorType, ...]:
        if not self.built:
            types = Model.input_types_for(self, arrays)
            self._start = self._input_like(types[0])
            self._assemble()
        return self.input_types


def _as_functional(kind: type) -> type:
    """A user's subclass of `Model`, as a functional model too.

    The class itself keeps it, so that both can go.
    """
    found: type | None = vars(kind).get("_functional_kind")
    if found is None:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        found = ModelKind(kind.__name__, (kind, Functional), names)
        kind._functional_kind = found  # type: ignore[attr-defined]
    return found


def _output_names(structure: Any, count: int) -> tuple[str, ...]:
    if isinstance(structure, dict) and len(structure) == count:
        return tuple(map(str, structure))
    return ("output",) if count == 1 else tuple(f"output_{i}" for i in range(count))


explain_missing(Model, OF_MODELS)
compile_on_demand()
