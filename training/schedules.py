"""Learning rates that follow the step, by Keras's names, arguments and numbers.

A schedule maps a step counted from 0, a number or a tensor, to a rate. It is written
with ops, so that a compiled step computes its own rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..graph.calling import told_with
from ..graph.configuration import floatx
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.kinds import CALLS, FINITE
from ..graph.registry import call
from ..graph.tensor import convert_to_tensor
from .arguments import refuse
from .bounds import ABOVE_0, FROM_0, RATE, Bounds
from .configured import Configured, Kinds, deserialized, serialized


class LearningRateSchedule(Configured):
    """The base of schedules: a subclass gives `__call__(step)`.

    >>> class Falling(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 / (step + 1)
    >>> Falling()(1)
    0.25
    """

    argument_bounds: ClassVar = {"initial_learning_rate": RATE}

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `__call__`")
        raise TensorTypeError.of(fault, caller_span())


def _numbers(name: str, given: Any) -> list[float]:
    """Several numbers as a list; refuses anything else, T0204."""
    if isinstance(given, np.ndarray) and given.ndim == 1:
        given = given.tolist()
    if not isinstance(given, (list, tuple, range)):
        refuse(name, "a list of numbers", given)
    return [FINITE.read(name, item) for item in given]


def rate_dtype() -> str:
    """The dtype of rates: float32, or float64 where `floatx` is that."""
    return "float64" if floatx() == "float64" else "float32"


def _float(step: Any) -> Any:
    return convert_to_tensor(step, rate_dtype())


def _turns(schedule: Any, step: Any) -> Any:
    """How many times `decay_steps` have passed; whole times on a staircase."""
    turns = _float(step) / float(schedule.decay_steps)
    return call("floor", turns) if schedule.staircase else turns


class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    >>> float(ExponentialDecay(0.5, 2, 0.5)(4))
    0.125
    """

    argument_bounds: ClassVar = {
        "decay_steps": ABOVE_0,
        "decay_rate": FROM_0,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase, self.name = staircase, name or type(self).__name__

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate * call(
            "power", self.decay_rate, _turns(self, step)
        )


class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    >>> float(InverseTimeDecay(0.5, 2, 0.5)(4))
    0.25
    """

    argument_bounds: ClassVar = {
        "decay_steps": ABOVE_0,
        "decay_rate": FROM_0,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "InverseTimeDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase, self.name = staircase, name or type(self).__name__

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate / (1.0 + self.decay_rate * _turns(self, step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` up to the step `boundaries[i]`, which belongs to it.

    >>> schedule = PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.25])
    >>> [float(schedule(step)) for step in range(6)]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str | None = "PiecewiseConstant",
    ):
        boundaries = _numbers("boundaries", boundaries)
        values = _numbers("values", values)
        for value in values:
            RATE.check("values", value)
        if len(values) != len(boundaries) + 1:
            raise Fault(
                "T0204",
                f"{len(boundaries)} boundaries take {len(boundaries) + 1} values, not "
                f"{len(values)}",
                argument="values",
            )
        if any(high <= low for low, high in pairwise(boundaries)):
            raise Fault(
                "T0204",
                f"the boundaries {boundaries} do not rise",
                argument="boundaries",
            )
        self.boundaries, self.values = boundaries, values
        self.name = name or type(self).__name__

    def __call__(self, step: Any) -> Any:
        step = convert_to_tensor(step)
        rate: Any = _float(self.values[-1])
        pairs = list(zip(self.boundaries, self.values, strict=False))
        for boundary, value in reversed(pairs):
            # Whole steps are compared as such: f32 cannot tell large ones apart.
            last = boundary if step.type.dtype.is_float else math.floor(boundary)
            rate = call("where", step <= last, float(value), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """From one rate to another along a power of the remaining steps.

    With `cycle` it goes on, in steps that are a multiple of `decay_steps`; without, it
    stays at `end_learning_rate`.

    >>> schedule = PolynomialDecay(1.0, 4, end_learning_rate=0.0, power=2.0)
    >>> [float(schedule(step)) for step in (0, 2, 4, 6)]
    [1.0, 0.25, 0.0, 0.0]
    """

    argument_bounds: ClassVar = {
        "decay_steps": ABOVE_0,
        "end_learning_rate": FROM_0,
        "power": FROM_0,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power, self.cycle = power, cycle
        self.name = name or type(self).__name__

    def __call__(self, step: Any) -> Any:
        step, length = _float(step), float(self.decay_steps)
        if self.cycle:
            turns = call("maximum", call("ceil", step / length), 1.0)
            left = 1.0 - step / (length * turns)
        else:
            left = 1.0 - call("minimum", step, length) / length
        span = self.initial_learning_rate - self.end_learning_rate
        return span * call("power", left, self.power) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Half a cosine down to `alpha` of the rate, after a linear warmup if there is one.

    With `warmup_target` the rate first rises to it in `warmup_steps`, and then falls
    for `decay_steps`. Formula: Loshchilov and Hutter 2016.

    >>> schedule = CosineDecay(0.0, 4, warmup_target=1.0, warmup_steps=2)
    >>> [round(float(schedule(step)), 2) for step in range(7)]
    [0.0, 0.5, 1.0, 0.85, 0.5, 0.15, 0.0]
    """

    argument_bounds: ClassVar = {
        "decay_steps": ABOVE_0,
        "alpha": FROM_0,
        "warmup_target": FROM_0,
        "warmup_steps": FROM_0,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha, self.name = alpha, name or type(self).__name__
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate)
        warm = float(self.warmup_steps)
        rise = self.warmup_target - self.initial_learning_rate
        rising = rise * (step / warm) + self.initial_learning_rate if warm else step
        fallen = self._decayed(step - warm, self.warmup_target)
        return call("where", step < warm, rising, fallen)

    def _decayed(self, step: Any, top: float) -> Any:
        done = call("clip", step, 0.0, float(self.decay_steps)) / self.decay_steps
        wave = 0.5 * (1.0 + call("cos", math.pi * done))
        return top * ((1.0 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again, each time `t_mul` longer and `m_mul` as high.

    Formula: Loshchilov and Hutter 2016.

    >>> schedule = CosineDecayRestarts(1.0, 2, m_mul=0.5)
    >>> [round(float(schedule(step)), 2) for step in range(4)]
    [1.0, 0.5, 0.5, 0.43]
    """

    argument_bounds: ClassVar = {
        "first_decay_steps": ABOVE_0,
        "t_mul": Bounds(1, advice="shorter and shorter turns come to an end"),
        "m_mul": FROM_0,
        "alpha": FROM_0,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul, self.m_mul = t_mul, m_mul
        self.alpha, self.name = alpha, name or type(self).__name__

    def __call__(self, step: Any) -> Any:
        done = _float(step) / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restart = call("floor", done)
            done = done - restart
        else:
            growth = 1.0 - done * (1.0 - self.t_mul)
            restart = call("floor", call("log", growth) / math.log(self.t_mul))
            length = call("power", self.t_mul, restart)
            done = (done - (1.0 - length) / (1.0 - self.t_mul)) / length
        top = call("power", self.m_mul, restart)
        wave = 0.5 * top * (1.0 + call("cos", math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)


__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
BY_NAME: dict[str, type[LearningRateSchedule]] = {
    "cosine_decay": CosineDecay,
    "cosine_decay_restarts": CosineDecayRestarts,
    "exponential_decay": ExponentialDecay,
    "inverse_time_decay": InverseTimeDecay,
    "piecewise_constant_decay": PiecewiseConstantDecay,
    "polynomial_decay": PolynomialDecay,
}
KINDS = Kinds(LearningRateSchedule, "schedule", "learning_rate", BY_NAME)


@told_with(CALLS)
def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Class and configuration, as JSON holds them.

    >>> serialize(ExponentialDecay(0.5, 2, 0.5))["class_name"]
    'ExponentialDecay'
    """
    found: dict[str, Any] = serialized(learning_rate_schedule)
    return found


@told_with(CALLS)
def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The schedule that `serialize` described.

    `custom_objects` maps names of your own classes to them. Raises T0204 for a class
    that is not known.

    >>> float(deserialize(serialize(ExponentialDecay(0.5, 2, 0.5)))(4))
    0.125
    """
    return deserialized(config, custom_objects, KINDS)
