"""`Layer`: named state and a `call` written with ops.

Called on symbols, a layer becomes one node; its `call` is traced when the node is
expanded, once a mode. Called on values, or while an outer layer is traced, it just
runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import policies, regularizers, tree
from .autocasting import autocast_dtype, autocasting
from .cyclic_nests import refuses_cyclic_nests
from .diagnostics import (
    DataError,
    Diagnostic,
    Fault,
    TensorTypeError,
    caller_span,
    placed,
)
from .input_spec import check_input
from .layer_calls import (
    first_argument,
    is_plain,
    own_lists,
    placeholder,
    plain_operands,
    recast,
    refuse_layers,
    shapes_for,
    with_masks,
)
from .layer_config import LayerConfiguration
from .layer_kind import LayerKind
from .layer_losses import AddingLosses
from .layer_metrics import Measuring
from .layer_parts import (
    argument_fault,
    call_fault,
    input_fault,
    outer_operands,
    parameters,
    per_sample,
    refuse_cycles,
    signature,
)
from .layer_state import LayerState
from .layer_symbols import CalledOnSymbols
from .masking import carry
from .missing_attributes import OF_LAYERS, explain_missing
from .nested_tensors import holds_arrays, lists_as_tensors
from .recording import recording
from .registry import OPS
from .tensor import SymbolicTensor
from .trace import (
    asked_training,
    current_trace,
    enter_layer,
    inside_layer,
    leave_layer,
    tracing,
    training_mode,
)
from .types import DType
from .uncalled_layers import not_applied
from .watching import is_of_library

VALUES_WANTED = "T0503"  # what a symbol says when code asks for its value


class Layer(
    LayerState, LayerConfiguration, CalledOnSymbols, AddingLosses, Measuring,
    metaclass=LayerKind,
):  # fmt: skip
    """The base of all layers.

    A subclass makes sublayers and static settings in `__init__`, weights in
    `build(input_shape)` with `add_weight`, and computes in `call`. `name` is made
    unique within a model if not given; `trainable=False` freezes all weights. `dtype`
    is a dtype or a `DTypePolicy`; `autocast=False` leaves inputs and weights in the
    dtypes that they have.

    >>> import numpy as np
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
    input_spec: Any = None  # an `InputSpec` for each input, checked at each call
    opaque = False  # whether `call` works on values only
    takes_ids = False  # whether floats may be ids, which no narrow dtype may round
    auto_name: str | None
    given_name: str | None
    autocast: bool
    _named: bool
    _building: bool
    announced: tuple[Any, ...] | None  # `input_shape` as it was given, for `Sequential`

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs:
            message = f"unexpected keyword argument '{next(iter(kwargs))}'"
            raise argument_fault(type(self), kwargs, TypeError(message))
        self.given_name = name
        self._trainable, self.autocast = trainable, autocast
        self.dtype_policy = policies.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def _build_below(self, input_shape: Any) -> None:
        """Make the weights; called once, before the first `call`.

        A layer without weights of its own builds those inside by a call on symbols.
        Several arguments are the shapes of those of `call`: `<argument>_shape`.
        """
        if not self._building and self.sublayers:
            self.compute_output_spec(placeholder(input_shape, self.input_dtype))

    build: Callable[..., None] = _build_below

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, with ops on the arguments."""
        raise TensorTypeError(
            Diagnostic(
                "T0204",
                f"`{type(self).__name__}` has no `call`",
                self.span,
                help=("say what it computes: `def call(self, x): …`",),
            )
        )

    # Masks.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output: the input's, if the layer `supports_masking`."""
        return previous_mask if self.supports_masking else None

    @property
    def makes_mask(self) -> bool:
        """Whether `compute_mask` is the layer's own and may make a mask of nothing."""
        return type(self).compute_mask is not Layer.compute_mask

    # Calls.

    @refuses_cyclic_nests
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mask, operands = None, plain_operands(args, kwargs)
        if operands is None:
            args, kwargs = lists_as_tensors((args, kwargs))
            kwargs, mask = with_masks(self, args, kwargs)
        elif kwargs or len(args) != 1 or args[0].__class__ is list:
            args, kwargs = own_lists((args, kwargs))
        result = self._called(args, kwargs, operands)
        try:
            carry(self, first_argument(args, kwargs), mask, result)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        return result

    def _called(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], plain: list[Any] | None
    ) -> Any:
        trace = current_trace()
        operands = tree.flatten((args, kwargs))[0] if plain is None else plain
        try:
            if plain is None:
                refuse_layers(args)
            if self.input_spec is not None:
                check_input(self, first_argument(args, kwargs))
            if trace is None and SymbolicTensor in map(type, operands):
                result = self._symbolic_call(args, kwargs)
            elif inside_layer() or (trace is not None and not trace.forgetful):
                return self._call_programs.call(self, args, kwargs)
            else:
                result = self._outermost_call(args, kwargs)
        except Fault as fault:
            outer_operands(fault, self, operands)
            raise TensorTypeError.of(fault, caller_span(), (), args) from None
        except DataError as error:
            raise placed(error, f"in `{self.name}`") from None
        except (AttributeError, IndexError, TypeError):
            told = input_fault(self, first_argument(args, kwargs))
            if told is None:
                raise
            raise TensorTypeError.of(told, caller_span()) from None
        if not self._named:
            self._named = True
            self.name_variables(f"{self.name}/")
        return result

    def _outermost_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._forget_losses()
        token = enter_layer()
        try:
            return self._call_programs.call(self, args, kwargs)
        finally:
            leave_layer(token)

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments of a call with floats in the dtype of the layer."""
        if self.takes_ids or not self.autocast:
            return arguments
        dtype = self.input_dtype
        if is_plain(*arguments) and arguments[0][0].type.dtype == dtype:
            return arguments
        operands, structure = tree.flatten(arguments)
        types = [operand.type.dtype for operand in operands]
        if not any(t.is_float and t != dtype for t in types):
            return arguments
        return tree.unflatten(structure, (recast(o, dtype) for o in operands))

    def run_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Build if need be, then compute on the operands given, in the layer's dtype.

        `training` is the mode for this layer and those inside; a `call` without that
        argument need not know. A `call` that asks a symbol for values makes the layer
        opaque: from then on it is a Python step.
        """
        args, kwargs = self.cast_inputs((args, kwargs))
        self.ensure_built(args, kwargs)
        mode = self._mode(kwargs)
        if self.wants_training:
            kwargs = {**kwargs, "training": bool(mode)}
        elif "training" in kwargs:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        with training_mode(mode), autocasting(self.seen_as()):
            trace = current_trace()
            if trace is None:
                return self.run_body(args, kwargs)
            if not self.opaque:
                try:
                    return self.run_body(args, kwargs)
                except TensorTypeError as error:
                    if trace.strict or not self._wants_values(error):
                        raise
                self.opaque = True
            opaque: Any = OPS["opaque"]
            return opaque.call_symbolic(self, args, kwargs)

    def _mode(self, kwargs: dict[str, Any]) -> bool | None:
        """Whether this call trains: as passed, as an outer layer says, by default."""
        given = kwargs.get("training")
        if given is not None:
            return bool(given)
        asked = asked_training()
        if asked is not None or not self.wants_training:
            return asked
        return self.usual_mode

    def seen_as(self) -> DType | None:
        """The dtype that variables are read in while this layer computes."""
        policy = self.policy
        if not self.autocast or not policy.compute.is_float:
            return None
        mixed = autocast_dtype() is not None or policy.compute != policy.stored
        return policy.compute if mixed else None

    @property
    def foreign(self) -> bool:
        """Whether `call` runs code of the user's."""
        return not is_of_library(type(self))

    def _wants_values(self, error: TensorTypeError) -> bool:
        """Whether a user's `call` failed because a symbol has no value."""
        return self.foreign and error.diagnostics[0].code == VALUES_WANTED

    def run_body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`call` itself; on values, arrays become tensors and a `vjp` is recorded."""
        try:
            result = self.call(*args, **kwargs)
        except TypeError as error:
            # Python refused the arguments if no frame below this one was entered.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise call_fault(self, kwargs, error) from None
        if current_trace() is None and holds_arrays(result):
            result = lists_as_tensors(result)
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

    @property
    def usual_mode(self) -> bool | None:
        """What `training` of `call` is where nobody says it, if `call` says that."""
        if not self.wants_training:
            return None
        default = signature(type(self).call).parameters["training"].default
        return default if isinstance(default, bool) else None

    def ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call `build` once, with the shape or shapes of the tensors."""
        if self.built:
            return
        refuse_cycles(self, Layer)
        build: Any = type(self).build
        shapes = shapes_for(self, build, args, kwargs)
        if build is Layer.build:
            self._build_shapes, self.built = shapes, True
        else:
            self.build_now(build, shapes)
        if self.input_spec is not None:
            check_input(self, first_argument(args, kwargs))

    def build_now(self, build: Any, shapes: dict[str, Any]) -> None:
        """Run a `build` on shapes, eagerly, and note that the layer is built."""
        direct = build is getattr(Layer.build, "__wrapped__", None)
        self._building = not direct
        try:
            with tracing(None), autocasting(None):
                build(self, **shapes)
        finally:
            self._building = False
        self._build_shapes, self.built = shapes, True
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

    def __getitem__(self, index: Any) -> Any:
        raise TensorTypeError.of(not_applied(self), caller_span())

    __iter__ = None  # not by indexing until it fails

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


explain_missing(Layer, OF_LAYERS)
