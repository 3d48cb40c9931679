"""Optimizers and schedules beside Keras's: variables and state over several steps.

Each case is one random configuration on random variables and gradients. Tulle runs it
eagerly, inside `function`, or flat as the compiled step of `fit` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

import tulle
from tulle.backend.arena import arenas

Array = np.ndarray[Any, Any]
Random = np.random.Generator
Case = tuple[str, Callable[[], list[str]]]
Config = dict[str, Any]

STEPS = 6
SHAPES = ((4, 3), (3,), (), (2, 3, 2), (2, 5))
NAMES = ("kernel", "bias", "scale", "stack", "embeddings")
BETAS = {"beta_1": (0.9, 0.5, 0.99), "beta_2": (0.999, 0.9, 0.5)}
EPSILON = {"epsilon": (1e-7, 1e-3)}
MOMENTS = {"learning_rate": (0.001, 0.05), **BETAS, **EPSILON}
ADAM = {**MOMENTS, "amsgrad": (False, True)}
OWN: dict[str, Config] = {
    "SGD": {
        "learning_rate": (0.01, 0.2),
        "momentum": (0.0, 0.9),
        "nesterov": (False, True),
    },
    "RMSprop": {
        "learning_rate": (0.001, 0.05),
        "rho": (0.9, 0.5),
        "momentum": (0.0, 0.5),
        "centered": (False, True),
        "epsilon": (1e-3, 1e-2),
    },
    "Adam": ADAM,
    "AdamW": {**ADAM, "weight_decay": (0.004, 0.1)},
    "Adamax": MOMENTS,
    "Nadam": MOMENTS,
    "Lamb": MOMENTS,
    "ScheduleFreeAdamW": {**MOMENTS, "warmup_steps": (0, 3)},
    "Adagrad": {
        "learning_rate": (0.001, 0.1),
        "initial_accumulator_value": (0.1, 0.5),
        **EPSILON,
    },
    "Adadelta": {"learning_rate": (0.001, 1.0), "rho": (0.95, 0.5), **EPSILON},
    "Ftrl": {
        "learning_rate": (0.01, 0.5),
        "learning_rate_power": (-0.5, -0.7, 0.0),
        "initial_accumulator_value": (0.1, 0.3),
        "l1_regularization_strength": (0.0, 0.01),
        "l2_regularization_strength": (0.0, 0.1),
        "l2_shrinkage_regularization_strength": (0.0, 0.1),
        "beta": (0.0, 0.2),
    },
    "Lion": {
        "learning_rate": (0.001, 0.05),
        "beta_1": (0.9, 0.5),
        "beta_2": (0.99, 0.5),
    },
    "Adafactor": {
        "learning_rate": (0.001, 0.5),
        "beta_2_decay": (-0.8, -0.5),
        "epsilon_1": (1e-30, 1e-3),
        "epsilon_2": (1e-3, 0.5),
        "clip_threshold": (1.0, 0.3),
        "relative_step": (True, False),
    },
    "Muon": {
        "learning_rate": (0.001, 0.05),
        "adam_beta_1": (0.9, 0.5),
        "adam_beta_2": (0.999, 0.5),
        "adam_weight_decay": (0.004, None, 0.2),
        "weight_decay": (0.004, None, 0.1),
        "exclude_layers": (None, ["ker"]),
        "exclude_embeddings": (True, False),
        "adam_lr_ratio": (1, 0.5),
        "momentum": (0.95, 0.5),
        "ns_steps": (5, 2),
        "nesterov": (True, False),
        "rms_rate": (0.2, None),
        **EPSILON,
    },
}
COMMON: tuple[Config, ...] = (
    {},
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.7},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_overwrite_frequency": 2},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 3, "use_ema": True, "clipnorm": 0.5},
)
SCHEDULES: dict[str, Config] = {
    "ExponentialDecay": {
        "initial_learning_rate": (0.1, 0.5),
        "decay_steps": (3, 7),
        "decay_rate": (0.5, 0.96),
        "staircase": (False, True),
    },
    "InverseTimeDecay": {
        "initial_learning_rate": (0.1, 0.5),
        "decay_steps": (3, 7),
        "decay_rate": (0.5, 2.0),
        "staircase": (False, True),
    },
    "PiecewiseConstantDecay": {
        "boundaries": ([2, 10], [3, 4], [1.5, 20.0]),
        "values": ([1.0, 0.5, 0.1], [0.1, 0.2, 0.3]),
    },
    "PolynomialDecay": {
        "initial_learning_rate": (0.1, 0.5),
        "decay_steps": (5, 9),
        "end_learning_rate": (0.0001, 0.05),
        "power": (1.0, 0.5, 2.0),
        "cycle": (False, True),
    },
    "CosineDecay": {
        "initial_learning_rate": (0.0, 0.1),
        "decay_steps": (6, 15),
        "alpha": (0.0, 0.2),
        "warmup_target": (None, 0.3),
        "warmup_steps": (0, 4),
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": (0.1, 0.5),
        "first_decay_steps": (3, 5),
        "t_mul": (1.0, 2.0, 1.5, 3.0),
        "m_mul": (1.0, 0.7),
        "alpha": (0.0, 0.2),
    },
}


def cases(random: Random, count: int) -> Iterator[Case]:
    """`count` labels, each with a function that says where Tulle and Keras disagree."""
    names = [*OWN, "LossScaleOptimizer", "MultiOptimizer", "schedule"]
    for index in range(count):
        name = names[index % len(names)]
        if name == "schedule":
            yield _schedule(random)
        elif name in OWN:
            yield _optimizer(random, name)
        else:
            yield _wrapped(random, name)


def chosen(random: Random, table: Config) -> Config:
    """One value for each argument; some are left at their default."""
    found = {}
    for name, values in table.items():
        value = values[random.integers(len(values))]
        if random.random() < 0.7:
            found[name] = value
    return found


def _settings(random: Random, name: str) -> Config:
    common = COMMON[random.integers(len(COMMON))]
    return {**common, **chosen(random, OWN[name])}


def _optimizer(random: Random, name: str) -> Case:
    settings = _settings(random, name)
    scheduled = random.random() < 0.2
    plan = _drawn_schedule(random) if scheduled else None
    how = ("eager", "function", "flat")[random.integers(3)]
    told = f"{settings}{f' by {plan}' if plan else ''}"

    def make(space: Any) -> Any:
        rate = {"learning_rate": _made(space.schedules, plan)} if plan else {}
        return getattr(space, name)(**{**settings, **rate})

    run = Run(random, how, lost=random.random() < 0.2 and how == "eager")
    return f"{name} {how} {told}", lambda: [
        *_signature(name),
        *run.differences(make),
    ]


def _wrapped(random: Random, name: str) -> Case:
    # Not Nadam: inside a LossScaleOptimizer Keras forgets its running product.
    inner = [("Adam", "SGD", "Lamb", "Muon", "Lion")[i] for i in random.permutation(5)]
    settings = [_settings(random, kind) for kind in inner[:2]]
    how = ("eager", "function", "flat")[random.integers(3)]
    for each in settings:
        each.pop("loss_scale_factor", None)

    def make(space: Any) -> Any:
        one, two = (
            getattr(space, kind)(**each)
            for kind, each in zip(inner[:2], settings, strict=True)
        )
        if name == "LossScaleOptimizer":
            return space.LossScaleOptimizer(one, 8.0, dynamic_growth_steps=2)
        by_path = space.OptimizerMap(one, {".*e.*": two})
        return space.MultiOptimizer(by_path, loss_scale_factor=4.0)

    run = Run(random, how, overflow=name == "LossScaleOptimizer")
    label = f"{name} {how} of {inner[:2]} {settings}"
    return label, lambda: [*_signature(name), *run.differences(make)]


class Run:
    """Variables and gradients of one case."""

    def __init__(
        self, random: Random, how: str, lost: bool = False, overflow: bool = False
    ):
        self.how = how
        self.values = [_normal(random, shape) for shape in SHAPES]
        self.grads: list[list[Any]] = [
            [_normal(random, shape) for shape in SHAPES] for _ in range(STEPS)
        ]
        self.constrained = random.random() < 0.3
        self.spared = random.random() < 0.3
        if lost:
            for row in self.grads:
                row[1] = None
        if overflow:
            self.grads[3][0][0, 0] = np.inf

    def differences(self, make: Callable[[Any], Any]) -> list[str]:
        """In words, where the two part first."""
        ours, theirs = make(tulle.optimizers), make(keras.optimizers)
        pairs = [(tulle, ours), (keras, theirs)]
        both = [self._variables(space) for space, _ in pairs]
        for (_, optimizer), variables in zip(pairs, both, strict=True):
            if self.spared and not hasattr(optimizer, "optimizers"):
                optimizer.exclude_from_weight_decay([variables[0]], ["bia", "sca"])
            optimizer.build(variables)
        step = self._stepper(ours, both[0])
        for number, grads in enumerate(self.grads):
            step(grads)
            _keras_step(theirs, grads, both[1])
            found = self._compared(f"step {number}", ours, theirs, both)
            if found:
                return found
        if any(o.use_ema for o in [ours, *getattr(ours, "optimizers", ())]):
            ours.finalize_variable_values(both[0])
            theirs.finalize_variable_values(both[1])
        return self._compared("the end", ours, theirs, both)

    def _variables(self, space: Any) -> list[Any]:
        limit = space.constraints.MaxNorm(1.0) if self.constrained else None
        made = []
        for name, value in zip(NAMES, self.values, strict=True):
            variable = space.Variable(value, name=name)
            if name == "kernel":
                variable.constraint = limit
            made.append(variable)
        return made

    def _stepper(self, optimizer: Any, variables: list[Any]) -> Callable[..., Any]:
        if self.how == "eager":
            return lambda grads: optimizer.apply(grads, variables)
        if self.how == "function":
            return tulle.function(lambda grads: optimizer.apply(grads, variables))
        homes = [h for g in optimizer.packable(variables) for h in arenas(g)]
        optimizer.pack(homes)

        def step(grads: list[Any]) -> None:
            left = dict(zip(variables, grads, strict=True))
            pairs = []
            for home in homes:
                flat = [left.pop(v).reshape(-1) for v in home.variables]
                pairs.append((np.concatenate(flat), home.variable))
            pairs += [(gradient, variable) for variable, gradient in left.items()]
            optimizer.apply_gradients(pairs)

        return step

    def _compared(
        self, when: str, ours: Any, theirs: Any, both: list[list[Any]]
    ) -> list[str]:
        one, two = (
            [*variables, *optimizer.variables]
            for variables, optimizer in zip(both, (ours, theirs), strict=True)
        )
        names = [_name(v) for v in one], [_name(v) for v in two]
        if names[0] != names[1]:
            return [f"variables {names[0]}, Keras {names[1]}"]
        found = []
        for left, right in zip(one, two, strict=True):
            got, want = left.numpy(), np.asarray(right.numpy())
            if got.shape != want.shape:
                found.append(f"{left.path}: shape {got.shape}, Keras {want.shape}")
            elif not np.allclose(got, want, 2e-4, 1e-5, equal_nan=True):
                error = np.abs(got.astype("f8") - want).max()
                found.append(f"{left.path}: differs by {error:.3g} at {when}")
        return found


def _name(variable: Any) -> str:
    """A name without the numbers that Keras counts up."""
    name = str(variable.name)
    return "variable" if name == "u_product" or name.startswith("variable") else name


def _keras_step(optimizer: Any, grads: list[Any], variables: list[Any]) -> None:
    """A step; loss scaling runs in Keras on JAX only without state."""
    if not hasattr(optimizer, "inner_optimizer"):
        optimizer.apply(
            [g if g is None else jax.numpy.asarray(g) for g in grads], variables
        )
        return
    state = [jax.numpy.asarray(v.numpy()) for v in optimizer.variables]
    now = [jax.numpy.asarray(v.numpy()) for v in variables]
    after = optimizer.stateless_apply(state, [jax.numpy.asarray(g) for g in grads], now)
    for group, values in zip((variables, optimizer.variables), after, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)


def _normal(random: Random, shape: tuple[int, ...]) -> Array:
    return np.asarray(random.normal(size=shape), "float32")


def _signature(name: str, space: str = "optimizers") -> list[str]:
    """In words, how the arguments of a class differ."""
    found = []
    for module in (tulle.optimizers, keras.optimizers):
        home = module.schedules if space == "schedules" else module
        parameters = inspect.signature(getattr(home, name)).parameters.values()
        found.append(
            [(p.name, p.default) for p in parameters if p.kind != p.VAR_KEYWORD]
        )
    ours, theirs = found
    return [] if ours == theirs else [f"signature {ours}, Keras {theirs}"]


def _drawn_schedule(random: Random) -> tuple[str, Config]:
    name = list(SCHEDULES)[random.integers(len(SCHEDULES))]
    table = SCHEDULES[name]
    every = {key: values[random.integers(len(values))] for key, values in table.items()}
    if every.get("warmup_target") is None:
        every.pop("warmup_steps", None)
    return name, every


def _made(space: Any, plan: tuple[str, Config]) -> Any:
    return getattr(space, plan[0])(**plan[1])


def _schedule(random: Random) -> Case:
    plan = _drawn_schedule(random)

    def check() -> list[str]:
        ours, theirs = (_made(s.optimizers.schedules, plan) for s in (tulle, keras))
        found = []
        for step in range(40):
            got, want = float(ours(step)), float(theirs(step))
            if not np.isclose(got, want, 1e-4, 1e-6):
                found.append(f"step {step}: {got}, Keras {want}")
        same = ours.get_config() == theirs.get_config()
        config = f"{ours.get_config()}, Keras {theirs.get_config()}"
        return [*_signature(plan[0], "schedules"), *found, *([] if same else [config])]

    return f"{plan[0]} {plan[1]}", check
