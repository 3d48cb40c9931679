"""The variables of an optimizer: counters, slots of single variables, their arenas.

A slot belongs to one variable of a model, whatever the compiled step does. For that
step `pack` lays the slots of many variables side by side, as an arena lays out the
variables themselves; the flat slot and the single ones then share their memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.initializers import snake_case
from ..graph.sizes import as_shape
from ..graph.trace import tracing
from ..graph.variable import Variable
from .arguments import checked_items, refuse
from .configured import Configured, told_to_caller
from .notices import warn

if TYPE_CHECKING:
    from ..backend.arena import Arena

Arrays = Mapping[str, np.ndarray[Any, Any]]
Key = tuple[Variable | None, str]


class OptimizerState(Configured):
    """What an optimizer remembers between steps.

    `elementwise` claims for the `update_step` of a class that each element's new value
    follows from the same element of gradient, variable and slots; steps may then run
    over flat memory. A subclass with an `update_step` or slots of its own makes that
    claim anew.
    """

    elementwise = False

    def __init__(self, name: str | None):
        self.name = name or snake_case(type(self).__name__)
        self.built = False
        self._revision = 0
        self._kept: dict[Key, Variable] = {}
        self._unbuilt: dict[Key, Variable] = {}
        self._trainable_variables: list[Variable] = []
        self._packed: dict[Variable, Arena] = {}
        self._flat_slots: dict[Key, Variable] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """A variable that becomes an attribute belongs to the state, as in Keras."""
        if isinstance(value, Variable) and "_kept" in vars(self):
            if all(value is not known for known in self._kept.values()):
                self._keep(None, name.lstrip("_"), value)
        super().__setattr__(name, value)

    def _keep(self, owner: Variable | None, name: str, variable: Variable) -> None:
        free, number = name, 0
        while (owner, free) in self._kept:
            number += 1
            free = f"{name}_{number}"
        self._kept[owner, free] = variable

    # Making slots.

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots for variables; does nothing if that has been done."""
        if self.built:
            return
        self._unbuilt = dict(self._kept)
        self._trainable_variables = list(variables)
        self._revision += 1  # programs read other slots
        self.built = True
        self.make_slots(self._trainable_variables)

    def make_slots(self, variables: list[Variable]) -> None:
        """Add the slots of variables."""

    def ensure_built(self, variables: Iterable[Variable]) -> None:
        """Build, also within a trace, unless that has been done."""
        if not self.built:
            with tracing(None):
                self.build(variables)

    def rebuild(self, variables: Iterable[Variable]) -> None:
        """Build for other variables; those that stay keep their slots' values."""
        variables, before = list(variables), {}
        if self.built and variables == self._trainable_variables:
            return
        if self.built:
            before = {k: v for k, v in self._kept.items() if k not in self._unbuilt}
            self._kept = dict(self._unbuilt)
        self._packed, self._flat_slots, self.built = {}, {}, False
        self.ensure_built(variables)
        for key, variable in self._kept.items():
            if key in before:
                variable.assign(before[key].numpy())

    @told_to_caller
    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the optimizer's own; it is saved with the rest.

        `aggregation` and `layout` are for programs on many devices and change nothing.
        """
        sizes = as_shape(shape, "add_variable")
        return self._add(None, name or "variable", sizes, dtype, initializer)

    @told_to_caller
    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: Any = "zeros",
    ) -> Variable:
        """A slot: a variable with the shape and dtype of one of the model."""
        words = "a variable of a model"
        if not isinstance(reference_variable, Variable):
            refuse("reference_variable", words, reference_variable)
        reference, role = reference_variable, name or "var"
        full = f"{reference.path.replace('/', '_')}_{role}"
        shape, dtype = reference.shape, reference.dtype
        return self._add(reference, role, shape, dtype, initializer, full)

    def _add(
        self,
        owner: Variable | None,
        role: str,
        shape: tuple[int, ...],
        dtype: Any,
        initializer: Any,
        name: str | None = None,
    ) -> Variable:
        made = Variable(initializer, shape, dtype, trainable=False, name=name or role)
        made.path = f"{self.name}/{made.name}"
        self._keep(owner, role, made)
        return made

    @told_to_caller
    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",
    ) -> Any:
        """Slots for all variables: a list of them, or one for each of several names."""
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        starts = list(initializer) if several else [initializer] * len(names)
        found: tuple[list[Variable], ...] = tuple([] for _ in names)
        words = "a list of variables"
        given = checked_items(
            "trainable_variables", trainable_variables, Variable, words
        )
        for variable in given:
            for slots, role, start in zip(found, names, starts, strict=True):
                slots.append(self.add_variable_from_reference(variable, role, start))
        return found[0] if isinstance(name, str) else found

    # Finding them.

    @property
    def variables(self) -> list[Variable]:
        """The state, in the order in which it was made."""
        return list(self._kept.values())

    def slot(self, variable: Variable, name: str) -> Variable:
        """A slot of a variable."""
        key = (variable, name)
        found = self._flat_slots.get(key, self._kept.get(key))
        if found is None:
            raise Fault(
                "T0204",
                f"`{self.name}` has made no `{name}` for `{variable.path}`",
                help=["change settings before the optimizer's first step"],
            )
        return found

    def has_slot(self, variable: Variable, name: str) -> bool:
        """Whether a variable has a slot of that name."""
        key = (variable, name)
        return key in self._kept or key in self._flat_slots

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable among those that the optimizer was built for."""
        return self._trainable_variables.index(variable)

    # Packing.

    def packable(self, variables: Sequence[Variable]) -> list[list[Variable]]:
        """Groups of variables that a step may treat as one flat array each."""
        return [list(variables)] if self._runs_flat() else []

    def _runs_flat(self) -> bool:
        for kind in type(self).__mro__:
            own = vars(kind)
            if "elementwise" in own:
                return bool(own["elementwise"])
            if "update_step" in own or "build" in own:
                return False
        return False

    def pack(self, homes: Iterable[Arena]) -> None:
        """Let the slots of an arena's variables lie side by side as well."""
        from ..backend.arena import arenas

        for home in homes:
            first = home.variables[0]
            names = [name for owner, name in self._kept if owner is first]
            for name in names:
                slots = [self._kept[variable, name] for variable in home.variables]
                (flat,) = arenas(slots, f"arena_{name}")
                self._flat_slots[home.variable, name] = flat.variable
            self._packed[home.variable] = home

    def parts(self, variable: Variable) -> tuple[Variable, ...]:
        """The single variables in a flat one; else the variable itself."""
        home = self._packed.get(variable)
        return (variable,) if home is None else home.variables

    def touched(self) -> list[Variable]:
        """All variables that a step may assign."""
        flat = [*self._packed, *self._flat_slots.values()]
        return [*self._trainable_variables, *flat, *self.variables]

    # Files.

    def named_variables(
        self, names: Mapping[Variable, str] | None = None
    ) -> dict[str, Variable]:
        """All state by name; a slot under the path of the variable it belongs to.

        `names` are other names for variables than their paths.
        """
        return {_file_name(key, names): v for key, v in self._kept.items()}

    def state(
        self, names: Mapping[Variable, str] | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        """The values of all state by name, as `named_variables` says."""
        return {n: v.numpy() for n, v in self.named_variables(names).items()}

    def restore(
        self, state: Arrays, names: Mapping[Variable, str] | None = None
    ) -> None:
        """Take over what `state` gave; slots that it lacks stay as they are."""
        for key, variable in self._kept.items():
            value = state.get(_file_name(key, names))
            if value is not None:
                variable.assign(value)

    @told_to_caller
    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give all `variables` values, arrays in the same order."""
        if not self.built:
            raise Fault(
                "T0204",
                "this optimizer has no slots yet, so there is nothing to set",
                help=["call `optimizer.build(model.trainable_variables)` first"],
            )
        variables = self.variables
        weights = checked_items("weights", weights, object, "a list of arrays")
        if len(weights) != len(variables):
            raise Fault(
                "T0204",
                f"{len(weights)} arrays do not belong to {len(variables)} variables",
                argument="weights",
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the state into a store, under `"0"`, `"1"`, … in the order it has."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the state from a store; one of another size is left, with a warning."""
        variables = self.variables
        if len(store) != len(variables):
            unbuilt = "" if self.built else ": it has not been built"
            warn(
                f"the state of `{self.name}` is left as it is, for it has "
                f"{len(variables)} variables and the file {len(store)}{unbuilt}"
            )
            return
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])


def _file_name(key: Key, names: Mapping[Variable, str] | None) -> str:
    owner, name = key
    return name if owner is None else f"{(names or {}).get(owner, owner.path)}/{name}"
