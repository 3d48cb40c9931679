"""Calls on values, without a compiled function: `python benchmarks/eager.py`.

Ops, layers, a small model, its loss, gradients by a tape and steps of Adam, as one
writes them when trying things out. Tulle, Keras on TensorFlow and PyTorch take turns,
each in processes of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from tables import table

Calls = dict[str, Callable[[], Any]]
SYSTEMS = ("tulle", "keras", "torch")
WIDTHS = (784, 32, 32, 10)
ROWS, REPEATS, WARM = 64, 30, 20


def data() -> tuple[Any, Any]:
    """Images and classes."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, WIDTHS[0])).astype("float32")
    return x, random.integers(0, WIDTHS[-1], ROWS).astype("int32")


def keras_calls(k: Any, tape: Any) -> Calls:
    """What Keras's names compute, in Keras or in Tulle."""

    class Linear(k.layers.Layer):
        """A layer of a user's, as in Keras's guides."""

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], WIDTHS[1]))
            self.b = self.add_weight(shape=(WIDTHS[1],), initializer="zeros")

        def call(self, x: Any) -> Any:
            return k.ops.matmul(x, self.w) + self.b

    x, y = map(k.ops.convert_to_tensor, data())
    a, linear = k.ops.convert_to_tensor(data()[0][:, : WIDTHS[1]]), Linear()
    hidden = [k.layers.Dense(width, "relu") for width in WIDTHS[1:-1]]
    model = k.Sequential([k.Input((WIDTHS[0],)), *hidden, k.layers.Dense(WIDTHS[-1])])
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = k.optimizers.Adam(1e-3)

    def gradients() -> Any:
        with tape() as seen:
            value = loss(y, model(x, training=True))
        return seen.gradient(value, model.trainable_weights)

    def update(found: Any) -> None:
        pairs = zip(found, model.trainable_weights, strict=True)
        optimizer.apply_gradients(pairs)

    fixed = gradients()

    return {
        "a + a": lambda: a + a,
        "a * 2.0": lambda: a * 2.0,
        "sum(a, 1)": lambda: k.ops.sum(a, axis=1),
        "softmax(a)": lambda: k.ops.softmax(a),
        "own layer": lambda: linear(x),
        "model": lambda: model(x),
        "loss": lambda: loss(y, model(x)),
        "gradients": gradients,
        "Adam": lambda: update(fixed),
        "step": lambda: update(gradients()),
    }


def torch_calls() -> Calls:
    """The same in PyTorch."""
    import torch

    x, y = data()
    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    a = x[:, : WIDTHS[1]].contiguous()
    parts: list[Any] = []
    for before, after in pairwise(WIDTHS):
        parts += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts[:-1])
    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())

    def gradients() -> None:
        optimizer.zero_grad()
        loss(model(x), y).backward()

    def step() -> None:
        gradients()
        optimizer.step()

    gradients()

    return {
        "a + a": lambda: a + a,
        "a * 2.0": lambda: a * 2.0,
        "sum(a, 1)": lambda: a.sum(1),
        "softmax(a)": lambda: torch.softmax(a, -1),
        "own layer": lambda: model[0](x),
        "model": lambda: model(x),
        "loss": lambda: loss(model(x), y),
        "gradients": gradients,
        "Adam": optimizer.step,
        "step": step,
    }


def calls_of(system: str) -> Calls:
    """The calls of a system."""
    if system == "torch":
        return torch_calls()
    if system == "keras":
        os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        import keras
        import tensorflow as tf

        return keras_calls(keras, tf.GradientTape)
    import tulle

    return keras_calls(tulle, tulle.GradientTape)


def microseconds(call: Callable[[], Any]) -> float:
    """The least mean of several runs, of which each has many calls."""
    for _ in range(WARM):
        call()
    found = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(REPEATS):
            call()
        found.append((time.perf_counter() - start) / REPEATS)
    return min(found) * 1e6


def turn(system: str) -> dict[str, float]:
    """A system's figures, by a process of its own."""
    command = [sys.executable, __file__, "--system", system]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table, or the figures of one system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--system", choices=SYSTEMS, help="measure it in this process")
    options = parser.parse_args()
    if options.system:
        calls = calls_of(options.system)
        print(json.dumps({name: microseconds(call) for name, call in calls.items()}))
        return
    turns = [[turn(system) for system in SYSTEMS] for _ in range(options.rounds)]
    rows = []
    for name in turns[0][0]:
        own, keras, torch = (
            statistics.median(figures[index][name] for figures in turns)
            for index in range(len(SYSTEMS))
        )
        values = [f"{value:.0f}" for value in (own, keras, torch)]
        rows.append([name, *values, f"{keras / own:.2f}", f"{torch / own:.2f}"])
    head = ["µs", *SYSTEMS, "keras / tulle", "torch / tulle"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
