"""What all optimizers are told: the rate, clipping, decay, averages, accumulation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ..graph.constructing import settings_of
from ..graph.diagnostics import Fault
from ..graph.kinds import is_held, is_number, plain_scalar, shown
from ..graph.registry import call
from ..graph.variable import Variable
from . import schedules
from .arguments import checked_items, refuse
from .bounds import ABOVE_0, FROM_0, RATE, SHARE, Bounds, bounds_of
from .configured import told_to_caller
from .host_numbers import host_number
from .optimizer_state import OptimizerState

Rate = float | Variable | schedules.LearningRateSchedule | Callable[[], Any]


class OptimizerSettings(OptimizerState):
    """The arguments that all optimizers take, checked, and what can be set later."""

    argument_bounds: ClassVar = {
        "learning_rate": RATE,
        "weight_decay": FROM_0,
        "clipnorm": ABOVE_0,
        "clipvalue": ABOVE_0,
        "global_clipnorm": ABOVE_0,
        "ema_momentum": SHARE,
        "ema_overwrite_frequency": FROM_0,
        "loss_scale_factor": ABOVE_0,
        "gradient_accumulation_steps": Bounds(2),
    }

    def __init__(
        self,
        learning_rate: Any,
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
        super().__init__(name)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_settings()
        self._told: set[str] = set()  # the paths without gradients that it warned of
        self._spared: tuple[frozenset[Variable], list[re.Pattern[str]]]
        self._spared = frozenset(), []
        self._iterations = self._counter(0, "int64", "iteration", "iterations")
        self._schedule: Any = None
        self._given_rate: Any = None
        if isinstance(learning_rate, dict):
            learning_rate = schedules.deserialize(learning_rate)
        if _is_function(learning_rate):
            self._schedule = learning_rate
        else:
            value = _checked_rate(learning_rate)
            self._rate = self._counter(value, schedules.rate_dtype(), "learning_rate")

    def _counter(
        self, value: Any, dtype: str, name: str, key: str | None = None
    ) -> Variable:
        made = Variable(value, dtype=dtype, trainable=False, name=name)
        made.path = f"{self.name}/{name}"
        self._keep(None, key or name, made)
        return made

    def _check_settings(self) -> None:
        clips = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in clips if getattr(self, name) is not None]
        if len(given) > 1:
            raise Fault(
                "T0204",
                f"`{given[0]}` and `{given[1]}` exclude each other",
                argument=given[1],
            )

    def __setattr__(self, name: str, value: Any) -> None:
        """A setting that is changed later is held to the same bounds, T0204."""
        kind, ready = type(self), "_told" in vars(self)
        if ready and (name in settings_of(kind) or name in bounds_of(kind)):
            value = self._changed(name, value)
        super().__setattr__(name, value)

    @told_to_caller
    def _changed(self, name: str, value: Any) -> Any:
        """A new value of a setting, in its plain form; programs are out of date."""
        if name in (wanted := settings_of(type(self))):
            value = wanted[name].read(name, value)
        if name in (bounds := bounds_of(type(self))):
            bounds[name].check(name, value)
        if name != "learning_rate" and value != getattr(self, name, None):
            self._revision += 1
        return value

    @property
    def revision(self) -> int:
        """Rises when programs made of this optimizer are out of date."""
        return self._revision

    @property
    def iterations(self) -> Any:
        """The number of steps; with accumulation, of those that moved variables."""
        steps = self.gradient_accumulation_steps
        if steps:
            return call("floor_divide", self._iterations.value, steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a variable, or what the schedule says."""
        if self._given_rate is not None:
            return self._given_rate
        if self._schedule is None:
            return self._rate
        if isinstance(self._schedule, schedules.LearningRateSchedule):
            return self._schedule(self._iterations.value)
        return host_number(self._schedule)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._set_rate(value)

    @told_to_caller
    def _set_rate(self, value: Any) -> None:
        if _is_function(value):
            self._kept.pop((None, "learning_rate"), None)
            self._schedule = value
            self._revision += 1
        elif self._schedule is not None:
            raise Fault(
                "T0204",
                f"the learning rate of `{self.name}` follows "
                f"{type(self._schedule).__name__}, so it cannot be set to a number",
                argument="learning_rate",
                help=["make the optimizer with a number, or set another schedule"],
            )
        else:
            self._rate.assign(_checked_rate(value))

    @contextmanager
    def giving_rate(self, rate: Any) -> Iterator[None]:
        """Let the rate be this one while the context lasts; None changes nothing."""
        before, self._given_rate = self._given_rate, rate
        try:
            yield
        finally:
            self._given_rate = before

    @property
    def schedule(self) -> Any:
        """What computes the rate of each step; None where it is a number."""
        return self._schedule

    @property
    def members(self) -> list[Any]:
        """The optimizers within this one."""
        return []

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if "learning_rate" in config:
            config["learning_rate"] = self._rate_given(config["learning_rate"])
        return config

    def _rate_given(self, given: Any) -> Any:
        """The schedule, or the rate as a number, not rounded as its variable is."""
        if self._schedule is not None:
            return self._schedule
        now = self._rate.numpy()
        same = isinstance(given, (int, float)) and now.dtype.type(given) == now
        return given if same else float(now)

    @told_to_caller
    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Spare variables from weight decay, or those whose name a pattern is found in.

        A second call replaces the first.
        """
        named = () if var_names is None else var_names
        names = checked_items("var_names", named, str, "a list of names")
        chosen = () if var_list is None else var_list
        variables = checked_items("var_list", chosen, Variable, "a list of variables")
        patterns = [pattern("var_names", name) for name in names]
        self._spared = frozenset(variables), patterns
        self._revision += 1

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a single variable, None if it has none."""
        return None if self.is_spared(variable) else self.weight_decay

    def is_spared(self, variable: Variable) -> bool:
        """Whether a variable was excluded from weight decay."""
        variables, names = self._spared
        return variable in variables or any(p.search(variable.name) for p in names)


def _is_function(rate: Any) -> bool:
    """Whether a rate is computed anew for each step."""
    return callable(rate) and not isinstance(rate, (Variable, type))


def _checked_rate(value: Any) -> Any:
    """A rate that is one number; refuses anything else."""
    value = plain_scalar(value)
    if not is_number(value) and not is_held(value):
        refuse("learning_rate", "a number, a schedule or a function", value)
    RATE.check("learning_rate", value)
    return value


def pattern(argument: str, text: Any) -> re.Pattern[str]:
    """A regular expression that an argument gives; refuses what is none, T0204."""
    try:
        return re.compile(text)
    except (re.error, TypeError) as error:
        raise Fault(
            "T0204",
            f"`{argument}` takes regular expressions, not {shown(text)}: {error}",
            argument=argument,
        ) from None
