"""Optimizers by running moments of the gradient: Adam and its kin."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph.diagnostics import Fault
from ..graph.registry import call
from ..graph.variable import Variable
from .bounds import BELOW_1, FROM_0, Bounds
from .optimizer import Optimizer, Rate


class Moments(Optimizer):
    """The arguments and slots of optimizers with running first and second moments."""

    slots: tuple[str, ...] = ("momentum", "velocity")

    argument_bounds: ClassVar = {
        "beta_1": BELOW_1,
        "beta_2": BELOW_1,
        "epsilon": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        self.add_optimizer_variables(variables, self.slots)

    def _moments(self, variable: Variable, gradient: Any) -> tuple[Any, Any]:
        """The running means of the gradient and of its square."""
        return moments(self, variable, gradient, (self.beta_1, self.beta_2))


def step_number(optimizer: Optimizer, variable: Variable) -> Any:
    """The number of this step, from 1, in the dtype of a variable."""
    return call("cast", optimizer.iterations + 1, variable.dtype)


def left(beta: float, step: Any) -> Any:
    """The weight that a running mean which began at 0 has gathered by a step."""
    return 1.0 - call("power", beta, step)


def moved(slot: Variable, value: Any, share: float) -> Any:
    """A running mean, moved on by a share of the way towards a value."""
    before = slot.value
    mean = before + (value - before) * share
    slot.assign(mean)
    return mean


def moments(
    optimizer: Optimizer, variable: Variable, gradient: Any, betas: tuple[float, float]
) -> tuple[Any, Any]:
    """The running means of a gradient and of its square."""
    first, second = (optimizer.slot(variable, n) for n in ("momentum", "velocity"))
    mean = moved(first, gradient, 1.0 - betas[0])
    return mean, moved(second, call("square", gradient), 1.0 - betas[1])


def adam_step(
    optimizer: Optimizer,
    gradient: Any,
    variable: Variable,
    rate: Any,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Move a variable as Adam does; as AMSGrad if it has the slot for that."""
    step = step_number(optimizer, variable)
    rate = rate * call("sqrt", left(betas[1], step)) / left(betas[0], step)
    mean, power = moments(optimizer, variable, gradient, betas)
    if optimizer.has_slot(variable, "velocity_hat"):
        largest = optimizer.slot(variable, "velocity_hat")
        power = call("maximum", largest.value, power)
        largest.assign(power)
    variable.assign(variable.value - mean * rate / (call("sqrt", power) + epsilon))


class Adam(Moments):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2014).

    `amsgrad` divides by the largest second moment so far (Reddi et al. 2018).

    >>> variable = Variable([1.0, 2.0])
    >>> Adam(0.25).apply([[3.0, -0.1]], [variable])
    >>> variable.numpy().round(4).tolist()
    [0.75, 2.25]
    """

    elementwise = True

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        if self.amsgrad:
            self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        betas = self.beta_1, self.beta_2
        adam_step(self, gradient, variable, learning_rate, betas, self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017).

    >>> AdamW().weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise Fault(
                "T0204",
                "`weight_decay` of AdamW is a number, not None",
                argument="weight_decay",
                help=["take `Adam` for steps without weight decay"],
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm,
            clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip


class Adamax(Moments):
    """Adam with the largest recent gradient for a scale (Kingma and Ba 2014).

    >>> variable = Variable([1.0])
    >>> Adamax(0.25).apply([[3.0]], [variable])
    >>> round(float(variable[0]), 4)
    0.75
    """

    elementwise = True
    slots = ("momentum", "norm")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        gathered = left(self.beta_1, step_number(self, variable))
        mean = moved(self.slot(variable, "momentum"), gradient, 1.0 - self.beta_1)
        slot = self.slot(variable, "norm")
        norm = call("maximum", self.beta_2 * slot.value, call("abs", gradient))
        slot.assign(norm)
        change = learning_rate * mean / (gathered * (norm + self.epsilon))
        variable.assign(variable.value - change)


class Nadam(Moments):
    """Adam with Nesterov's momentum, by a schedule of the first beta (Dozat 2016).

    >>> variable = Variable([1.0])
    >>> Nadam(0.25).apply([[3.0]], [variable])
    >>> float(variable[0]) < 0.8
    True
    """

    elementwise = True
    schedule_decay = 0.96

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        dtype = variables[0].dtype if variables else None
        self.u_product = self.add_variable((), "ones", dtype, name="u_product")

    def begin_step(self) -> None:
        product = self.u_product
        step = call("cast", self.iterations + 1, product.dtype)
        product.assign(product.value * self._beta(step))

    def _beta(self, step: Any) -> Any:
        """The first beta of a step."""
        decay = call("power", self.schedule_decay, step)
        return self.beta_1 * (1.0 - 0.5 * decay)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = step_number(self, variable)
        beta, following = self._beta(step), self._beta(step + 1)
        product = call("cast", self.u_product.value, variable.dtype)
        mean, power = self._moments(variable, gradient)
        ahead = following * mean / (1.0 - product * following)
        ahead = ahead + (1.0 - beta) * gradient / (1.0 - product)
        scale = call("sqrt", power / left(self.beta_2, step)) + self.epsilon
        variable.assign(variable.value - ahead * learning_rate / scale)


class Lamb(Moments):
    """Adam with steps in proportion to the norm of each variable (You et al. 2019).

    >>> variable = Variable([3.0, 4.0])
    >>> Lamb(0.1).apply([[1.0, 1.0]], [variable])
    >>> [round(x, 2) for x in variable.numpy().tolist()]
    [2.65, 3.65]
    """

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = step_number(self, variable)
        mean, power = self._moments(variable, gradient)
        mean = mean / left(self.beta_1, step)
        root = call("sqrt", power / left(self.beta_2, step))
        update = mean / (root + self.epsilon)
        own, other = (
            call("sqrt", call("sum", call("square", x)))
            for x in (variable.value, update)
        )
        both = call("logical_and", own > 0, other > 0)
        ratio = call("where", both, own / other, call("ones_like", own))
        variable.assign(variable.value - ratio * learning_rate * update)


class ScheduleFreeAdamW(Moments):
    """Adam that averages instead of lowering its rate (Defazio et al. 2024).

    While it trains, variables lie between the sequence that steps move (`momentum`)
    and its average. The rate rises over `warmup_steps`.

    >>> variable = Variable([1.0])
    >>> ScheduleFreeAdamW(0.25).apply([[3.0]], [variable])
    >>> round(float(variable[0]), 4)
    0.75
    """

    elementwise = True

    argument_bounds: ClassVar = {
        "beta_1": Bounds(0, 1, open_below=True, open_above=True),
        "warmup_steps": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: float = 0,
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
        self.warmup_steps = warmup_steps
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        for variable in variables:
            self.slot(variable, "momentum").assign(variable.numpy())

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = step_number(self, variable)
        if self.warmup_steps > 0:
            share = call("minimum", step / self.warmup_steps, 1.0)
            learning_rate = learning_rate * share
        slot, velocity = (self.slot(variable, n) for n in self.slots)
        power = moved(velocity, call("square", gradient), 1.0 - self.beta_2)
        scale = call("sqrt", power / left(self.beta_2, step)) + self.epsilon
        before, beta = slot.value, self.beta_1
        ahead = before - learning_rate * gradient / scale
        slot.assign(ahead)
        average = (variable.value - (1.0 - beta) * before) / beta
        average = average + (ahead - average) / step
        variable.assign((1.0 - beta) * ahead + beta * average)
