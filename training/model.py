"""`Model` and `Sequential`: networks that can be trained, evaluated, saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from ..graph import tree
from ..graph.device import to_numpy
from ..graph.diagnostics import (
    Diagnostic,
    Fault,
    TensorTypeError,
    caller_span,
    standing_at,
)
from ..graph.dim import Dim
from ..graph.layer import Layer, LayerKind
from ..graph.network import BATCH, Network
from ..graph.selecting import Frozen, freeze
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from ..graph.trace import Trace, tracing
from ..graph.types import F32, TensorType
from ..graph.variable import Variable, new_seed
from . import data, fitting
from .batches import prepare
from .callbacks import Callback, History
from .configured import told_to_caller
from .definition import check_definition
from .objective import Compiled
from .progress import progress
from .steps import Steps


class ModelKind(LayerKind):
    """Makes `Model(inputs, outputs)` a functional model."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self is Model and (args or "inputs" in kwargs):
            return LayerKind.__call__(Functional, *args, **kwargs)
        return LayerKind.__call__(self, *args, **kwargs)


class Model(Layer, metaclass=ModelKind):
    """A layer that can be trained: `Model(inputs, outputs)`, or a subclass with `call`.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> x = Input((4,))
    >>> model = Model(x, Dense(2)(x))
    >>> model.count_params()
    10
    """

    stop_training = False
    _compiled: Compiled | None = None
    _steps: Steps | None = None
    called_with: tuple[TensorType, ...] | None = None  # types of a subclass's inputs

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

    def names_of_inputs(self, count: int) -> tuple[str, ...]:
        """The names of so many inputs."""
        return ("input",) if count == 1 else tuple(f"input_{i}" for i in range(count))

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build, and note the types that an eager call came with."""
        super().ensure_built(args, kwargs)
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
        if self.called_with != tuple(types):
            self.called_with = tuple(types)
        inputs = [SymbolicTensor(input_node("x", type)) for type in types]
        with tracing(Trace(training=False)):
            outputs = self.outputs_of(inputs)
        self._bind_goals()
        return tuple(output.type for output in outputs)

    def outputs_of(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for inputs in their order, flat."""
        result = self(inputs[0] if len(inputs) == 1 else list(inputs))
        outputs, structure = tree.flatten(result)
        if not self._output_names:
            self._output_names = _output_names(structure, len(outputs))
        return outputs

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

    @property
    def steps(self) -> Steps:
        """The compiled programs."""
        if self._steps is None:
            self._steps = Steps(self)
        return self._steps

    # The public side.

    @told_to_caller
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train: optimizer, losses and metrics by name or as objects.

        With several outputs, losses, weights and metrics come as lists or as
        dictionaries by output name. `run_eagerly` runs op by op, without compiling.

        With `auto_scale_loss` the optimizer of a model whose dtype policy is
        `mixed_float16` becomes a `LossScaleOptimizer`.

        Two arguments are there so that programs for Keras run, and change nothing:
        `jit_compile` (programs are compiled always) and `steps_per_execution` (a step
        is one call, and figures are the same for any number).
        """
        scale = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
        compiled = Compiled(
            optimizer, loss, loss_weights, metrics, weighted_metrics, run_eagerly, scale
        )
        if self.output_names:
            compiled.bind(self.output_names)
        check_definition(self, compiled)
        self._compiled, self._steps = compiled, None

    @told_to_caller
    def freeze(self, *patterns: str) -> Frozen:
        """Keep weights that patterns fit from being trained; call it before `compile`.

        A pattern is a path or the beginning of one up to a `/`; `*` is anything. Raises
        T0607 for one that fits no weight.

        >>> from tulle.graph.layers import Dense
        >>> from tulle.graph.network import Input
        >>> model = Sequential([Input((3,)), Dense(2, name="encoder"), Dense(1)])
        >>> model.freeze("encoder")
        froze 2 of 4 parameters
        """
        return freeze(self, patterns)

    @told_to_caller
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train on arrays for some epochs; gives the figures of each.

        `x` and `y` are arrays, lists, or dictionaries by input and output name; the
        last batch may be smaller than `batch_size` (32). `verbose` is 0 for nothing, 1
        or `auto` for a bar, 2 for one line an epoch. Raises `DataError` and
        `RunShapeError` for data that do not fit, before anything runs; warns once of a
        loss that is no finite number, and goes on.
        """
        self.demand_compiled()
        seed = new_seed()  # first, so that what is built on the way cannot change it
        if validation_split and validation_data is None:
            train, rest = fitting.split_off(validation_split, x, y, sample_weight)
            (x, y, sample_weight), validation_data = train, rest
        batches = prepare(self, x, y, sample_weight, class_weight, batch_size)
        validation = fitting.validation_batches(
            self, validation_data, validation_batch_size or batches.batch_size
        )
        return fitting.fit(
            self,
            batches,
            epochs=_count(epochs, "epochs"),
            verbose=verbose,
            callbacks=callbacks,
            validation=validation,
            seed=seed if shuffle else None,
            initial_epoch=initial_epoch,
            validation_freq=validation_freq,
        )

    @told_to_caller
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over all samples, in inference mode."""
        self.demand_compiled()
        batches = prepare(self, x, y, sample_weight, batch_size=batch_size)
        display = progress(verbose, self.name)
        try:
            results = fitting.test(self, batches, display)
        finally:
            display.close()
        return results if return_dict else _plain(results)

    @told_to_caller
    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto"
    ) -> Any:
        """The outputs for all samples as NumPy arrays, in inference mode."""
        batches = prepare(self, x, batch_size=batch_size, scored=False)
        display = progress(verbose, self.name)
        try:
            outputs = fitting.predict(self, batches, display)
        finally:
            display.close()
        return self._arranged(outputs)

    @told_to_caller
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; gives the running figures."""
        batch = self._one("train", x, y, sample_weight, class_weight)
        return batch if return_dict else _plain(batch)

    @told_to_caller
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics with one batch more; gives the running figures."""
        batch = self._one("test", x, y, sample_weight, None)
        return batch if return_dict else _plain(batch)

    def _one(self, kind: str, x: Any, y: Any, weight: Any, classes: Any) -> Any:
        compiled = self.demand_compiled()
        batches = prepare(self, x, y, weight, classes, batch_size=2**31)
        self.steps.program(kind, batches.signature)(batches.arrays)
        return compiled.results()

    @told_to_caller
    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch as NumPy arrays."""
        batches = prepare(self, x, batch_size=2**31, scored=False)
        found = self.steps.program("predict", batches.signature)(batches.arrays)
        return self._arranged([to_numpy(value).copy() for value in found.values()])

    def _arranged(self, outputs: Sequence[Any]) -> Any:
        if isinstance(self, Network):
            structure = self.output_structure
            return tree.unflatten(structure, iter(outputs))
        return outputs[0] if len(outputs) == 1 else list(outputs)

    @property
    def optimizer(self) -> Any:
        """The optimizer, None before `compile`."""
        return self._compiled.optimizer if self._compiled else None

    @property
    def loss(self) -> Any:
        """The loss as it was given to `compile`."""
        return self._compiled.loss if self._compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker and the metrics."""
        return self._compiled.all_metrics if self._compiled else []

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`, in the order of what `evaluate` gives."""
        return list(self._compiled.named_metrics) if self._compiled else []

    def reset_metrics(self) -> None:
        """Begin all figures anew."""
        self.demand_compiled().reset()

    def get_metrics_result(self) -> dict[str, float]:
        """The running figures by name."""
        return self.demand_compiled().results()

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

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write model, weights and optimizer into one `.tulle` file, atomically.

        Raises `DataError` T0705 if the place cannot be written.
        """
        from .saving import save_model

        save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into a safetensors file, atomically."""
        from .saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights from a safetensors file or a saved model."""
        from .saving import load_weights

        load_weights(self, filepath)


class Functional(Model, Network):
    """A model made of inputs and outputs."""

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
    ):
        Network.__init__(self, inputs, outputs, name, trainable)
        self._output_names = self._name_outputs()

    layers: list[Layer] = []  # noqa: RUF012 - set by Network

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

    def input_types_for(self, arrays: Sequence[Any]) -> tuple[TensorType, ...]:
        return self.input_types

    def output_types_for(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        self._bind_goals()
        return self.output_types

    def outputs_of(self, inputs: Sequence[Any]) -> list[Any]:
        named = tree.unflatten(self.input_structure, iter(inputs))
        return tree.flatten(self(named))[0]


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
        self.layers: list[Layer] = []
        self._start: SymbolicTensor | None = None
        for item in layers or ():
            self.add(item, rebuild=False)
        self._assemble()

    @property
    def start(self) -> SymbolicTensor | None:
        """The symbolic input, None before it is known."""
        return self._start

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or set the input before the first one."""
        if isinstance(layer, SymbolicTensor):
            if self.layers or self._start is not None:
                raise Fault("T0204", "an `Input` stands first in a `Sequential`")
            self._start = layer
        elif isinstance(layer, Layer):
            self.layers = [*self.layers, layer]
        else:
            raise Fault(
                "T0204",
                f"a `Sequential` is made of layers, and this is {layer!r}",
                argument="layers",
            )
        if rebuild:
            self._assemble()

    def pop(self) -> Layer:
        """Take the last layer away."""
        *self.layers, last = self.layers
        self._assemble()
        return last

    def _assemble(self) -> None:
        if self._start is None or not self.layers:
            return
        layers, x = self.layers, self._start
        for layer in layers:
            # A layer of the library is told at its own line; one of the user's has
            # lines inside that say more.
            with nullcontext() if layer.foreign else standing_at(layer.span):
                x = layer(x)
        Functional.__init__(self, self._start, x, self.given_name, self._trainable)
        self.layers = layers
        self._steps = None

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built or not args:
            return
        given = convert_to_tensor(tree.flatten(args[0])[0][0])
        self._start = self._input_like(given.type)
        with tracing(None):
            self._assemble()

    def _input_like(self, type: TensorType) -> SymbolicTensor:
        """An input of a type, with any number of samples."""
        dims = (Dim.from_symbol(BATCH), *type.shape[1:]) if type.rank else ()
        return SymbolicTensor(input_node("input", TensorType(type.dtype, dims)))

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, None for the batch."""
        sizes = [
            Dim.from_symbol(BATCH) if size is None else Dim.of(size)
            for size in input_shape
        ]
        self._start = SymbolicTensor(input_node("input", TensorType(F32, tuple(sizes))))
        self._assemble()

    def names_of_inputs(self, count: int) -> tuple[str, ...]:
        return tuple(self.input_names) if self.built else ("input",)

    def input_types_for(self, arrays: Sequence[Any]) -> tuple[TensorType, ...]:
        if not self.built:
            types = Model.input_types_for(self, arrays)
            self._start = self._input_like(types[0])
            self._assemble()
        return self.input_types


_FUNCTIONAL: dict[type, type] = {}


def _as_functional(kind: type) -> type:
    """A user's subclass of `Model`, as a functional model too."""
    if kind not in _FUNCTIONAL:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        _FUNCTIONAL[kind] = ModelKind(kind.__name__, (kind, Functional), names)
    return _FUNCTIONAL[kind]


def _output_names(structure: Any, count: int) -> tuple[str, ...]:
    if isinstance(structure, dict) and len(structure) == count:
        return tuple(map(str, structure))
    return ("output",) if count == 1 else tuple(f"output_{i}" for i in range(count))


def _plain(results: dict[str, float]) -> Any:
    values = list(results.values())
    return values[0] if len(values) == 1 else values


def _count(value: Any, name: str) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 0:
        raise Fault(
            "T0204", f"`{name}` is a whole number, not {value!r}", argument=name
        )
    return int(value)
