"""Optimizers, by Keras's names, arguments and numbers."""

from __future__ import annotations

from typing import Any

from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.registry import call
from ..graph.variable import Variable
from .configured import find
from .optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever 2013).

    >>> variable = Variable([1.0, 2.0])
    >>> SGD(0.5).apply_gradients([([1.0, 1.0], variable)])
    >>> variable.numpy().tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "SGD",
    ):
        if not 0 <= momentum <= 1:
            raise Fault(
                "T0204",
                f"`momentum` is in 0..1, not {momentum}",
                argument="momentum",
            )
        self.momentum, self.nesterov = momentum, nesterov
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name
        )

    def slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

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


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2014)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "adam",
    ):
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon, self.amsgrad = epsilon, amsgrad
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name
        )

    def slot_names(self) -> tuple[str, ...]:
        moments = ("momentum", "velocity")
        return (*moments, "velocity_hat") if self.amsgrad else moments

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = call("cast", self.iterations.value + 1, variable.dtype)
        left_1 = 1.0 - call("power", self.beta_1, step)
        left_2 = 1.0 - call("power", self.beta_2, step)
        rate = learning_rate * call("sqrt", left_2) / left_1
        first, second = (self.slot(variable, n) for n in ("momentum", "velocity"))
        mean = first.value + (gradient - first.value) * (1.0 - self.beta_1)
        square = call("square", gradient)
        power = second.value + (square - second.value) * (1.0 - self.beta_2)
        first.assign(mean)
        second.assign(power)
        if self.amsgrad:
            largest = self.slot(variable, "velocity_hat")
            power = call("maximum", largest.value, power)
            largest.assign(power)
        change = mean * rate / (call("sqrt", power) + self.epsilon)
        variable.assign(variable.value - change)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "adamw",
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm,
            clipvalue, global_clipnorm, name,
        )  # fmt: skip


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient (Hinton 2012)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "rmsprop",
    ):
        self.rho, self.momentum = rho, momentum
        self.epsilon, self.centered = epsilon, centered
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name
        )

    def slot_names(self) -> tuple[str, ...]:
        wanted = {
            "velocity": True,
            "momentum": self.momentum > 0,
            "average_gradient": self.centered,
        }
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

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


__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop"]
CLASSES: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
BY_NAME = CLASSES


def get(identifier: Any) -> Any:
    """The optimizer that a name, a configuration or a class means.

    Raises T0204 with the nearest name.

    >>> get("adam").name
    'adam'
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        name, config = identifier["class_name"], identifier["config"]
        return find(name, "optimizer", CLASSES, {}, "optimizer").from_config(config)
    if isinstance(identifier, str):
        return find(identifier, "optimizer", CLASSES, {}, "optimizer")()
    if identifier in CLASSES.values():
        return identifier()
    fault = Fault("T0204", f"{identifier!r} is no optimizer", argument="optimizer")
    raise TensorTypeError.of(fault, caller_span())
