"""Optimizers that look at a variable as a matrix: Adafactor and Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..graph.registry import call
from ..graph.variable import Variable
from .arguments import checked_count, refuse
from .bounds import ABOVE_0, AT_MOST_0, BELOW_1, FROM_0, SHARE
from .optimizer import Optimizer, Rate
from .optimizer_settings import pattern
from .optimizers_moments import adam_step, step_number


def _names(argument: str, given: Any) -> list[str]:
    """Texts as a list; refuses one text alone and what is no list, T0204."""
    if given is not None and not isinstance(given, (list, tuple, set, frozenset)):
        refuse(argument, "a list of regular expressions", given)
    return list(given or ())


MOST_STEPS = 2**10  # of an iteration that is written out


class Adafactor(Optimizer):
    """Adaptive steps with second moments of rows and columns (Shazeer and Stern 2018).

    The rate is in proportion to the size of a variable, at least `epsilon_2`, and at
    most 1 over the root of the step. `relative_step` is accepted for Keras's sake: that
    bound holds either way.

    >>> optimizer = Adafactor()
    >>> optimizer.build([Variable([[1.0, 2.0, 3.0]], name="kernel")])
    >>> [slot.shape for slot in optimizer.variables[2:]]
    [(1,), (3,), (1, 3)]
    """

    argument_bounds: ClassVar = {
        "beta_2_decay": AT_MOST_0,
        "epsilon_1": FROM_0,
        "epsilon_2": FROM_0,
        "clip_threshold": ABOVE_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        for variable in variables:
            shape, dtype = variable.shape, variable.dtype
            pair = (
                (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) > 1 else ((), ())
            )
            for role, sizes in zip(("row", "column"), pair, strict=True):
                self._add(variable, role, sizes, dtype, "zeros", variable.name)
            self.add_variable_from_reference(variable, "velocity")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        step = step_number(self, variable)
        share = call("power", step, self.beta_2_decay)  # of the newest square
        square = call("square", gradient) + self.epsilon_1
        update = gradient / self._root(variable, square, share)
        update = update / call("maximum", _rms(update) / self.clip_threshold, 1.0)
        bound = call("minimum", learning_rate, 1.0 / call("sqrt", step))
        size = call("maximum", _rms(variable.value), self.epsilon_2)
        variable.assign(variable.value - size * bound * update)

    def _root(self, variable: Variable, square: Any, share: Any) -> Any:
        """The root of the second moment: of rank one, from rows and columns, for
        matrices. Where no gradient arrives the product of their moments may be 0 in
        32 bits, that of the roots is not."""
        slot = self.slot(variable, "velocity")
        if variable.ndim < 2:
            return call("sqrt", self._moved(slot, square, share))
        row = self._moved(
            self.slot(variable, "row"), call("mean", square, axis=-1), share
        )
        column = self._moved(
            self.slot(variable, "column"), call("mean", square, axis=-2), share
        )
        row = row / call("mean", row, axis=-1, keepdims=True)
        row, column = call("expand_dims", row, -1), call("expand_dims", column, -2)
        slot.assign(row * column)
        return call("sqrt", row) * call("sqrt", column)

    def _moved(self, slot: Variable, value: Any, share: Any) -> Any:
        moment = (1.0 - share) * slot.value + share * value
        slot.assign(moment)
        return moment


def _rms(x: Any) -> Any:
    return call("sqrt", call("mean", call("square", x)))


class Muon(Optimizer):
    """Momentum made orthogonal for matrices (Jordan et al. 2024), Adam for the rest.

    The rest is what has not two axes, embeddings unless `exclude_embeddings` is False,
    and paths in which a pattern of `exclude_layers` is found. `muon_a`, `muon_b` and
    `muon_c` are the coefficients of the Newton-Schulz iteration, done `ns_steps`
    times. Its step is scaled to `rms_rate` times that of an orthogonal matrix (Liu et
    al. 2025), or not at all if that is None.

    >>> kernel, bias = (
    ...     Variable([[1.0, 2.0]], name="kernel"),
    ...     Variable([1.0], name="bias"),
    ... )
    >>> optimizer = Muon()
    >>> optimizer.build([kernel, bias])
    >>> [slot.name for slot in optimizer.variables[2:]]
    ['kernel_momentum', 'bias_momentum', 'bias_velocity']
    """

    elementwise = True  # of what `packable` gives

    argument_bounds: ClassVar = {
        "adam_beta_1": BELOW_1,
        "adam_beta_2": BELOW_1,
        "adam_weight_decay": FROM_0,
        "adam_lr_ratio": FROM_0,
        "epsilon": FROM_0,
        "momentum": SHARE,
        "rms_rate": FROM_0,
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ):
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.epsilon, self.momentum, self.nesterov = epsilon, momentum, nesterov
        self.exclude_layers = _names("exclude_layers", exclude_layers)
        self._excluded = [pattern("exclude_layers", p) for p in self.exclude_layers]
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.ns_steps = checked_count("ns_steps", ns_steps, 0, MOST_STEPS)
        self.rms_rate = rms_rate
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip

    def takes_adam(self, variable: Variable) -> bool:
        """Whether a variable is not moved as a matrix."""
        if variable.ndim != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(p.search(variable.path) for p in self._excluded)

    def make_slots(self, variables: list[Variable]) -> None:
        super().make_slots(variables)
        for variable in variables:
            self.add_variable_from_reference(variable, "momentum")
            if self.takes_adam(variable):
                self.add_variable_from_reference(variable, "velocity")

    def packable(self, variables: Sequence[Variable]) -> list[list[Variable]]:
        chosen = [v for v in variables if self.takes_adam(v)]
        return super().packable(chosen) if chosen else []

    def decay_of(self, variable: Variable) -> float | None:
        if self.is_spared(variable):
            return None
        own = self.adam_weight_decay
        return own if self.takes_adam(variable) else self.weight_decay

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        if self.has_slot(variable, "velocity"):
            rate = learning_rate * self.adam_lr_ratio
            betas = self.adam_beta_1, self.adam_beta_2
            adam_step(self, gradient, variable, rate, betas, self.epsilon)
            return
        slot = self.slot(variable, "momentum")
        momentum = slot.value * self.momentum + gradient
        slot.assign(momentum)
        if self.nesterov:
            momentum = gradient + self.momentum * momentum
        update = learning_rate * self._orthogonal(momentum, variable.shape)
        if self.rms_rate is not None:
            update = update * max(variable.shape) ** 0.5 * self.rms_rate
        variable.assign(variable.value - update)

    def _orthogonal(self, x: Any, shape: tuple[int, ...]) -> Any:
        """A matrix with its singular values brought near 1, by Newton-Schulz steps."""
        tall = shape[0] > shape[1]
        if tall:
            x = call("transpose", x)
        x = x / (call("sqrt", call("sum", call("square", x))) + 1e-7)
        for _ in range(self.ns_steps):
            gram = call("matmul", x, call("transpose", x))
            mixed = self.muon_b * gram + self.muon_c * call("matmul", gram, gram)
            x = self.muon_a * x + call("matmul", mixed, x)
        return call("transpose", x) if tall else x
