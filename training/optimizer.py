"""The base of optimizers: slots, clipping, weight decay, constraints, state.

A variable given to `build` may be an arena: many variables laid side by side in one
flat array. Then a step is one computation over flat memory; what must look at single
variables (clipping by their norm, exclusions, constraints) uses the arena's layout.
Order of a step: clipping, weight decay, update, constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.registry import call
from ..graph.tensor import Tensor, convert_to_tensor
from ..graph.variable import Variable
from . import schedules
from .configured import Configured, find, told_to_caller


@dataclass(frozen=True)
class Part:
    """A variable's place in an arena."""

    variable: Variable
    start: int

    @property
    def stop(self) -> int:
        return self.start + self.variable.size


Layout = Mapping[Variable, Sequence[Part]]


class Optimizer(Configured):
    """The base of optimizers: a subclass gives `update_step`, and `build` for slots.

    `learning_rate` is a number or a schedule. `clipnorm` shrinks each gradient to a
    norm, `global_clipnorm` all of them together, `clipvalue` each element; one of them
    may be given. `weight_decay` is decoupled (Loshchilov and Hutter 2017).
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ):
        self.name = name or type(self).__name__.lower()
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self._check_settings()
        self._slots: dict[tuple[Variable, str], Variable] = {}
        self._layout: dict[Variable, Sequence[Part]] = {}
        self._built: list[Variable] = []
        self._without_decay: list[Any] = []
        self.iterations = Variable(0, dtype="int64", trainable=False, name="iteration")
        self._schedule: Any = None
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            self._schedule, learning_rate = learning_rate, 0.0
        if isinstance(learning_rate, dict):
            self._schedule = schedule_of(learning_rate)
            learning_rate = 0.0
        self._rate = Variable(
            learning_rate, dtype="float32", trainable=False, name="learning_rate"
        )

    def _check_settings(self) -> None:
        names = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise Fault(
                "T0204",
                f"`{given[0]}` and `{given[1]}` exclude each other",
                argument=given[1],
            )
        for name in given:
            if not getattr(self, name) > 0:
                raise Fault("T0204", f"`{name}` is positive", argument=name)

    # State.

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a variable, or what the schedule says."""
        if self._schedule is None:
            return self._rate
        return self._schedule(self.iterations.value)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, schedules.LearningRateSchedule):
            self._schedule = value
        else:
            self._schedule = None
            self._rate.assign(value)

    @property
    def variables(self) -> list[Variable]:
        """The state: number of steps, rate and slots."""
        return [self.iterations, self._rate, *self._slots.values()]

    @property
    def built(self) -> bool:
        return bool(self._built)

    @property
    def _trainable_variables(self) -> list[Variable]:
        return list(self._built)

    def build(
        self, variables: Iterable[Variable], layout: Layout | None = None
    ) -> None:
        """Make the slots for variables; `layout` says which of them are arenas."""
        self._built = list(variables)
        self._layout = dict(layout or {})
        self._slots.clear()
        for variable in self._built:
            for name in self.slot_names():
                self.add_variable_from_reference(variable, name)

    def slot_names(self) -> tuple[str, ...]:
        """The slots that every variable has."""
        return ()

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str,
        initializer: Any = "zeros",
    ) -> Variable:
        """A slot with the shape and dtype of a variable."""
        reference = reference_variable
        slot = Variable(
            initializer,
            reference.shape,
            reference.dtype,
            trainable=False,
            name=f"{reference.name}_{name}",
        )
        slot.path = f"{self.name}/{reference.path}_{name}"
        self._slots[reference, name] = slot
        return slot

    def slot(self, variable: Variable, name: str) -> Variable:
        """A slot of a variable."""
        return self._slots[variable, name]

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Spare variables, or those whose path contains a word, from weight decay."""
        self._without_decay += [*(var_list or ()), *(var_names or ())]

    def state(
        self, names: Mapping[Variable, str] | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        """All state by name; a slot under the path of the variable it belongs to.

        `names` are other names for variables than their paths.
        """
        found = {
            "iterations": self.iterations.numpy(),
            "learning_rate": self._rate.numpy(),
        }
        for (variable, name), slot in self._slots.items():
            values = slot.numpy().reshape(-1)  # once: a slot may hold many parts
            for part in self.parts(variable):
                key = _key(part.variable, name, names)
                own = values[part.start : part.stop]
                found[key] = own.reshape(part.variable.shape)
        return found

    def restore(
        self,
        state: Mapping[str, np.ndarray[Any, Any]],
        names: Mapping[Variable, str] | None = None,
    ) -> None:
        """Take over what `state` gave; slots that it lacks stay as they are."""
        for key, variable in (
            ("iterations", self.iterations),
            ("learning_rate", self._rate),
        ):
            if key in state:
                variable.assign(state[key])
        for (variable, name), slot in self._slots.items():
            value = slot.numpy().reshape(-1)
            for part in self.parts(variable):
                key = _key(part.variable, name, names)
                if key in state:
                    value[part.start : part.stop] = state[key].reshape(-1)
            slot.assign(value.reshape(slot.shape))

    def parts(self, variable: Variable) -> Sequence[Part]:
        """The single variables that an arena holds; else the variable itself."""
        return self._layout.get(variable) or (Part(variable, 0),)

    # Steps.

    @told_to_caller
    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """One step along gradients of the variables given, or of those built for."""
        chosen = self._built if trainable_variables is None else trainable_variables
        variables = list(chosen)
        if len(grads) != len(variables):
            raise Fault(
                "T0204",
                f"{len(grads)} gradients do not belong to {len(variables)} variables",
                argument="grads",
            )
        if not self._built:
            self.build(variables)
        self._check_known(variables)
        pairs = [
            (convert_to_tensor(gradient, variable.dtype), variable)
            for gradient, variable in zip(grads, variables, strict=True)
            if gradient is not None
        ]
        self._step(pairs)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """One step along pairs of gradient and variable."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def _check_known(self, variables: Sequence[Variable]) -> None:
        known = set(self._built)
        strange = [v for v in variables if v not in known]
        if strange:
            raise Fault(
                "T0204",
                f"this optimizer was built for other variables: `{strange[0].path}` is "
                "not among them",
                help=["make a new optimizer, or call `build` with all variables first"],
            )

    def _step(self, pairs: list[tuple[Any, Variable]]) -> None:
        rate = convert_to_tensor(self.learning_rate)
        for gradient, variable in self._clipped(pairs):
            own_rate = call("cast", rate, variable.dtype)
            self._decay(variable, own_rate)
            self.update_step(gradient, variable, own_rate)
            self._constrain(variable)
        self.iterations.assign_add(1)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Assign a variable and its slots their next values."""
        raise Fault("T0204", f"`{type(self).__name__}` has no `update_step`")

    def _clipped(self, pairs: list[tuple[Any, Variable]]) -> list[tuple[Any, Variable]]:
        if self.clipvalue is not None:
            low, high = -self.clipvalue, self.clipvalue
            return [(call("clip", g, low, high), v) for g, v in pairs]
        if self.clipnorm is not None:
            limit = self.clipnorm
            return [
                (self._each(v, g, lambda p, x: shrunk(x, limit)), v) for g, v in pairs
            ]
        if self.global_clipnorm is not None:
            total = sum(
                call("cast", call("sum", call("square", g)), "float32")
                for g, _ in pairs
            )
            scale = _scale(total, self.global_clipnorm)
            return [(g * call("cast", scale, g.dtype), v) for g, v in pairs]
        return pairs

    def _each(
        self,
        variable: Variable,
        value: Any,
        function: Callable[[Variable, Any], Any],
    ) -> Any:
        """A value with a function applied to each single variable's part of it."""
        parts = self._layout.get(variable)
        if parts is None:
            return function(variable, value)
        pieces, position = [], 0
        for part in parts:
            if part.start > position:
                pieces.append(value[position : part.start])
            piece = call("reshape", value[part.start : part.stop], part.variable.shape)
            piece = function(part.variable, piece)
            pieces.append(call("reshape", piece, (part.variable.size,)))
            position = part.stop
        if position < variable.size:
            pieces.append(value[position : variable.size])
        return call("concatenate", pieces) if len(pieces) > 1 else pieces[0]

    def _decay(self, variable: Variable, rate: Any) -> None:
        if self.weight_decay is None:
            return
        spared = [self._spared(part.variable) for part in self.parts(variable)]
        if all(spared):
            return
        loss = variable.value * self.weight_decay * rate
        if any(spared):
            keep = np.ones(variable.shape, variable.type.dtype.numpy)
            for part, is_spared in zip(self.parts(variable), spared, strict=True):
                if is_spared:
                    keep.reshape(-1)[part.start : part.stop] = 0
            loss = loss * Tensor(keep)
        variable.assign(variable.value - loss)

    def _spared(self, variable: Variable) -> bool:
        return any(
            word in variable.path if isinstance(word, str) else word is variable
            for word in self._without_decay
        )

    def _constrain(self, variable: Variable) -> None:
        if all(part.variable.constraint is None for part in self.parts(variable)):
            return
        variable.assign(
            self._each(
                variable,
                variable.value,
                lambda v, x: x if v.constraint is None else v.constraint(x),
            )
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _key(variable: Variable, slot: str, names: Mapping[Variable, str] | None) -> str:
    return f"{(names or {}).get(variable, variable.path)}/{slot}"


def shrunk(gradient: Any, limit: float) -> Any:
    """A gradient whose norm is at most `limit`."""
    return gradient * _scale(call("sum", call("square", gradient)), limit)


def _scale(total: Any, limit: float) -> Any:
    return limit / call("maximum", call("sqrt", total), limit)


def schedule_of(config: dict[str, Any]) -> Any:
    """The schedule that a configuration describes."""
    kinds = schedules.BY_NAME
    kind = find(config["class_name"], "schedule", kinds, {}, "learning_rate")
    return kind.from_config(config["config"])
