"""What a layer owns: variables and sublayers by name, their order, what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np

from . import constraints, regularizers
from .calling import held_to_signature, told_with
from .diagnostics import Fault, Span, TensorTypeError, caller_span
from .dim import Dim, Origin
from .kinds import CALLS, TRUTH
from .layer_parts import free_name, signature, unknown_argument
from .size_origins import WINDOW
from .sizes import as_shape
from .types import DType, dtype_of
from .variable import Variable


class LayerState:
    """The variables of a layer and of the layers in its attributes."""

    name: Any
    built: bool
    given_name: str | None
    # Attributes that no copy takes.
    made_anew: ClassVar[tuple[str, ...]] = ("_first_call", "_losses")
    policy: Any
    span: Span | None
    argument_spans: dict[str, Span]
    _weights: list[Variable]
    _call_programs: Any
    _given: dict[str, Any]
    _trainable: bool

    @told_with(CALLS)
    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        name: str | None = None,
        **unknown: Any,
    ) -> Variable:
        """A new weight, owned by this layer. Glorot uniform unless told otherwise.

        Its dtype is the policy's `variable_dtype`; within `call` it is read in the
        compute dtype, or with `autocast=False` in its own. `aggregation` is Keras's
        and changes nothing: a weight has one copy.
        """
        if unknown:
            names = list(signature(LayerState.add_weight).parameters)[1:-1]
            raise unknown_argument("add_weight", next(iter(unknown)), names)
        kind = dtype_of(self.policy.stored if dtype is None else dtype)
        if initializer is None:
            initializer = "glorot_uniform" if kind.is_float else "zeros"
        sizes = () if shape is None else shape
        if not isinstance(sizes, (tuple, list)) or not any(map(_is_nest, sizes)):
            sizes = as_shape(sizes, "add_weight")
        shape = tuple(self.told(Dim.of(size)) for size in sizes)
        variable = Variable(
            initializer, shape, kind, trainable, autocast, aggregation, name,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )  # fmt: skip
        variable.path = f"{self.name}/{variable.name}"
        self._weights.append(variable)
        return variable

    add_variable = add_weight

    def told(self, dim: Dim, axis: int = -1) -> Dim:
        """A size with its origin, if an argument of this layer has that value.

        `axis` of an output counts from the last; those of space are no `filters`.
        """
        if dim.origin is not None or dim.value is None:
            return dim
        for key, value in self._given.items():
            if type(value) is int and value == dim.value:
                if axis == -1 or key not in ("filters", "units", *WINDOW):
                    setting = f"`{key}` of `{self.name}`"
                    place = self.argument_spans.get(key, self.span)
                    return dim.born(Origin(f"{dim} is {setting}", place, None, setting))
        return dim

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, or a pickled layer, takes: not the calls on symbols."""
        left = type(self).made_anew
        state = {key: v for key, v in self.__dict__.items() if key not in left}
        state["_call_programs"] = type(self._call_programs)()
        return {**state, "_losses": [], "_first_call": None}

    def __copy__(self) -> Self:
        """A layer of the same variables; what either gets later is its own."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__getstate__(), _weights=[*self._weights])
        return copied

    def __deepcopy__(self, known: dict[int, Any]) -> LayerState:
        """A layer with variables of its own, of the same values and names."""
        copied: LayerState = object.__new__(type(self))
        known[id(self)] = copied
        copied.__dict__.update(deepcopy(self.__getstate__(), known))
        return copied

    def children(self) -> Iterator[tuple[str, Any]]:
        """Own variables and sublayers with the attribute they stand in, each once.

        Variables come in the order of creation, those that are trained first.
        """
        found: dict[int, tuple[str, LayerState | Variable]] = {}
        for attribute, value in self.__dict__.items():
            if type(value) in _PLAIN or attribute in _UNSEEN:
                continue
            if isinstance(value, _HELD):
                found.setdefault(id(value), (attribute, value))
            elif isinstance(value, _NESTS):
                for suffix, item in _members(value):
                    found.setdefault(id(item), (attribute + suffix, item))
        own = [
            found.pop(id(weight), (f"_weights_{index}", weight))
            for index, weight in enumerate(self._weights)
        ]
        yield from sorted((*own, *found.values()), key=_order)

    def named_variables(self) -> dict[str, Variable]:
        """All variables by path: attribute names, or given names, joined by slashes."""
        return self.walked()[0]

    def walked(self) -> tuple[dict[str, Variable], list[LayerState]]:
        """All variables by path, and all layers below, on the way to them."""
        found: dict[str, Variable] = {}
        layers: list[LayerState] = []
        seen: set[int] = set()
        stack: list[tuple[str, LayerState]] = [("", self)]
        while stack:
            prefix, layer = stack.pop()
            below: list[tuple[str, LayerState]] = []
            for key, child in layer.children():
                if id(child) in seen:
                    continue
                seen.add(id(child))
                name = layer.child_name(key, child)
                if isinstance(child, LayerState):
                    layers.append(child)
                    below.append((f"{prefix}{name}/", child))
                else:
                    found[free_name(prefix + name, found)] = child
            stack += reversed(below)
        return found, layers

    def child_name(self, attribute: str, child: Any) -> str:
        """What a sublayer or variable is called in paths below this layer."""
        given = child.given_name if isinstance(child, LayerState) else child.name
        plain = given in (None, "variable")
        if plain and not attribute.startswith("_"):
            return attribute
        return str(given or child.name)

    def name_variables(self, prefix: str) -> None:
        """Give each variable its full path."""
        for path, variable in self.named_variables().items():
            variable.path = prefix + path

    @property
    def sublayers(self) -> list[Any]:
        """All layers below this one, each once."""
        return list(self._call_programs.below(self)[1])

    @property
    def variables(self) -> list[Variable]:
        """All variables: own ones, then those of the layers inside."""
        return list(self._call_programs.below(self)[0].values())

    weights = variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        named, layers = self._call_programs.below(self)
        frozen: set[int] = set()
        for layer in (self, *layers):
            if not layer._trainable:
                frozen.update(id(v) for v in layer.variables)
        return [v for v in named.values() if v.trainable and id(v) not in frozen]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        learning = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in learning]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights that were made to be trained."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        try:
            flag = TRUTH.read("trainable", value)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        # Layers inside ask themselves: a frozen batch normalization does not learn.
        for layer in (self, *self.sublayers):
            layer._trainable = flag
            layer.tell_weights()

    def tell_weights(self) -> None:
        """Weights that were made to be trained are so as long as the layer is."""
        for weight in self._weights:
            weight.trainable = weight.made_trainable and self._trainable

    @held_to_signature
    def count_params(self) -> int:
        """The number of parameters."""
        return sum(variable.size for variable in self.variables)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """The values of all weights."""
        return [variable.numpy() for variable in self.variables]

    @told_with(CALLS)
    def set_weights(self, weights: list[Any]) -> None:
        """Assign all weights, in the order of `weights`.

        Raises T0203 for another number of them, `DataError` for another shape.
        """
        self._take(self.variables, list(weights))

    def _take(self, variables: list[Variable], values: list[Any]) -> None:
        if len(variables) != len(values):
            names = ", ".join(f"`{variable.path}`" for variable in variables[:8])
            fault = Fault(
                "T0203",
                f"`{self.name}` has {len(variables)} weights and got {len(values)} "
                "values",
                notes=[f"its weights are {names}"] if names else [],
                help=[] if self.built else ["build it first: `layer.build(shape)`"],
            )
            raise TensorTypeError.of(fault, caller_span())
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    # What `save` and `load` of a layer of its own kind may override.

    @property
    def _own(self) -> list[Variable]:
        return [child for _, child in self.children() if isinstance(child, Variable)]

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the variables of this layer, without those inside, into `store`.

        The keys are "0", "1" and so on.
        """
        for index, variable in enumerate(self._own):
            store[str(index)] = variable.numpy()

    @told_with(CALLS)
    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the variables that `save_own_variables` stored."""
        self._take(self._own, [store[key] for key in sorted(store, key=int)])


def _is_nest(size: Any) -> bool:
    """Whether a size is a shape: what was given is a list, which its caller tells."""
    return isinstance(size, (tuple, list))


# Attributes that hold layers or variables which do not belong to the layer.
_UNSEEN = frozenset(
    ("_weights", "_first_call", "_given", "_as_made", "_starts", "_order", "unreached")
)
_PLAIN = frozenset((bool, int, float, str, type(None), DType, Span))


def _order(child: tuple[str, Any]) -> int:
    """Variables that are trained come first, then other variables, then layers."""
    item = child[1]
    return 2 if isinstance(item, LayerState) else int(not item.made_trainable)


def _members(value: Any, above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The layers and variables in an attribute, lists and dictionaries included.

    One that is in itself, among those `above`, is passed by.
    """
    if id(value) in above:
        return
    above = (*above, id(value))
    if isinstance(value, _HELD):
        yield "", value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if type(item) not in _PLAIN:
                for suffix, member in _members(item, above):
                    yield f"_{index}{suffix}", member
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(item) not in _PLAIN:
                for suffix, member in _members(item, above):
                    yield f"_{key}{suffix}", member


_HELD, _NESTS = (LayerState, Variable), (list, tuple, dict)
