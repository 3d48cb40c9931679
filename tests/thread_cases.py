"""What is run on several numbers of threads: ops and layers of the tables, programs.

A case is a function that runs something and gives all results, and what it is in words.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import model_checks
import numpy as np
import random_programs
from layer_cases import all_rows, arrays, called, labels, layer_of, letters, mask_values
from layer_row import LayerRow
from op_row import SIZES as USUAL
from op_row import Row
from op_samples import apply, kinds_of, sample
from op_table import ROWS
from random_models import random_model

import tulle
from tulle import ops
from tulle.graph import tree
from tulle.graph.diagnostics import TulleError
from tulle.graph.registry import OPS

Case = tuple[Callable[[], list[Any]], str]
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 19, 24, 31, 33, 40)


def total(results: list[Any]) -> Any:
    """A number that all results with fractions have a say in, each element its own."""
    floats = [x for x in results if "float" in str(x.dtype)]
    return sum((ops.sum(ops.sin(x * 0.7 + 0.3)) for x in floats), ops.zeros(()))


def with_gradients(
    compute: Callable[..., Any], values: list[np.ndarray], weights: Callable[[], Any]
) -> list[Any]:
    """Results, and gradients for all numbers with fractions that go in."""
    floats = [k for k, x in enumerate(values) if x.dtype.kind == "f"]

    def both(*inputs: Any) -> Any:
        watched = [inputs[k] for k in floats]
        with tulle.GradientTape() as tape:
            for x in watched:
                tape.watch(x)
            results = tree.flatten(compute(list(inputs)))[0]
            score = total(results)
        goals = [*watched, *weights()]
        return results, tape.gradient(score, goals, unconnected_gradients="zero")

    def alone(*inputs: Any) -> Any:
        return tree.flatten(compute(list(inputs)))[0], []

    try:
        results, gradients = tulle.function(both)(*values)
    except TulleError:
        results, gradients = tulle.function(alone)(*values)
    return [np.asarray(x) for x in [*results, *gradients] if x is not None]


def op_case(row: Row, random: Random) -> Case:
    """An op on sizes of its own, or on those of the table if they do not fit."""
    sizes = dict(zip("ABCD", random.sample(SIZES, 4), strict=True))
    try:
        apply(row, sample(row, sizes), sizes)
    except TulleError:
        sizes = USUAL
    dtype = random.choice(("float32", "float32", "float64"))
    values = [
        x.astype(dtype) if kind in "fp" else x
        for x, kind in zip(sample(row, sizes), kinds_of(row), strict=True)
    ]

    def run() -> list[Any]:
        tulle.utils.set_random_seed(1)
        return with_gradients(lambda x: apply(row, x, sizes), values, list)

    return run, f"op {row.label} {dtype} {sizes}"


def layer_case(row: LayerRow, label: str, random: Random) -> Case:
    """A layer of the table on sizes of their own, as in training."""
    names = letters(row)
    chosen = random.sample(SIZES[: 12 if len(names) > 3 else None], len(names))
    sizes = {k: max(n, row.least.get(k, 1)) for k, n in zip(names, chosen, strict=True)}
    values, masks = arrays(row, sizes), mask_values(row, sizes)

    def run() -> list[Any]:
        tulle.utils.set_random_seed(1)
        layer = layer_of(row)

        def compute(inputs: list[Any]) -> Any:
            given = {k: tulle.convert_to_tensor(m) for k, m in masks.items()}
            more = {"training": True} if row.random else {}
            return called(row, layer, inputs, given, **more)

        return with_gradients(compute, values, lambda: layer.trainable_weights)

    return run, f"layer {label} {sizes}"


def program_case(seed: int) -> Case:
    """A random program and its gradients."""
    dtype = ("float64", "float32")[seed % 2]
    program = random_programs.random_program(seed, ops=20, dtype=dtype)

    def run() -> list[Any]:
        try:
            results, gradients = random_programs.run_compiled(program)
        except TulleError:  # tapes refuse a column beside a vector
            results, gradients = random_programs.run_compiled(program, gradients=False)
        return results + gradients

    return run, f"program {seed}\n{program.source()}"


def model_case(seed: int) -> Case:
    """A random model that is trained and predicts."""
    program = random_model(seed)

    def run() -> list[Any]:
        return list(model_checks.trained(program).values())

    return run, f"model {seed}\n{program.shown()}"


def case(kind: str, seed: int) -> Case:
    """The case of a kind with a number; rows of the tables come by turns."""
    random = Random(seed)
    if kind == "ops":
        return op_case(OPEN[seed % len(OPEN)], random)
    if kind == "layers":
        row, label = NAMED[seed % len(NAMED)]
        return layer_case(row, label, random)
    return {"programs": program_case, "models": model_case}[kind](seed)


KINDS = ("models", "layers", "ops", "programs")
OPEN = [row for row in ROWS if OPS[row.name].public]
NAMED = list(zip(all_rows(), labels(all_rows()), strict=True))
