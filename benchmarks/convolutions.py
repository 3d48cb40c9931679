"""Convolution and pooling beside JAX and PyTorch: `make bench-convolutions`.

Each system has a process. For each case they take turns at the function alone, and at
it with all its gradients. What they compute has to be the same. PyTorch takes part with
channels first and with channels last in memory.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from convolution_cases import CASES
from convolution_systems import SYSTEMS, Run
from run import translate_tulle
from tables import geometric, table
from turns import Failed, Options, Process

WAYS = ("forward", "gradients")
PEERS = [name for name in SYSTEMS if name != "tulle"]
TOLERANCE = 1e-3  # of the mean size of each result


def serve(system: str) -> None:
    """A system's process: orders are lines of JSON, each has a line for an answer."""
    runs: dict[str, Run] = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        if order == "open":
            runs = SYSTEMS[system](CASES[arguments[0]])
            answer: Any = {way: sizes(run()) for way, run in runs.items()}
        else:
            answer = seconds_of(runs[order], *arguments)
        print(json.dumps(answer), flush=True)


def sizes(results: list[Any]) -> list[float]:
    """The mean size of the elements of each result."""
    return [float(np.abs(np.asarray(one)).mean()) for one in results]


def seconds_of(run: Run, seconds: float) -> float:
    """The time of a run, by runs for about so long."""
    count, start = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - start < seconds:
        run()
        count += 1
    return (time.perf_counter() - start) / count


class Sweep:
    """The processes, and the times of each case."""

    def __init__(self, systems: list[str], options: Options):
        self.options = options
        script = Path(__file__)
        self.processes = {
            name: Process(name, "--serve", options, script) for name in systems
        }
        for process in self.processes.values():
            process.read()

    def case(self, name: str) -> dict[str, dict[str, float]]:
        """For each way the microseconds of each system."""
        answers = {
            system: process.ask("open", name)
            for system, process in self.processes.items()
        }
        found: dict[str, dict[str, float]] = {}
        for way in WAYS:
            same(name, {system: answer[way] for system, answer in answers.items()})
            times: dict[str, list[float]] = {system: [] for system in answers}
            for _ in range(self.options.rounds):
                for system, process in self.processes.items():
                    turn = process.ask(way, self.options.seconds)
                    times[system].append(turn * 1e6)
            found[way] = {system: median(turns) for system, turns in times.items()}
        return found

    def close(self) -> None:
        for process in self.processes.values():
            process.close()


def same(name: str, answers: dict[str, list[float]]) -> None:
    """Stop where systems do not compute the same."""
    first, *others = answers.values()
    for other in others:
        if not np.allclose(first, other, rtol=TOLERANCE):
            sys.exit(f"{name}: the results differ: {answers}")


def ratio(times: dict[str, float]) -> float:
    """The time of the best peer over Tulle's."""
    peers = [times[name] for name in PEERS if name in times]
    return min(peers, default=times["tulle"]) / times["tulle"]


def render(rows: dict[str, dict[str, Any]], way: str, systems: list[str]) -> str:
    """The cases of a way, the worst first."""
    chosen = {name: row[way] for name, row in rows.items()}
    order = sorted(chosen, key=lambda name: ratio(chosen[name]))
    lines = [
        [name, *(f"{chosen[name][one]:.0f}" for one in systems),
         f"{ratio(chosen[name]):.2f}"]
        for name in order
    ]  # fmt: skip
    mean = geometric([ratio(times) for times in chosen.values()])
    lines.append(["geometric mean", *[""] * len(systems), f"{mean:.2f}"])
    return table([f"{way}, µs", *systems, "best peer / tulle"], lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--case", action="append", default=[], help="those whose names have this")
    add("--part", type=int, nargs=2, metavar=("I", "N"), help="the I-th of N parts")
    add("--system", choices=SYSTEMS, action="append", help="beside Tulle")
    add("--threads", type=int, default=2, help="of each system")
    add("--rounds", type=int, default=5, help="of turns")
    add("--seconds", type=float, default=0.05, help="of a turn")
    add("--json", type=Path, help="keep the times, beside those found there")
    return parser.parse_args()


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[2] == "--serve":
        serve(sys.argv[1])
        return
    chosen = parsed()
    translate_tulle()
    options = Options(chosen.threads, chosen.rounds, chosen.seconds)
    options.keep_to_cores()
    systems = ["tulle", *(chosen.system or PEERS)]
    names = [name for name in CASES if all(word in name for word in chosen.case)]
    if chosen.part:
        names = names[chosen.part[0] :: chosen.part[1]]
    sweep, rows = Sweep(systems, options), {}
    if chosen.json and chosen.json.exists():
        rows = json.loads(chosen.json.read_text(encoding="utf-8"))
    try:
        for name in names:
            rows[name] = found = sweep.case(name)
            shown = (f"{way} {ratio(found[way]):.2f}" for way in WAYS)
            print(f"{name}: {', '.join(shown)}", flush=True)
    except Failed as reason:
        sys.exit(f"a system failed: {reason}")
    finally:
        sweep.close()
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for way in WAYS:
        print(f"\n{render(rows, way, systems)}")


if __name__ == "__main__":
    main()
