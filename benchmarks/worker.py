"""A system's process: `worker.py SYSTEM WORKLOAD`, or a depth in place of a workload.

It takes a first step and tells how long that took; then it answers orders, lines of
JSON, each with a line of JSON. `run.py` gives the orders.
"""

import time

BEGAN = time.perf_counter()

import importlib  # noqa: E402 - the clock stands before the imports
import json  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from memory import peak_bytes  # noqa: E402
from systems import SYSTEMS, Session  # noqa: E402
from workloads import WORKLOADS, Field, Workload  # noqa: E402

FIT_BATCHES = 40  # in an epoch
MORE_PASSES = 50  # over the data, until something is learned
SHORTEST = 0.02  # seconds that a measurement of a call takes at least


class Worker:
    """A session, its data, and what it has measured of itself."""

    def __init__(self, system: str, network: str):
        self.workload = WORKLOADS.get(network) or depth_of(network)
        self.batches = self.workload.batches()
        started = time.perf_counter()
        for package in SYSTEMS[system].packages:
            importlib.import_module(package)
        imported, memory = time.perf_counter(), peak_bytes()
        given = int(network) if network.isdigit() else self.workload
        self.session: Session = SYSTEMS[system].open(given)
        self.first_losses = [self.train(self.batches[:1])]
        done = time.perf_counter()
        self.first = {
            "import": imported - started,
            "first": done - imported,
            "first_with_import": done - BEGAN,
            "import_memory": memory,
        }
        self.first_losses += [self.train([batch]) for batch in self.batches[1:]]
        self.seconds = self.turn(0.0)["us"] / 1e6  # of a step, as last measured

    def train(self, batches: list[Any]) -> float:
        """A step on each batch, the last loss."""
        if self.session.fit is not None:
            return self.session.fit(*joined(batches), self.workload.batch)
        for batch in batches:
            loss = self.session.step(*batch)
        return float(loss)

    def turn(self, seconds: float) -> dict[str, float]:
        """Steps for about so long, without waiting between them."""
        count = max(1, round(seconds / self.seconds)) if seconds else 1
        if self.session.fit is not None:
            count = FIT_BATCHES
        elif seconds:
            count = max(count, 2)
        batches = [self.batches[i % len(self.batches)] for i in range(count)]
        if self.session.fit is not None:
            x, y = joined(batches)
            start = time.perf_counter()
            self.session.fit(x, y, self.workload.batch)
        else:
            start = time.perf_counter()
            self.train(batches)
        self.seconds = (time.perf_counter() - start) / count
        return {"us": self.seconds * 1e6}

    def learned(self) -> dict[str, Any]:
        """The mean loss of the first steps and of those after all turns.

        A slow system takes few steps in its turns: where these were not enough to
        learn anything, more passes over the data follow.
        """
        first = float(np.mean(self.first_losses))
        for _ in range(MORE_PASSES):
            last = float(np.mean([self.train([batch]) for batch in self.batches]))
            if last < first:
                break
        return {"before": first, "after": last}

    def shapes(self) -> dict[str, Any]:
        """Three new numbers of rows: what the first step costs more than the second."""
        rows = self.workload.batch
        found = []
        for size in (rows + 1, 2 * rows + 1, max(2, rows // 2)):
            batch = self.workload.batches(1, size)[0]
            times = [self.timed(lambda b=batch: self.train([b])) for _ in range(3)]
            found.append(times[0] - min(times[1:]))
        return {"new_shape": found}

    def predictions(self, rows: int) -> dict[str, float]:
        """Microseconds of one prediction, waited for."""
        x = self.workload.batches(1, rows)[0][0]

        def call() -> None:
            np.asarray(self.session.predict(x))

        call()
        once = self.timed(call)
        count = max(3, min(1000, int(SHORTEST / once)))
        return {"us": float(np.median([self.timed(call) for _ in range(count)])) * 1e6}

    def memory(self) -> dict[str, float]:
        """The most memory that the process has had."""
        return {"peak": peak_bytes(), "import": self.first["import_memory"]}

    @staticmethod
    def timed(call: Any) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start


def depth_of(network: str) -> Workload:
    """The data of a chain of layers, whose depth is given."""
    return Workload(network, "", 16, Field((64,)), Field((), 10))


def joined(batches: list[Any]) -> tuple[Any, Any]:
    """All batches one after the other, as a data set."""
    x = np.concatenate([x for x, _ in batches])
    if batches[0][1] is None:
        return x, None
    return x, np.concatenate([y for _, y in batches])


ORDERS = {
    name: getattr(Worker, name)
    for name in ("turn", "learned", "shapes", "predictions", "memory")
}


def main() -> None:
    worker = Worker(*sys.argv[1:])
    print(json.dumps(worker.first), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(ORDERS[name](worker, *arguments)), flush=True)


if __name__ == "__main__":
    main()
