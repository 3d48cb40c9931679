"""Random models of the parts in `model_table`: drawn, written as Python, built, shrunk.

A seed chooses inputs, parts and what they follow, what is called again, outputs and
their losses, the optimizer, the dtype policy and the batches.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import model_layers
import numpy as np
from model_table import PARTS, WIDTHS, settings

import tulle
from tulle import layers, ops
from tulle.graph.diagnostics import TulleError

NAMES = {"tulle": tulle, "layers": layers, "ops": ops, "Sequential": tulle.Sequential,
         "Input": tulle.Input, "own": model_layers, "losses": tulle.losses,
         "optimizers": tulle.optimizers}  # fmt: skip
POLICIES = ["float64"] * 5 + ["float32"] * 5 + [
    "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]  # fmt: skip
BATCHES = (1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 32)
MANY = (64, 100, 128, 256, 1030)
LONG = (127, 257, 1000, 1025, 4097)
ELEMENTS = 1 << 13  # of one sample
RANDOM = re.compile("[Dd]ropout|Noise")
RANKED = {1: ["dense"] * 4, 2: ["steps"] * 6 + ["windows", "dense"]}
SPACE = ["windows"] * 7 + ["dense"]
ALWAYS = ["norms", "norms", "merges", "merges", "chains", "folds", "folds", "moves",
          "moves", "picks", "own"]  # fmt: skip
EACH = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "CosineSimilarity",
        "MeanSquaredError")  # fmt: skip
OPTIMIZERS = (
    *["SGD(0.1)"] * 4, "SGD(0.1, momentum=0.9, nesterov=True)", "Adam(0.01)",
    "AdamW(0.01)", "RMSprop(0.01)", "Adagrad(0.05)", "Adamax(0.01)", "Nadam(0.01)",
    "SGD(0.1, clipnorm=0.5)", "SGD(0.1, global_clipnorm=0.5)",
    "SGD(0.1, gradient_accumulation_steps=2)", "Adadelta(1.0)", "Lamb(0.01)",
    "SGD(0.1, use_ema=True, ema_overwrite_frequency=2)", "Adafactor(0.01)",
    "Muon(0.01)", "Ftrl(0.05)", "ScheduleFreeAdamW(0.01)",
)  # fmt: skip


@dataclass(frozen=True)
class Given:
    """An input: its sizes behind the batch, and what ids that it has are below."""

    sizes: tuple[int, ...]
    high: int = 0


@dataclass(frozen=True)
class Step:
    """A part applied to values; `maker` names a layer that is made before."""

    name: str
    text: str
    operands: tuple[str, ...]
    maker: str = ""


@dataclass(frozen=True)
class Program:
    """A model as text, and how it is trained."""

    seed: int
    policy: str
    inputs: dict[str, Given]
    makers: dict[str, str]
    steps: tuple[Step, ...]
    outputs: dict[str, str]  # their losses
    optimizer: str
    batches: tuple[int, ...]
    rounded: str = ""  # the policy whose numbers weights and inputs are

    @property
    def random(self) -> bool:
        return bool(RANDOM.search(self.source()))

    @property
    def stateful(self) -> bool:
        return "stateful" in self.source()

    @property
    def dtype(self) -> str:
        return self.policy.removeprefix("mixed_")

    def source(self) -> str:
        """The model as Python."""
        lines, made = [], set()
        for name, given in self.inputs.items():
            dtype = "int32" if given.high else self.dtype
            more = f", batch_size={self.batches[0]}" if self._rigid() else ""
            lines.append(f"{name} = Input({given.sizes}, dtype={dtype!r}{more})")
        for step in self.steps:
            if step.maker and step.maker not in made:
                made.add(step.maker)
                lines.append(f"{step.maker} = {self.makers[step.maker]}")
            text = step.maker + step.text.format(*step.operands)
            lines.append(f"{step.name} = {text}  # {step.name}")
        lines.append(
            f"model = tulle.Model([{', '.join(self.inputs)}],"
            f" [{', '.join(self.outputs)}])"
        )
        return "\n".join(lines)

    def _rigid(self) -> bool:
        return any("stateful" in text for text in self.makers.values())

    def shown(self) -> str:
        """All that somebody needs who wants to run it."""
        return (
            f"tulle.config.set_dtype_policy({self.policy!r})  # batches {self.batches}"
            f"\n{self.source()}\n"
            f"model.compile(optimizers.{self.optimizer},"
            f" [{', '.join(self.outputs.values())}])"
        )

    def build(self) -> Any:
        """The model, with the weights of its seed."""
        space = dict(NAMES)
        before = tulle.config.dtype_policy()
        tulle.config.set_dtype_policy(self.policy)
        try:
            tulle.utils.set_random_seed(self.seed)
            exec(compile(self.source(), "<model>", "exec"), space)
        finally:
            tulle.config.set_dtype_policy(before)
        return space["model"]

    def batch(self, model: Any, number: int, rows: int) -> tuple[list[Any], list[Any]]:
        """Inputs and targets of a step."""
        numbers = np.random.default_rng((self.seed, number))
        x = [arrays_of(numbers, given, rows, self.dtype)
             for given in self.inputs.values()]  # fmt: skip
        pairs = zip(model.outputs, self.outputs.values(), strict=True)
        return x, [target(numbers, (rows, *sizes_of(y)), loss) for y, loss in pairs]


def arrays_of(numbers: Any, given: Given, rows: int, dtype: str) -> Any:
    """Ids, or numbers of which some steps are 0, as masks want them."""
    if given.high:
        return numbers.integers(0, given.high, (rows, *given.sizes)).astype("int32")
    values = numbers.standard_normal((rows, *given.sizes)).astype("float32")
    if len(given.sizes) == 2 and given.sizes[0] > 1:
        lengths = numbers.integers(1, 2 * given.sizes[0], (rows, 1))
        values *= (np.arange(given.sizes[0]) < lengths)[..., None]
    return values.astype(tulle.graph.types.dtype_of(dtype).numpy)


def target(numbers: Any, shape: tuple[int, ...], loss: str) -> Any:
    if "Sparse" in loss:
        return numbers.integers(0, shape[-1], shape[:-1]).astype("int32")
    return numbers.uniform(0, 1, shape).astype("float32")


# ---- making


class Maker:
    """The state of a model while it is made."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.wide = random.random() < 0.15
        self.plain = random.random() < 0.4  # ops and few layers
        self.values: dict[str, Any] = {}
        self.inputs: dict[str, Given] = {}
        self.makers: dict[str, str] = {}
        self.layers: dict[str, Any] = {}
        self.steps: list[Step] = []
        self.policy = random.choice(POLICIES)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            self.fresh()
        while not self.floats():
            self.fresh()

    def fresh(self) -> None:
        """One more input."""
        random, name = self.random, f"x{len(self.inputs)}"
        rank = random.choice((1, 2, 2, 2, 3, 3, 4))
        if rank <= 2 and random.random() < 0.2:
            given = Given(
                tuple(random.choice(WIDTHS) for _ in range(rank)), random.choice((2, 9))
            )
        else:
            longest = {1: 1, 2: 40, 3: 14, 4: 7}[rank] * (2 if self.wide else 1)
            sizes = [random.randint(1, longest) for _ in range(rank - 1)]
            long = self.plain and rank < 3 and random.random() < 0.3
            given = Given((*sizes, random.choice(LONG if long else WIDTHS)))
        self.inputs[name] = given
        dtype = "int32" if given.high else self.policy.removeprefix("mixed_")
        self.values[name] = tulle.Input(given.sizes, dtype=dtype)
        if given.high:
            text = f"layers.Embedding({given.high}, {random.choice(WIDTHS)}"
            text += f", mask_zero={random.random() < 0.4})"
            self.add(text + "|({0})", (name,))

    def floats(self) -> list[str]:
        return [name for name, x in self.values.items() if "f" in x.type.dtype.name]

    def operand(self) -> str:
        """Any value, more often a late one or one that nobody has used."""
        names = self.floats()
        used = {name for step in self.steps for name in step.operands}
        unused = [name for name in names if name not in used]
        if unused and self.random.random() < 0.7:
            return self.random.choice(unused)
        return self.random.choice(names[-4:])

    def step(self) -> bool:
        """Try one more part."""
        random, first = self.random, self.operand()
        sizes = sizes_of(self.values[first])
        if not sizes:
            return False
        kinds = RANKED.get(len(sizes), SPACE) + ALWAYS
        if self.plain and random.random() < 0.9:
            kinds = ALWAYS
        if len(sizes) == 3:
            kinds = [*kinds, "pictures"]
        alike = [name for name in self.floats() if name != first
                 and sizes_of(self.values[name]) == sizes]  # fmt: skip
        second = random.choice(alike or [first])
        operands = first, second, random.choice(self.floats())
        again = [s for s in self.steps if s.maker and len(s.operands) == 3]
        if again and random.random() < 0.06:
            return self.accept(replace(random.choice(again), operands=operands))
        text = random.choice(PARTS[random.choice(kinds)])
        try:
            text = text.format(
                "{0}", "{1}", "{2}", **settings(random, sizes, self.wide)
            )
        except KeyError:
            return False
        return self.add(text, operands)

    def add(self, text: str, operands: tuple[str, ...]) -> bool:
        maker, bar, call = text.rpartition("|")
        if not bar:
            return self.accept(Step("", text, operands))
        name = f"l{len(self.makers)}"
        self.makers[name] = maker
        if self.accept(Step("", call, operands, name)):
            return True
        del self.makers[name]
        self.layers.pop(name, None)
        return False

    def accept(self, step: Step) -> bool:
        """Keep a step if the checker takes it and its value is of a use."""
        step = replace(step, name=f"v{len(self.steps)}")
        space = NAMES | self.values | self.layers
        before = tulle.config.dtype_policy()
        tulle.config.set_dtype_policy(self.policy)
        try:
            if step.maker and step.maker not in self.layers:
                made = eval(self.makers[step.maker], dict(space))
                self.layers[step.maker] = space[step.maker] = made
            value = eval(step.maker + step.text.format(*step.operands), space)
        except TulleError:
            return False
        finally:
            tulle.config.set_dtype_policy(before)
        if not hasattr(value, "type") or value.ndim < 1 or value.shape[0] is not None:
            return False
        sizes = sizes_of(value)
        if None in sizes or math.prod(sizes) > ELEMENTS * (4 if self.wide else 1):
            return False
        self.steps.append(step)
        self.values[step.name] = value
        return True


