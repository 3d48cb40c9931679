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
from pathlib import Path
from statistics import median
from typing import Any

from ops_cases import SIDES, SYSTEMS, calls_of
from tables import table

COMPILED = ("tulle", "keras")
WARM, WAITS, TURNS = 12, 10, 5


def seconds(call: Callable[[], Any], patience: float) -> float:
    """The least mean of several runs, which take `patience` seconds in all."""
    start = time.perf_counter()
    for done in range(1, WARM + 1):
        call()
        if done > 1 and time.perf_counter() - start > WAITS * patience:
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


def measured(side: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The microseconds of each system at each call, medians of turns."""
    systems = COMPILED if options.programs else SYSTEMS
    turns = [
        {system: turn(system, side, options) for system in systems}
        for _ in range(options.rounds)
    ]
    return {
        name: {
            system: median(values)
            for system in systems
            if (values := [t[system][name] for t in turns if t[system].get(name)])
        }
        for name in turns[0]["tulle"]
    }


def lines(side: int, times: dict[str, dict[str, float]]) -> list[list[str]]:
    """Lines of the table, each with the ratio to the best of the others at its end."""
    found = []
    for name, row in times.items():
        others = [value for system, value in row.items() if system != "tulle"]
        if "tulle" in row and others:
            cells = [f"{row[s]:.1f}" if s in row else "–" for s in SYSTEMS]
            ratio = f"{min(others) / row['tulle']:.2f}"
            found.append([f"{name}, {side}²", *cells, ratio])
    return found


def keep(kept: Path, found: dict[str, Any], programs: bool) -> None:
    """Put figures beside what `run.py` keeps, and those of other sides."""
    from run import about
    from turns import Options

    results = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    part = "compiled ops" if programs else "ops"
    rows = results.get(part, {"rows": {}})["rows"] | found
    results[part] = {"about": about(Options(threads)), "rows": rows}
    kept.write_text(json.dumps(results, indent=1), "utf-8")


def main() -> None:
    """Print the table, or the figures of one system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, help="of matrices; all of them if not said")
    parser.add_argument("--programs", action="store_true", help="compile each call")
    parser.add_argument("--patience", type=float, default=0.03, help="seconds a call")
    parser.add_argument("--only", default="", help="parts of names, with commas")
    parser.add_argument("--worst", type=int, help="how many lines, all if not said")
    parser.add_argument("--json", type=Path, help="keep the figures for `bench-page`")
    parser.add_argument("--system", choices=SYSTEMS, help="measure it in this process")
    options = parser.parse_args()
    if options.system:
        print(json.dumps(figures(options)))
        return
    sides = (options.side,) if options.side else SIDES
    found = {str(side): measured(side, options) for side in sides}
    if options.json:
        keep(options.json, found, options.programs)
    told = [line for side in sides for line in lines(side, found[str(side)])]
    told.sort(key=lambda line: float(line[-1]))
    head = ["µs", *SYSTEMS, "best other / tulle"]
    print(table(head, told[: options.worst]))


if __name__ == "__main__":
    main()
