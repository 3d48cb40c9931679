"""Random programs of the ops in `program_table`: made, written as Python, run, shrunk.

A program is made by running it, so that its values stay tame: what grows is squashed,
and an op is left out where its operands are near a jump or a kink.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from program_rules import Rule, Shape, same
from program_table import GROUPS

import tulle
from tulle import ops

LARGE, MANY = 8.0, 240
SQUASH = same("@arcsinh({0})")


@dataclass(frozen=True)
class Step:
    """A rule applied to values, which are named by strings."""

    name: str
    rule: Rule
    operands: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Program:
    """Inputs, steps in order, and the weight of each result in the sum."""

    dtype: str
    inputs: dict[str, np.ndarray]
    steps: tuple[Step, ...]
    weights: dict[str, np.ndarray]

    def source(self, peer: str = "tulle") -> str:
        """The program as a Python function: its results, then their weighted sum."""
        lines = [f"def program({', '.join([*self.inputs, 'weights'])}):"]
        for step in self.steps:
            text = step.rule.text(peer).format(*step.operands, **step.settings)
            lines.append(f"    {step.name} = {text}")
        lines.append(f"    results = [{', '.join(self.weights)}]")
        pairs = "zip(results, weights, strict=True)"
        lines.append(f"    return results, sum((r * w).sum() for r, w in {pairs})")
        text = "\n".join(lines)
        if peer == "tulle":
            text = text.replace("(r * w).sum()", "ops.sum(r * w)")
        return text

    def compiled(self, peer: str, names: dict[str, Any]) -> Callable[..., Any]:
        space = dict(names)
        exec(compile(self.source(peer), f"<{peer} program>", "exec"), space)
        return space["program"]

    def cast(self, dtype: str) -> "Program":
        inputs = {name: x.astype(dtype) for name, x in self.inputs.items()}
        weights = {name: x.astype(dtype) for name, x in self.weights.items()}
        return replace(self, dtype=dtype, inputs=inputs, weights=weights)

    def arrays(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        return list(self.inputs.values()), list(self.weights.values())


# ---- making


class Maker:
    """The state of a program while it is made: every value so far."""

    def __init__(self, seed: int, peer: str) -> None:
        self.random, self.numbers = Random(seed), np.random.default_rng(seed)
        self.groups = [[rule for rule in g if rule.text(peer)] for g in GROUPS]
        self.values: dict[str, np.ndarray] = {}
        self.inputs: dict[str, np.ndarray] = {}
        self.steps: list[Step] = []
        for rank in (4, 3, 2, self.random.randint(0, 2)):
            self.fresh(tuple(self.random.randint(1, 4) for _ in range(rank)))

    def fresh(self, shape: Shape) -> str:
        name = f"x{len(self.inputs)}"
        array = np.asarray(self.numbers.standard_normal(shape), "float32")
        self.inputs[name] = self.values[name] = array.astype("float64")
        return name

    def unused(self) -> list[str]:
        used = {name for step in self.steps for name in step.operands}
        return [name for name in self.values if name not in used]

    def operand(self) -> str:
        """Any value, more often one that nobody has used."""
        names = self.unused() if self.random.random() < 0.6 else list(self.values)
        return self.random.choice(names or list(self.values))

    def of_shape(self, shape: Shape) -> str:
        fitting = [name for name, x in self.values.items() if x.shape == shape]
        if fitting and self.random.random() < 0.8:
            return self.random.choice(fitting)
        return self.fresh(shape)

    def step(self) -> bool:
        """Try one more step; False where the op does not fit."""
        rule = self.random.choice(self.random.choice(self.groups))
        first = self.operand()
        shape = self.values[first].shape
        settings = rule.settings(self.random, shape)
        if settings is None:
            return False
        pool = [x.shape for x in self.values.values()]
        kept = dict(self.inputs), dict(self.values)
        wanted = rule.wants(self.random, shape, settings, pool)
        names = (first, *map(self.of_shape, wanted))
        done = Step(f"v{len(self.steps)}", rule, names, settings)
        if self.accept(done):
            return True
        self.inputs, self.values = kept
        return False

    def accept(self, step: Step) -> bool:
        operands = [self.values[name] for name in step.operands]
        if not step.rule.steady(step.settings, *operands):
            return False
        inputs = dict(zip(step.operands, operands, strict=True))
        value = alone(step, inputs)
        if not 0 < value.size <= MANY:
            return False
        if np.max(np.abs(value)) > 1e4:
            return False
        self.steps.append(step)
        self.values[step.name] = value
        return True


def alone(step: Step, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The value of one step."""
    program = Program("float64", inputs, (step,), {step.name: np.ones(())})
    try:
        results, _ = run_eagerly(program, gradients=False)
    except Exception as problem:
        problem.add_note(program.source())
        problem.add_note(str({name: x.shape for name, x in inputs.items()}))
        raise
    return results[0]


