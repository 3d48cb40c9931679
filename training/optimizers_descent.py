"""Optimizers that scale the gradient by what they saw of it, element by element."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph.initializers import Constant
from ..graph.registry import call
from ..graph.variable import Variable
from .bounds import ABOVE_0, AT_MOST_0, BELOW_1, FROM_0, SHARE, SHARE_ABOVE_0
from .optimizer import Optimizer, Rate


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever 2013).

    >>> variable = Variable([1.0, 2.0])
    >>> SGD(0.5).apply([[1.0, 1.0]], [variable])
    >>> variable.numpy().tolist()
    [0.5, 1.5]
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "momentum": SHARE,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.momentum = momentum
        self.nesterov = nesterov
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        if self.momentum:
            self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign(variable.value - step)
            return
        slot = self.slot(variable, "momentum")
        momentum = slot.value * self.momentum - step
        slot.assign(momentum)
        if self.nesterov:
            momentum = momentum * self.momentum - step
        variable.assign(variable.value + momentum)


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient (Hinton 2012).

    `centered` takes the running variance instead.

    >>> variable = Variable([10.0])
    >>> RMSprop(0.1).apply([[10.0]], [variable])
    >>> round(float(variable[0]), 4)
    9.6838
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "rho": BELOW_1,
        "momentum": SHARE,
        "epsilon": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.rho, self.momentum = rho, momentum
        self.epsilon, self.centered = epsilon, centered
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self.add_optimizer_variables(variables, "average_gradient")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        power = self._average(variable, "velocity", call("square", gradient))
        if self.centered:
            mean = self._average(variable, "average_gradient", gradient)
            power = power - call("square", mean)
        step = learning_rate * gradient / call("sqrt", power + self.epsilon)
        if self.momentum > 0:
            slot = self.slot(variable, "momentum")
            step = slot.value * self.momentum + step
            slot.assign(step)
        variable.assign(variable.value - step)

    def _average(self, variable: Variable, name: str, value: Any) -> Any:
        slot = self.slot(variable, name)
        average = slot.value * self.rho + value * (1.0 - self.rho)
        slot.assign(average)
        return average


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients (Duchi 2011).

    >>> variable = Variable([1.0])
    >>> Adagrad(0.5, initial_accumulator_value=0.0).apply([[4.0]], [variable])
    >>> round(float(variable[0]), 4)
    0.5
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "initial_accumulator_value": FROM_0,
        "epsilon": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        start = Constant(self.initial_accumulator_value)
        self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        slot = self.slot(variable, "accumulator")
        total = slot.value + call("square", gradient)
        slot.assign(total)
        step = learning_rate * gradient / call("sqrt", total + self.epsilon)
        variable.assign(variable.value - step)


class Adadelta(Optimizer):
    """Steps in the unit of the variable, by running squares of both (Zeiler 2012).

    >>> variable = Variable([1.0])
    >>> Adadelta(1.0, rho=0.0, epsilon=1.0).apply([[0.0]], [variable])
    >>> float(variable[0])
    1.0
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "rho": BELOW_1,
        "epsilon": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.rho, self.epsilon = rho, epsilon
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        names = ("accumulated_grad", "accumulated_delta_var")
        self.add_optimizer_variables(variables, names)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        before = self.slot(variable, "accumulated_delta_var").value
        power = self._average(variable, "accumulated_grad", gradient)
        ratio = self._root(before) / self._root(power)
        change = -(ratio * gradient)
        self._average(variable, "accumulated_delta_var", change)
        variable.assign(variable.value + learning_rate * change)

    def _average(self, variable: Variable, name: str, value: Any) -> Any:
        slot = self.slot(variable, name)
        average = self.rho * slot.value + (1.0 - self.rho) * call("square", value)
        slot.assign(average)
        return average

    def _root(self, power: Any) -> Any:
        return call("sqrt", power + self.epsilon)


class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al. 2013), with shrinkage.

    Variables with small sums of gradients stay exactly 0 where
    `l1_regularization_strength` is positive.

    >>> variable = Variable([1.0])
    >>> Ftrl(0.1, l1_regularization_strength=100.0).apply([[1.0]], [variable])
    >>> float(variable[0])
    0.0
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "learning_rate": ABOVE_0,  # it divides
        "learning_rate_power": AT_MOST_0,
        "initial_accumulator_value": FROM_0,
        "l1_regularization_strength": FROM_0,
        "l2_regularization_strength": FROM_0,
        "l2_shrinkage_regularization_strength": FROM_0,
        "beta": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        starts = (Constant(self.initial_accumulator_value), "zeros")
        self.add_optimizer_variables(variables, ("accumulator", "linear"), starts)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        slots = [self.slot(variable, name) for name in ("accumulator", "linear")]
        before, linear = (slot.value for slot in slots)
        total = before + call("square", gradient)
        old, new = (
            call("power", x, -self.learning_rate_power) for x in (before, total)
        )
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        pull = gradient + shrinkage * variable.value
        linear = linear + pull - (new - old) / learning_rate * variable.value
        strength = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        quadratic = new / learning_rate + 2 * strength
        least = self.l1_regularization_strength
        for slot, value in zip(slots, (total, linear), strict=True):
            slot.assign(value)
        variable.assign((call("clip", linear, -least, least) - linear) / quadratic)


class Lion(Optimizer):
    """Steps along the sign of an interpolated momentum (Chen et al. 2023).

    >>> variable = Variable([1.0, 1.0])
    >>> Lion(0.25).apply([[3.0, -0.1]], [variable])
    >>> variable.numpy().tolist()
    [0.75, 1.25]
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "beta_1": SHARE_ABOVE_0,
        "beta_2": SHARE,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        slot = self.slot(variable, "momentum")
        before = slot.value
        ahead = before * self.beta_1 + gradient * (1.0 - self.beta_1)
        slot.assign(before * self.beta_2 + gradient * (1.0 - self.beta_2))
        variable.assign(variable.value - learning_rate * call("sign", ahead))
