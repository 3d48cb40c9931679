"""Where Tulle's time goes: `python benchmarks/profile_steps.py WORKLOAD`.

It prints the steps of the compiled training step with their share of the time, and the
shares of kinds of steps. Reading the clock adds about a microsecond to each step.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from types import FrameType
from typing import Any

from systems import tulle_model
from workloads import WORKLOADS, itself

PROGRAM = "<tulle program>"  # the file name that its lines bear
GEMM, PYTHON = ("matmul",), ("opaque", "opaque_gradient")
MOVES = "transpose expand_dims squeeze reshape item copy".split()


def program_of(workload: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """The compiled training step, and arrays to call it with."""
    from tulle.training.batches import prepare

    batches = [(x, itself(x, y)) for x, y in workload.batches()]
    model = tulle_model(workload)
    return model.steps.program("train", prepare(model, *batches[0]).signature), batches


def step_seconds(program: Any, batches: list[Any]) -> list[tuple[str, float]]:
    """The steps of a program by name, each with its seconds in one run.

    The only place that knows how a program runs: a line of text for each step.
    """
    spent: dict[int, float] = defaultdict(float)

    def clocked(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        nonlocal line, since
        now = time.perf_counter()
        if line is not None:
            spent[line] += now - since
        line = frame.f_lineno if event == "line" else None
        since = time.perf_counter()
        return clocked

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        return clocked if frame.f_code.co_filename == PROGRAM else None

    for arrays in batches:
        program(arrays)  # without the clock, so that everything is bound
    for arrays in batches:
        line, since = None, 0.0
        sys.settrace(entered)
        try:
            program(arrays)
        finally:
            sys.settrace(None)
    return named(program.source().splitlines(), spent, len(batches))


def named(
    lines: list[str], spent: dict[int, float], runs: int
) -> list[tuple[str, float]]:
    """Seconds by line as seconds by step: the lines of a kernel belong to its head."""
    found: list[tuple[str, float]] = []
    for number, text in enumerate(lines, 1):
        if not text.startswith("    "):
            continue
        seconds = spent[number] / runs
        if text.startswith("     ") and found:
            name, before = found.pop()
            found.append((name, before + seconds))
        else:
            code, _, comment = text.strip().partition("#")
            found.append((comment.strip() or code.strip(), seconds))
    return found


def kind_of(name: str) -> str:
    """What a step is, by the name of its op."""
    from tulle.backend.cpu.special import SPECIAL

    op = name.split("(")[0].split(" ")[0]
    if op in GEMM:
        return "GEMM"
    if op == "fused":
        return "generated kernel"
    if op in PYTHON:
        return "Python step"
    if op in MOVES:
        return "copy or view"
    return "special" if op in SPECIAL else "other"


def show(workload: Any, most: int) -> None:
    steps = step_seconds(*program_of(workload))
    total = sum(seconds for _, seconds in steps)
    print(f"{workload.name}: {len(steps)} steps, {total * 1e6:.0f} µs a run")
    kinds: dict[str, list[float]] = defaultdict(list)
    for name, seconds in steps:
        kinds[kind_of(name)].append(seconds)
    for kind, times in sorted(kinds.items(), key=lambda item: -sum(item[1])):
        share = f"{sum(times) / total:6.1%} {sum(times) * 1e6:9.1f} µs"
        print(f"  {share}  {kind}, {len(times)} steps")
    print()
    for name, seconds in sorted(steps, key=lambda step: -step[1])[:most]:
        share = f"{seconds / total:6.1%} {seconds * 1e6:9.1f} µs"
        print(f"  {share}  {kind_of(name):<17} {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--most", type=int, default=40, help="steps that are shown")
    options = parser.parse_args()
    show(WORKLOADS[options.workload], options.most)


if __name__ == "__main__":
    main()