def random_program(
    seed: int, ops: int = 30, peer: str = "tulle", dtype: str = "float64"
) -> Program:
    maker = Maker(seed, peer)
    while len(maker.steps) < ops:
        if maker.step():
            last = maker.steps[-1].name
            if np.max(np.abs(maker.values[last])) > LARGE and len(maker.steps) < ops:
                name = f"v{len(maker.steps)}"
                maker.accept(Step(name, SQUASH, (last,), {}))
    results = [name for name in maker.unused() if name.startswith("v")]
    weights = {
        name: maker.numbers.uniform(0.5, 1.5, maker.values[name].shape)
        for name in results
    }
    used = {name for step in maker.steps for name in step.operands}
    inputs = {name: x for name, x in maker.inputs.items() if name in used}
    program = Program("float32", inputs, tuple(maker.steps), weights)
    return program.cast("float32").cast(dtype)


# ---- running in Tulle

Answer = tuple[list[np.ndarray], list[np.ndarray]]


def run_eagerly(program: Program, gradients: bool = True) -> Answer:
    """The results, and the gradient of their weighted sum for each input."""
    inputs, weights = program.arrays()
    tensors = [tulle.convert_to_tensor(x) for x in inputs]
    scales = [tulle.convert_to_tensor(x) for x in weights]
    return as_arrays(both_of(program, gradients)(tensors, scales))


def run_compiled(program: Program, gradients: bool = True) -> Answer:
    inputs, weights = program.arrays()
    return as_arrays(tulle.function(both_of(program, gradients))(inputs, weights))


def both_of(program: Program, gradients: bool) -> Callable[..., Any]:
    function = program.compiled("tulle", {"ops": ops})

    def both(inputs: Sequence[Any], weights: Sequence[Any]) -> Any:
        if not gradients:
            return function(*inputs, weights)[0], []
        with tulle.GradientTape() as tape:
            for x in inputs:
                tape.watch(x)
            results, total = function(*inputs, weights)
        found = tape.gradient(total, list(inputs), unconnected_gradients="zero")
        return results, found

    return both


def as_arrays(both: Any) -> Answer:
    results, gradients = both
    return [np.asarray(x) for x in results], [np.asarray(x) for x in gradients]


def difference(found: Answer, wanted: Answer, slack: float, noise: Any = None) -> str:
    """The first result or gradient that differs, in words; nothing if they agree."""
    for k, what in enumerate(("result", "gradient")):
        largest = max((np.max(np.abs(x), initial=0) for x in wanted[k]), default=0)
        for i, (x, y) in enumerate(zip(found[k], wanted[k], strict=True)):
            if x.shape != y.shape:
                return f"{what} {i}: shapes {x.shape} and {y.shape}"
            room = slack * (np.max(np.abs(y), initial=0) + 1e-3 * largest + 1e-3)
            room = room + (0 if noise is None else noise[k][i])
            far = np.max(np.abs(x - y), initial=0)
            if not far <= room:
                return f"{what} {i}: differ by {far:.3g}, allowed {room:.3g}"
    return ""


# ---- shrinking


def shrunk(program: Program, problem: Callable[[Program], str]) -> Program:
    """A program with as few steps as we find that still has a problem."""
    values = all_values(program)
    smaller = True
    while smaller and len(program.steps) > 1:
        smaller = False
        for candidate in candidates(program, values):
            if len(candidate.steps) < len(program.steps) and problem(candidate):
                program, smaller = candidate, True
                break
    return program


def all_values(program: Program) -> dict[str, np.ndarray]:
    """What each step gives, in the precision in which the program was made."""
    names = [step.name for step in program.steps]
    whole = replace(program.cast("float64"), weights=dict.fromkeys(names, np.ones(())))
    results, _ = run_eagerly(whole, gradients=False)
    values = zip(names, results, strict=True)
    return program.inputs | {name: x.astype(program.dtype) for name, x in values}


def candidates(program: Program, values: dict[str, np.ndarray]) -> Any:
    """One step alone; one result alone; one step replaced by its value."""
    steps = {step.name: step for step in program.steps}
    ones = {name: np.ones_like(values[name]) for name in steps}
    for name, step in steps.items():
        inputs = {operand: values[operand] for operand in step.operands}
        given = {"x_" + k: x for k, x in inputs.items()}
        renamed = replace(step, operands=tuple("x_" + k for k in step.operands))
        yield Program(program.dtype, given, (renamed,), {name: ones[name]})
    for name in steps:
        yield pruned(program, {name: program.weights.get(name, ones[name])})
    for name in steps:
        if name not in program.weights:
            left = tuple(step for step in program.steps if step.name != name)
            inputs = program.inputs | {name: values[name]}
            cut = replace(program, steps=left, inputs=inputs)
            yield pruned(cut, program.weights)


def pruned(program: Program, weights: dict[str, np.ndarray]) -> Program:
    """Only what the weighted results need."""
    needed, steps = set(weights), []
    for step in reversed(program.steps):
        if step.name in needed:
            needed.update(step.operands)
            steps.append(step)
    inputs = {name: x for name, x in program.inputs.items() if name in needed}
    return replace(program, inputs=inputs, steps=tuple(steps[::-1]), weights=weights)
