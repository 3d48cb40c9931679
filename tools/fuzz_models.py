"""Random models: each way to run them gives what op by op gives: `make fuzz-models`.

A compiled training step, the same again and on other numbers of threads, gradients of a
tape and of a compiled function, calls on values, `predict`, a saved file.
`tests/model_checks.py` says how; a model that fails is shrunk and printed.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import model_checks
from random_models import Program, random_model, shrunk


def told_of(program: Program, kind: str) -> str:
    """What a check finds; a crash is a finding."""
    try:
        return model_checks.problem_of(program, kind)
    except Exception as problem:  # noqa: BLE001
        place = traceback.format_exc(limit=-3)
        return f"{type(problem).__name__} {str(problem)[:60]}: {place}"


def same_problem(kind: str, told: str) -> Callable[[Program], str]:
    """The problem of a smaller program, if it is of the kind that the whole has."""
    first = told.split(":")[0]

    def problem(program: Program) -> str:
        now = told_of(program, kind)
        return now if now.split(":")[0] == first else ""

    return problem


def report(program: Program, kind: str, told: str) -> None:
    print(f"\rseed {program.seed}, {kind}: {told}\n{program.shown()}", flush=True)
    small = shrunk(program, same_problem(kind, told))
    print(f"# shrunk: {told_of(small, kind)}\n{small.shown()}\n", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--models", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=model_checks.CHECKS)
    parser.add_argument("--all", action="store_true", help="all checks of each model")
    return parser.parse_args()


def kinds_of(given: argparse.Namespace, seed: int) -> list[str]:
    """What is asked of a model: how it trains, and two other things by turns."""
    kinds = [given.only] if given.only else list(model_checks.CHECKS)
    if given.only or given.all:
        return kinds
    return [kinds[0], *Random(seed).sample(kinds[1:], 2)]


def main() -> int:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    given = arguments()
    start, count, failed, seed = time.monotonic(), 0, 0, given.seed
    while time.monotonic() < start + given.seconds and seed < given.seed + given.models:
        print(f"\rmodel {seed}    ", end="", flush=True)
        program = random_model(seed)
        for kind in kinds_of(given, seed):
            told = told_of(program, kind)
            count += 1
            if told:
                failed += 1
                report(program, kind, told)
                break
        seed += 1
    seconds = time.monotonic() - start
    print(
        f"\r{count - failed} of {count} checks of {seed - given.seed} models agree;"
        f" {seconds:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