def sizes_of(x: Any) -> tuple[int, ...]:
    return tuple(x.shape[1:])


def random_model(seed: int) -> Program:
    maker = Maker(seed)
    random = maker.random
    wanted = random.randint(1, 30 if maker.plain else 12)
    for _ in range(20 * wanted):
        if len(maker.steps) >= wanted:
            break
        maker.step()
    if not any("layers" in text for text in maker.makers.values()):
        maker.add("layers.Dense(3)|({0})", (maker.floats()[-1],))
    used = {name for step in maker.steps for name in step.operands}
    loose = [s.name for s in maker.steps if s.name not in used] or [
        maker.steps[-1].name
    ]
    batches = [random.choice(MANY if maker.wide and random.random() < 0.5 else BATCHES)
               for _ in range(2)]  # fmt: skip
    whole = Program(
        seed, maker.policy, maker.inputs, maker.makers, tuple(maker.steps),
        {name: loss_of(random, maker.values[name]) for name in loose[-4:]},
        random.choice(OPTIMIZERS), (batches[0], batches[0], batches[1]),
    )  # fmt: skip
    if whole.stateful:
        whole = replace(whole, batches=(batches[0],) * 3)
    return pruned(whole, whole.outputs)


def loss_of(random: Random, x: Any) -> str:
    sizes = sizes_of(x)
    if sizes and sizes[-1] > 1 and random.random() < 0.3:
        kind = random.choice(("SparseCategorical", "Categorical", "Binary"))
        return f"losses.{kind}Crossentropy(from_logits=True)"
    return f"losses.{random.choice(EACH)}()"


