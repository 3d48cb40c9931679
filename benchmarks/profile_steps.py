"""Where Tulle's time goes: `python benchmarks/profile_steps.py WORKLOAD`.

It prints the steps of the compiled training step with their share of the time, or
those of a prediction (`--predict ROWS`), and the shares of kinds of steps. Each step
runs as a call of its own here, which costs it about a microsecond.
"""

import argparse
import sys
import time
from collections import defaultdict
from typing import Any

from systems import tulle_model
from workloads import WORKLOADS, itself

LONGEST = 100  # letters of a step
KINDS = {
    "matmul": "GEMM",
    "fused": "generated kernel",
    "loop": "native loop",
}


def program_of(
    workload: Any, rows: int | None, policy: str = "float32"
) -> tuple[Any, list[tuple[Any, ...]]]:
    """The compiled training step, or prediction of some rows, with arrays for it."""
    from tulle.training.batches import prepare

    batches: list[tuple[Any, ...]] = [
        (x, itself(x, y)) if rows is None else (x,)
        for x, y in workload.batches(rows=rows)
    ]
    model, kind = tulle_model(workload, policy), "train" if rows is None else "predict"
    prepared = prepare(model, *batches[0], scored=rows is None)
    return model.steps.program(kind, prepared.signature), batches


def step_seconds(program: Any, batches: list[Any]) -> list[tuple[str, str, float]]:
    """The steps of a program: name, kind, seconds in one run.

    The only place that knows how a program runs.
    """
    from tulle.backend import Program
    from tulle.backend.cpu.code import NativeCode

    class Clocked(NativeCode):
        """Native code that stops after each step, to look at the clock."""

        def _stops(self) -> Any:
            every = ((step, self.step_form(step)) for step in self.schedule.steps)
            native = 0
            for step, form in every:
                native += form is not None
                yield native, step

        def _host_step(self, step: Any, bound: Any, writer: Any) -> Any:
            def nothing() -> None: ...

            native = self.step_form(step) is not None
            run = nothing if native else super()._host_step(step, bound, writer)
            return lambda: (run(), self.stop(step))

        def stop(self, step: Any) -> None:
            now = time.perf_counter()
            self.spent[id(step)] += now - self.since
            self.since = time.perf_counter()

    code = Clocked()
    again = Program(program.graph, code=code)
    for turn in range(2):  # the first one binds
        code.spent = defaultdict(float)
        for arrays in batches * (1 + 2 * turn):
            code.since = time.perf_counter()
            again(arrays)
    runs = 3 * len(batches)
    return [
        (name_of(step), kind_of(step, code), code.spent[id(step)] / runs)
        for step in again.schedule.steps
    ]


def name_of(step: Any) -> str:
    """A step as people read it."""
    targets = ", ".join(target.name for target in step.targets)
    sources = ", ".join(source.name for source in step.sources)
    text = f"{targets} = {step.node.op.name}({sources}): {step.node.type}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def kind_of(step: Any, code: Any) -> str:
    """What computes a step."""
    op = step.node.op.name
    if step.copy:
        return "copy"
    if op in ("opaque", "opaque_gradient"):
        return "Python step"
    if code.form(step.node) is None:
        return "NumPy"
    return KINDS.get(op, "special")


def show(workload: Any, rows: int | None, policy: str, most: int) -> None:
    steps = step_seconds(*program_of(workload, rows, policy))
    total = sum(seconds for *_, seconds in steps)
    print(f"{workload.name}: {len(steps)} steps, {total * 1e6:.0f} µs a run")
    kinds: dict[str, list[float]] = defaultdict(list)
    for _, kind, seconds in steps:
        kinds[kind].append(seconds)
    for kind, times in sorted(kinds.items(), key=lambda item: -sum(item[1])):
        share = f"{sum(times) / total:6.1%} {sum(times) * 1e6:9.1f} µs"
        print(f"  {share}  {kind}, {len(times)} steps")
    print()
    for name, kind, seconds in sorted(steps, key=lambda step: -step[2])[:most]:
        share = f"{seconds / total:6.1%} {seconds * 1e6:9.1f} µs"
        print(f"  {share}  {kind:<17} {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--predict", type=int, metavar="ROWS", help="of a prediction")
    parser.add_argument("--policy", default="float32", help="of dtypes of the layers")
    parser.add_argument("--most", type=int, default=40, help="steps that are shown")
    options = parser.parse_args()
    from tulle.backend.cpu.engine import missing

    if missing():
        sys.exit(f"{missing()} is not installed, so no program is native")
    show(WORKLOADS[options.workload], options.predict, options.policy, options.most)


if __name__ == "__main__":
    main()
