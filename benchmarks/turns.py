"""Systems take turns at a workload, each in a process of its own.

A change of the machine's speed so meets all of them: only ratios mean anything.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from systems import SYSTEMS

WORKER = Path(__file__).with_name("worker.py")
PREDICTED = {"latency_us": 1, "bulk_us": 256}  # rows of a prediction


@dataclass(frozen=True)
class Options:
    """How long and on how many threads it is measured."""

    threads: int
    rounds: int = 12
    seconds: float = 0.25  # of one turn
    patience: float = 600.0  # seconds to wait for an answer
    cache: str = ""  # where Tulle keeps machine code; nowhere, as JAX does by itself

    def environment(self) -> dict[str, str]:
        """What tells every system how many threads it may use."""
        names = "OMP OPENBLAS MKL TULLE".split()
        found = {f"{name}_NUM_THREADS": str(self.threads) for name in names}
        found["TULLE_CACHE_DIR"] = self.cache
        found["TF_NUM_INTRAOP_THREADS"] = found["TF_NUM_INTEROP_THREADS"] = str(
            self.threads
        )
        return os.environ | found

    def keep_to_cores(self) -> None:
        """Run on no more cores than threads, whatever a system thinks."""
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))[: self.threads]
            os.sched_setaffinity(0, cores)


class Failed(Exception):
    """A system's process has ended, or has not answered in time."""


@dataclass
class Process:
    """A worker's process: orders go in, answers come back."""

    system: str
    network: str
    options: Options
    script: Path = WORKER

    def __post_init__(self):
        command = [sys.executable, str(self.script), self.system, self.network]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            command, env=self.options.environment(), **pipes
        )

    def read(self) -> dict[str, Any]:
        """The next answer; raises `Failed` if none comes."""
        timer = threading.Timer(self.options.patience, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            expired = not timer.is_alive()
            timer.cancel()
        if not line:
            reason = (
                f"no answer in {self.options.patience:.0f} s" if expired else "ended"
            )
            raise Failed(reason)
        return json.loads(line)

    def ask(self, *order: Any) -> dict[str, Any]:
        """Give an order and wait for the answer."""
        try:
            print(json.dumps(order), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise Failed("ended") from None
        return self.read()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):  # something was unsaid
                pipe.close()


class Turns:
    """The processes of one workload, and their rows of figures."""

    def __init__(self, network: str, systems: list[str], options: Options):
        self.options = options
        self.rows: dict[str, dict[str, Any]] = {name: {} for name in systems}
        self.processes: dict[str, Process] = {}
        for name in systems:  # one after the other, so that first steps are alone
            self.processes[name] = Process(name, network, options)
            self.each([name], lambda process: process.read(), self.rows[name].update)

    def each(
        self,
        names: list[str],
        ask: Callable[[Process], dict[str, Any]],
        keep: Callable[[dict[str, Any]], Any] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Ask processes by turns; one that fails is left out from then on."""
        found = {}
        for name in names:
            if "error" in self.rows[name]:
                continue
            try:
                found[name] = ask(self.processes[name])
                if keep is not None:
                    keep(found[name])
            except Failed as reason:
                self.rows[name] = {"error": str(reason)}
        return found

    def medians(self, names: list[str], key: str, rounds: int, *order: Any) -> None:
        """Rounds of turns; the median of what each answers under "us"."""
        turns: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            found = self.each(names, lambda process: process.ask(*order))
            for name, answer in found.items():
                turns[name].append(answer["us"])
        for name, values in turns.items():
            if "error" not in self.rows[name]:
                self.rows[name][key] = median(values)
                self.rows[name][f"{key}_spread"] = [min(values), max(values)]

    def run(self) -> None:
        """All measurements of training and predicting."""
        everyone = list(self.rows)
        stepping = [name for name in everyone if not name.endswith(" fit")]
        options = self.options
        self.medians(everyone, "us", options.rounds, "turn", options.seconds)
        for order in ("learned", "memory"):
            for name, found in self.each(everyone, lambda p: p.ask(order)).items():  # noqa: B023 - it is asked at once
                self.rows[name].update(found)
        for key, rows in PREDICTED.items():
            self.medians(stepping, key, min(5, options.rounds), "predictions", rows)
        for name, found in self.each(stepping, lambda p: p.ask("shapes")).items():
            self.rows[name].update(found)

    def close(self) -> None:
        for process in self.processes.values():
            process.close()


def compare(
    network: str, systems: list[str], options: Options
) -> dict[str, dict[str, Any]]:
    """A row of figures for each system at a workload; one that failed has "error"."""
    turns = Turns(network, systems, options)
    try:
        turns.run()
    finally:
        turns.close()
    if "tulle" in systems and "error" not in turns.rows["tulle"]:
        found = first_cached(network, options)
        turns.rows["tulle"]["first_cached"] = found.get("first")
    return turns.rows


def first_cached(network: str, options: Options) -> dict[str, Any]:
    """Tulle's first step when its machine code has been kept by an earlier process."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            process = Process("tulle", network, replace(options, cache=folder))
            try:
                found = process.read()
            except Failed as reason:
                return {"error": str(reason)}
            finally:
                process.close()
    return found


def is_own(system: str) -> bool:
    """Whether a system is Tulle."""
    return SYSTEMS[system].packages == ("tulle",)