# ---- shrinking


def pruned(program: Program, outputs: dict[str, str]) -> Program:
    """Only what some outputs need."""
    needed, steps = set(outputs), []
    for step in reversed(program.steps):
        if step.name in needed:
            names = {step.operands[int(k)] for k in re.findall(r"{(\d)}", step.text)}
            needed |= names
            steps.append(step)
    inputs = {name: x for name, x in program.inputs.items() if name in needed}
    makers = {s.maker for s in steps}
    kept = {name: text for name, text in program.makers.items() if name in makers}
    return replace(
        program, inputs=inputs, makers=kept, steps=tuple(steps[::-1]), outputs=outputs
    )


def shrunk(
    program: Program, problem: Callable[[Program], str], tries: int = 120
) -> Program:
    """A program with as few parts as we find that still has the problem."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(program):
            tries -= 1
            if tries < 0:
                return program
            if candidate != program and problem(candidate):
                program, smaller = candidate, True
                break
    return program


def candidates(program: Program) -> Iterator[Program]:
    """One output alone; a value in the place of one that follows it, or an input."""
    if len(program.outputs) > 1:
        for name, loss in program.outputs.items():
            yield pruned(program, {name: loss})
        for name in program.outputs:
            rest = {k: v for k, v in program.outputs.items() if k != name}
            yield pruned(program, rest)
    if not program.optimizer.startswith("SGD(0.1)"):
        yield replace(program, optimizer="SGD(0.1)")
    sizes = shapes_of(program)
    for step in reversed(program.steps):
        if step.name not in program.outputs:
            left = tuple(s for s in program.steps if s is not step)
            given = program.inputs | {step.name: Given(sizes[step.name])}
            cut = pruned(replace(program, steps=left, inputs=given), program.outputs)
            if len(cut.steps) < len(program.steps):
                yield cut
    for step in program.steps:
        for name in dict.fromkeys(step.operands):
            if sizes.get(name) == sizes[step.name]:
                yield bypassed(program, step.name, name)
    if len(set(program.batches)) > 1:
        yield replace(program, batches=program.batches[:1])


def shapes_of(program: Program) -> dict[str, tuple[int, ...]]:
    """The sizes of all values behind the batch."""
    space = dict(NAMES)
    exec(compile(program.source(), "<model>", "exec"), space)
    return {
        name: sizes_of(space[name])
        for name in (*program.inputs, *(s.name for s in program.steps))
    }


def bypassed(program: Program, name: str, other: str) -> Program:
    """The program without a step, whose operand is read in its place."""
    steps = tuple(
        replace(s, operands=tuple(other if k == name else k for k in s.operands))
        for s in program.steps if s.name != name
    )  # fmt: skip
    outputs = {other if k == name else k: loss for k, loss in program.outputs.items()}
    outputs = {k: loss for k, loss in outputs.items() if k not in program.inputs}
    if not outputs:
        return program
    return pruned(replace(program, steps=steps), outputs)
