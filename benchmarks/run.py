"""Tulle beside its peers on the same training steps: `make bench`.

Each system has a process of its own, and they take turns, so that a change of the
machine's speed meets all of them. Only the ratios mean anything.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

from systems import SYSTEMS
from workloads import WORKLOADS, Workload

ROUNDS = 12
SECONDS = 0.25  # of one turn


def work(system: str, workload: Workload) -> None:
    """A system's process: one turn for each line read, times as lines of JSON."""
    batches = workload.batches()
    start = time.perf_counter()
    step = SYSTEMS[system][1](workload)
    losses = [float(step(*batches[0]))]
    answer = {"first": time.perf_counter() - start}
    losses += [float(step(*batch)) for batch in batches * 3]
    print(json.dumps(answer), flush=True)
    for _ in sys.stdin:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            for batch in batches:
                loss = step(*batch)
            float(loss)
            count += len(batches)
        answer = {"us": (time.perf_counter() - start) / count * 1e6}
        losses.append(float(loss))
        answer["learned"] = losses[-1] < losses[0]
        print(json.dumps(answer), flush=True)


def compare(
    workload: Workload, systems: list[str], threads: int
) -> dict[str, dict[str, float]]:
    """Let systems take turns; median microseconds a step, and seconds to the first."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    if threads == 1:
        counts["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    command = [sys.executable, __file__, "--workload", workload.name, "--system"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    pipes["env"] = os.environ | counts
    workers = {name: subprocess.Popen([*command, name], **pipes) for name in systems}
    try:
        first = {name: read(worker, name) for name, worker in workers.items()}
        turns: dict[str, list[dict]] = {name: [] for name in systems}
        for _ in range(ROUNDS):
            for name, worker in workers.items():
                print(file=worker.stdin, flush=True)
                turns[name].append(read(worker, name))
    finally:
        for worker in workers.values():
            worker.kill()
    for name, found in turns.items():
        if not found[-1]["learned"]:
            sys.exit(f"{name} did not learn: its loss is not below the first one")
    return {
        name: {
            "us": statistics.median(turn["us"] for turn in found),
            "first": first[name]["first"],
        }
        for name, found in turns.items()
    }


def read(worker: subprocess.Popen, name: str) -> dict:
    line = worker.stdout.readline()
    if not line:
        sys.exit(f"{name} failed; what it said stands above")
    return json.loads(line)


def installed(systems: list[str]) -> list[str]:
    """The systems whose packages are there; says which are not."""
    found = []
    for name in systems:
        package = SYSTEMS[name][0]
        if importlib.util.find_spec(package) is None:
            print(f"{name} is left out: the package `{package}` is not installed")
        else:
            found.append(name)
    return found


def show(workload: Workload, rows: dict[str, dict[str, float]], threads: int) -> None:
    sizes = "-".join(map(str, workload.sizes))
    words = f"batch {workload.batch}, Adam, float32, {threads} threads"
    print(f"{workload.name}: {sizes}, {words}")
    own = rows["tulle"]["us"]
    for name, row in rows.items():
        ratio = f"{row['us'] / own:5.2f} x tulle's time"
        first = f"first step after {row['first']:.2f} s"
        print(f"  {name:<22} {row['us']:8.0f} µs a step   {ratio}   {first}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--system", choices=SYSTEMS, help="be this system's process")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    parser.add_argument("--threads", type=int, default=cores, help="of each system")
    options = parser.parse_args()
    chosen = [WORKLOADS[name] for name in options.workload or WORKLOADS]
    if options.system:
        work(options.system, chosen[0])
        return
    systems = installed(list(SYSTEMS))
    for workload in chosen:
        rows = compare(workload, systems, options.threads)
        show(workload, rows, options.threads)


if __name__ == "__main__":
    main()
