"""Ops on values, and as programs: `python benchmarks/ops.py`, the worst ratios first.

Tulle, Keras on JAX, NumPy and PyTorch take turns, each in a process of its own, at the
calls of `ops_cases.py` with small, middling and large operands. With `--programs` Tulle
and Keras compile each call (`tulle.function`, `jax.jit`).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from ops_cases import SIDES, SYSTEMS, calls_of
from tables import table

COMPILED = ("tulle", "keras")
WARM, TURNS = 12, 5


def seconds(call: Callable[[], Any], patience: float) -> float:
    """The least mean of several runs, which take `patience` seconds in all."""
    start = time.perf_counter()
    for done in range(1, WARM + 1):
        call()
        if done > 1 and time.perf_counter() - start > patience:
            break
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    repeats = max(1, int(patience / TURNS / once))
    found = []
    for _ in range(TURNS if repeats > 1 else 2):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        found.append((time.perf_counter() - start) / repeats)
    return min(found)


def compiled(system: str, call: Callable[[], Any]) -> Callable[[], Any]:
    """A call as a program of its operands, which are not constants of it."""
    known = call.__globals__
    kinds = tuple(type(known[letter]) for letter in ("a",))
    names = [
        name for name in call.__code__.co_names if isinstance(known.get(name), kinds)
    ]

    def computed(*given: Any) -> Any:
        return eval(call.__code__, {**known, **dict(zip(names, given, strict=True))})

    if system == "tulle":
        import tulle

        program = tulle.function(computed)
    else:
        import jax

        program = jax.jit(computed)
    operands = [known[name] for name in names]
    return lambda: program(*operands)


def figures(options: argparse.Namespace) -> dict[str, float | None]:
    """Microseconds of each call of a system, in this process; None where it fails."""
    calls, wait = calls_of(options.system, options.side)
    found: dict[str, float | None] = {}
    for name, call in calls.items():
        if options.only and not any(part in name for part in options.only.split(",")):
            continue
        try:
            if options.programs:
                call = compiled(options.system, call)
            found[name] = seconds(lambda: wait(call()), options.patience) * 1e6  # noqa: B023
        except Exception as error:  # noqa: BLE001 - the others are measured
            print(f"{options.system}, {name}: {error}", file=sys.stderr)
            found[name] = None
    return found


def turn(system: str, side: int, options: argparse.Namespace) -> dict[str, Any]:
    """A system's figures, by a process of its own."""
    command = [sys.executable, __file__, "--system", system, "--side", str(side)]
    command += ["--patience", str(options.patience), "--only", options.only]
    command += ["--programs"] * options.programs
    quiet = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdout": subprocess.PIPE, "text": True, "check": True}
    done = subprocess.run(command, env=os.environ | quiet, **pipes)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(side: int, options: argparse.Namespace) -> list[tuple[float, list[str]]]:
    """Lines of the table, each with the ratio to the best of the others."""
    systems = COMPILED if options.programs else SYSTEMS
    turns = [
        {system: turn(system, side, options) for system in systems}
        for _ in range(options.rounds)
    ]
    found = []
    for name in turns[0]["tulle"]:
        times = {
            system: median(values)
            for system in systems
            if (values := [t[system][name] for t in turns if t[system].get(name)])
        }
        others = [value for system, value in times.items() if system != "tulle"]
        if "tulle" not in times or not others:
            continue
        ratio = min(others) / times["tulle"]
        cells = [f"{times[s]:.1f}" if s in times else "–" for s in systems]
        found.append((ratio, [f"{name}, {side}²", *cells, f"{ratio:.2f}"]))
    return found


def main() -> None:
    """Print the table, or the figures of one system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, help="of matrices; all of them if not said")
    parser.add_argument("--programs", action="store_true", help="compile each call")
    parser.add_argument("--patience", type=float, default=0.03, help="seconds a call")
    parser.add_argument("--only", default="", help="parts of names, with commas")
    parser.add_argument("--worst", type=int, help="how many lines, all if not said")
    parser.add_argument("--system", choices=SYSTEMS, help="measure it in this process")
    options = parser.parse_args()
    if options.system:
        print(json.dumps(figures(options)))
        return
    sides = (options.side,) if options.side else SIDES
    lines = [line for side in sides for line in rows(side, options)]
    lines.sort(key=lambda line: line[0])
    systems = COMPILED if options.programs else SYSTEMS
    head = ["µs", *systems, "best other / tulle"]
    print(table(head, [cells for _, cells in lines[: options.worst]]))


if __name__ == "__main__":
    main()
