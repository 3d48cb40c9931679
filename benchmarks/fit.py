"""What `fit` costs beside the bare compiled step: `python benchmarks/fit.py`.

The step on batches that lie ready, and whole epochs of `fit`, take turns on one model,
so that a change of the machine's speed meets both. Only the ratios mean anything.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from systems import tulle_model
from workloads import WORKLOADS, Workload

import tulle
from tulle.training.batches import prepare

BATCHES = 200  # of an epoch
TURNS = 25


def variants(
    model: tulle.Model, workload: Workload, folder: Path, epochs: int
) -> dict[str, Callable]:
    """What takes turns, each for as many steps as a call of some epochs has."""
    parts = workload.batches(BATCHES)
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    program = model.steps.program("train", prepare(model, *parts[0]).signature)

    def bare() -> None:
        for part in parts * epochs:
            program(part)

    def fit(*told: tulle.callbacks.Callback, **options: object) -> Callable:
        given = {"batch_size": workload.batch, "verbose": 0, "callbacks": told}
        return lambda: model.fit(x, y, epochs=epochs, **given, **options)

    watching = tulle.callbacks.EarlyStopping("loss", patience=10**6)
    return {
        "the bare step": bare,
        "fit": fit(),
        "fit, not shuffled": fit(shuffle=False),
        "fit, EarlyStopping": fit(watching),
        "fit, BackupAndRestore": fit(
            tulle.callbacks.BackupAndRestore(folder / "b", delete_checkpoint=False),
        ),
        "fit, logs of each batch": fit(tulle.callbacks.TerminateOnNaN()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workload", choices=WORKLOADS, default="mlp")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="count the processor's time: for a busy machine, with one BLAS thread",
    )
    parser.add_argument("--epochs", type=int, default=1, help="of a call of `fit`")
    options = parser.parse_args()
    workload = WORKLOADS[options.workload]
    clock = time.process_time if options.processor else time.perf_counter
    with tempfile.TemporaryDirectory() as name:
        found = variants(tulle_model(workload), workload, Path(name), options.epochs)
        seconds: dict[str, list[float]] = {kind: [] for kind in found}
        for _ in range(TURNS):
            for kind, run in found.items():
                # A backup of the turn before would leave nothing to do.
                for path in Path(name).rglob("*.state"):
                    path.unlink()
                start = clock()
                run()
                seconds[kind].append(clock() - start)
    steps = BATCHES * options.epochs
    print(f"{workload.name}: {steps} steps of {workload.batch}, {TURNS} turns")
    for kind, times in seconds.items():
        ratios = [a / b for a, b in zip(times, seconds["the bare step"], strict=True)]
        step = statistics.median(times) / steps * 1e6
        low, middle, high = (np.quantile(ratios, q) for q in (0.25, 0.5, 0.75))
        print(
            f"  {kind:<26}{step:7.0f} µs a step   {middle:.2f} ({low:.2f}–{high:.2f})"
        )


if __name__ == "__main__":
    main()
