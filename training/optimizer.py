"""The base of optimizers: what a step does around the rule of a class.

Order of a step: unscaling, accumulation, clipping, weight decay, update, moving
average, constraints. It is written with ops and assignments alone, so the same text
runs eagerly, inside `function` and in the compiled step of `fit`, there over arenas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..graph.call_programs import kept_with
from ..graph.diagnostics import Fault
from ..graph.missing_attributes import OF_OPTIMIZERS, explain_missing
from ..graph.registry import call
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor
from ..graph.variable import Variable
from ..graph.variable_substitution import replacing
from .arguments import checked_items, refuse
from .configured import told_to_caller
from .notices import warn
from .optimizer_programs import StepPrograms
from .optimizer_settings import OptimizerSettings, Rate

__all__ = ["Optimizer", "Pairs", "Rate", "only_if"]
Pairs = list[tuple[Any, Variable]]


class Optimizer(OptimizerSettings):
    """The base of optimizers: a subclass gives `update_step`, and slots in `build`.

    `learning_rate` is a number, a schedule, or a function without arguments.
    `clipnorm` shrinks each gradient to a norm, `global_clipnorm` all of them together,
    `clipvalue` each element; one of them may be given. `weight_decay` is decoupled
    (Loshchilov and Hutter 2017). `use_ema` keeps a moving average of the variables,
    which takes their place every `ema_overwrite_frequency` steps, or at the end of
    `fit`. `loss_scale_factor` scales the loss up and gradients down again.
    `gradient_accumulation_steps` averages the gradients of so many calls before each
    step.

    >>> class Signs(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         variable.assign_sub(call("sign", gradient) * learning_rate)
    >>> variable = Variable([1.0, 2.0])
    >>> Signs(0.5).apply([[3.0, -4.0]], [variable])
    >>> variable.numpy().tolist()
    [0.5, 2.5]
    """

    def make_slots(self, variables: list[Variable]) -> None:
        if self.use_ema:
            self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self.add_optimizer_variables(variables, "gradient_accumulator")

    # Steps.

    @told_to_caller
    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """One step along gradients of the variables given, or of those built for.

        A gradient of None leaves its variable alone. Raises T0204 for variables that
        the optimizer was not built for, and where no gradient is there at all.
        """
        pairs = self._paired(grads, trainable_variables)
        if pairs:
            kept_with(self, "apply", StepPrograms).take(self, pairs)

    def _paired(
        self, grads: Sequence[Any], given: Sequence[Variable] | None
    ) -> list[tuple[Any, Variable]]:
        """Gradients, as tensors, with the variables that have one."""
        grads = checked_items("grads", grads, object, "a list of gradients")
        if given is None and not self.built:
            raise Fault(
                "T0204",
                "the optimizer does not know yet which variables it moves",
                argument="trainable_variables",
                help=["pass them, or call `optimizer.build(variables)` first"],
            )
        variables = list(self._trainable_variables if given is None else given)
        if len(grads) != len(variables):
            raise Fault(
                "T0204",
                f"{len(grads)} gradients do not belong to {len(variables)} variables",
                argument="grads",
            )
        if not grads:
            return []
        for variable in variables:
            _check_variable(variable)
        self.ensure_built(variables)
        self._check_known(variables)
        pairs = [
            (_fitting(gradient, variable), variable)
            for gradient, variable in zip(grads, variables, strict=True)
            if gradient is not None
        ]
        lost = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if not pairs:
            raise Fault(
                "T0204",
                "none of the gradients is there: all of them are None",
                argument="grads",
                help=[
                    "compute the loss inside the tape, from the variables",
                    f"the variables are {', '.join(f'`{path}`' for path in lost[:5])}",
                ],
            )
        if lost and not self._told >= set(lost):
            self._told |= set(lost)
            named = ", ".join(f"`{path}`" for path in lost[:5])
            warn(f"there is no gradient for {named}: they are left as they are")
        return pairs

    @told_to_caller
    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """One step along pairs of gradient and variable; gives the count of calls."""
        words = "pairs of a gradient and its variable"
        pairs = checked_items("grads_and_vars", grads_and_vars, (tuple, list), words)
        if any(len(pair) != 2 for pair in pairs):
            refuse("grads_and_vars", words, grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """The values of variables and state after a step from other values of theirs.

        Gives those of the trainable variables, then those of `variables`; assigns
        nothing.
        """
        state, trained = self.variables, self._trainable_variables
        values: dict[Variable, Any] = {}
        for group, given, word in (
            (state, optimizer_variables, "optimizer_variables"),
            (trained, trainable_variables, "trainable_variables"),
        ):
            if len(group) != len(given):
                self._refuse_count(word, len(given), len(group))
            pairs = zip(group, given, strict=True)
            values.update((v, convert_to_tensor(x, v.dtype)) for v, x in pairs)
        with replacing(values):
            self.apply(grads, trained)
        return [values[v] for v in trained], [values[v] for v in state]

    @told_to_caller
    def _refuse_count(self, argument: str, given: int, wanted: int) -> None:
        raise Fault(
            "T0204",
            f"`{argument}` has {given} values, and the optimizer has {wanted} "
            "variables there",
            argument=argument,
            help=["call `optimizer.build(variables)` first"],
        )

    def _check_known(self, variables: Sequence[Variable]) -> None:
        known = {*self._trainable_variables, *self._packed}
        strange = [v for v in variables if v not in known]
        if strange:
            raise Fault(
                "T0204",
                f"this optimizer was built for other variables: `{strange[0].path}` is "
                "not among them",
                help=["make a new optimizer, or call `build` with all variables first"],
            )

    def take_step(self, pairs: Pairs) -> None:
        """One step along gradients that are there."""
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        if self.gradient_accumulation_steps:
            self._accumulate(pairs, self.gradient_accumulation_steps)
        else:
            self._update(pairs)
        if self.use_ema:
            self._move_averages(pairs)
        for _, variable in pairs:
            self._constrain(variable)
        self._iterations.assign_add(1)

    def _accumulate(self, pairs: Pairs, steps: int) -> None:
        """Add to the sums; each time there are enough, a step along their means."""
        due = call("equal", (self._iterations.value + 1) % steps, 0)
        slots = [self.slot(v, "gradient_accumulator") for _, v in pairs]
        sums = [slot.value + g for slot, (g, _) in zip(slots, pairs, strict=True)]
        means = [(total / steps, v) for total, (_, v) in zip(sums, pairs, strict=True)]
        only_if(due, lambda: self._update(means), self.touched())
        for slot, total in zip(slots, sums, strict=True):
            slot.assign(call("where", due, call("zeros_like", total), total))

    def _update(self, pairs: Pairs) -> None:
        rate = convert_to_tensor(self.learning_rate)
        rates = {v.dtype: call("cast", rate, v.dtype) for _, v in pairs}
        clipped = self._clipped(pairs)
        for _, variable in clipped:
            self._decay(variable, rates[variable.dtype])
        self.begin_step()
        for gradient, variable in clipped:
            self.update_step(gradient, variable, rates[variable.dtype])

    def begin_step(self) -> None:
        """What a step does once, before it updates the variables one by one."""

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Assign a variable and its slots their next values."""
        raise Fault("T0204", f"`{type(self).__name__}` has no `update_step`")

    def assign(self, variable: Variable, value: Any) -> None:
        """Give a variable a value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add a value to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract a value from a variable."""
        variable.assign_sub(value)

    def scale_loss(self, loss: Any) -> Any:
        """The loss whose gradients this optimizer takes."""
        factor = self.loss_scale_factor
        return loss if factor is None else loss * factor

    # Parts of a step.

    def _clipped(self, pairs: Pairs) -> Pairs:
        if self.clipvalue is not None:
            low, high = -self.clipvalue, self.clipvalue
            return [(call("clip", g, low, high), v) for g, v in pairs]
        if self.clipnorm is not None:
            limit = self.clipnorm
            return [
                (self._each(v, g, lambda _, x: shrunk(x, limit)), v) for g, v in pairs
            ]
        if self.global_clipnorm is not None:
            squares = [call("sum", call("square", g)) for g, _ in pairs]
            doubles = any(square.dtype == "float64" for square in squares)
            wide = "float64" if doubles else "float32"
            total = sum(call("cast", square, wide) for square in squares)
            scale = _scale(total, self.global_clipnorm)
            scale = scale + (total - total)  # no number if the norm is none
            return [(g * call("cast", scale, g.dtype), v) for g, v in pairs]
        return pairs

    def _each(
        self,
        variable: Variable,
        value: Any,
        function: Callable[[Variable, Any], Any],
    ) -> Any:
        """A value with a function applied to each single variable's part of it."""
        home = self._packed.get(variable)
        if home is None:
            return function(variable, value)
        pieces = []
        for part, start in home.offsets.items():
            piece = call("reshape", value[start : start + part.size], part.shape)
            pieces.append(call("reshape", function(part, piece), (part.size,)))
        return call("concatenate", pieces) if len(pieces) > 1 else pieces[0]

    def _decay(self, variable: Variable, rate: Any) -> None:
        parts = self.parts(variable)
        decays = [self.decay_of(part) or 0.0 for part in parts]
        if not any(decays):
            return
        decay: Any = decays[0]
        if len(set(decays)) > 1:
            sizes = [part.size for part in parts]
            every = np.repeat(np.array(decays), sizes)
            decay = Tensor(every.astype(variable.type.dtype.numpy))
        variable.assign(variable.value - variable.value * decay * rate)

    def _constrain(self, variable: Variable) -> None:
        if all(part.constraint is None for part in self.parts(variable)):
            return
        variable.assign(
            self._each(
                variable,
                variable.value,
                lambda v, x: x if v.constraint is None else v.constraint(x),
            )
        )

    def _move_averages(self, pairs: Pairs) -> None:
        """The averages go on, also of variables that had no gradient."""
        moved = [v for _, v in pairs]
        found = {part for v in moved for part in self.parts(v)}
        rest = [v for v in self._trainable_variables if v not in found]
        done = convert_to_tensor(self.iterations)
        begun = call("not_equal", done, 0)
        every = self.ema_overwrite_frequency
        for variable in [*moved, *rest]:
            average = self.slot(variable, "average")
            kept = call("cast", begun, variable.dtype) * self.ema_momentum
            mean = kept * average.value + (1.0 - kept) * variable.value
            average.assign(mean)
            if every:
                due = call("equal", (done + 1) % every, 0)
                variable.assign(call("where", due, mean, variable.value))

    @told_to_caller
    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Put the moving averages in the place of variables; `fit` does it at its end.

        Without `use_ema`, and before the first step, nothing changes.
        """
        if not self.use_ema or not self.built or not int(self._iterations.numpy()):
            return
        variables = list(var_list)
        self._check_known(variables)
        for variable in variables:
            variable.assign(self.slot(variable, "average").value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


explain_missing(Optimizer, OF_OPTIMIZERS)


def _check_variable(variable: Any) -> None:
    if not isinstance(variable, Variable):
        raise Fault(
            "T0204",
            f"an optimizer moves variables, and this is {type(variable).__name__}",
            argument="trainable_variables",
            help=["a pair is (gradient, variable), in that order"],
        )


def _fitting(gradient: Any, variable: Variable) -> Any:
    """A gradient as a tensor of a variable's type; refuses another shape, T0302."""
    if gradient.__class__ is Tensor:
        array, own = gradient.array, variable.array
        if array.shape == own.shape and array.dtype == own.dtype:
            return gradient
    tensor = convert_to_tensor(gradient, variable.dtype)
    if tensor.type.shape != variable.type.shape:
        raise Fault(
            "T0302",
            f"the gradient of `{variable.path}` is {tensor.type}, and the variable "
            f"{variable.type}",
            argument="grads",
        )
    return tensor


def only_if(
    flag: Any, action: Callable[[], None], variables: Iterable[Variable]
) -> None:
    """Assign variables as `action` does, but only if a truth value holds.

    While a program is traced the action's values are computed and chosen from.
    """
    if not isinstance(flag, SymbolicTensor):
        if bool(flag):
            action()
        return
    before = [(variable, variable.as_node()) for variable in variables]
    action()
    for variable, old in before:
        new = variable.as_node()
        if new is not old:
            chosen = call("where", flag, SymbolicTensor(new), SymbolicTensor(old))
            variable.assign(chosen)


def shrunk(gradient: Any, limit: float) -> Any:
    """A gradient whose norm is at most `limit`."""
    return gradient * _scale(call("sum", call("square", gradient)), limit)


def _scale(total: Any, limit: float) -> Any:
    return limit / call("maximum", call("sqrt", total), limit)
