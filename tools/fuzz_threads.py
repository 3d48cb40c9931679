"""Random models, layers, ops, programs: the same bits on any number of threads.

`make fuzz-threads`. Each case runs on one thread, then on several, and then cut as for
several, with memory watched; `tests/thread_counts.py` says how. What it says on the
line of a case is what a process that dies was doing; `--only models --seed 106
--cases 1` runs that again.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
import warnings
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from thread_cases import KINDS, case
from thread_counts import WAYS, disagreement


def some_ways(seed: int) -> list[str]:
    """A number of threads, and a number to cut for."""
    names, random = list(WAYS), Random(seed)
    half = len(names) // 2
    return [random.choice(names[:half]), random.choice(names[half:])]


def problem_of(kind: str, seed: int, ways: list[str]) -> str:
    """What differs in a case, in words; nothing if all agree."""
    said = ""
    try:
        run, said = case(kind, seed)
        told = disagreement(run, ways)
    except Exception:  # noqa: BLE001 - a crash is a finding
        told = traceback.format_exc(limit=-4)
    return f"{told}\n{said}" if told else ""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--all-ways", action="store_true", help="each case on all")
    return parser.parse_args()


def main() -> int:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    given = arguments()
    kinds = [given.only] if given.only else KINDS
    start, count, failed, seed = time.monotonic(), 0, 0, given.seed
    while time.monotonic() < start + given.seconds and seed < given.seed + given.cases:
        for kind in kinds:
            print(f"\r{kind} {seed}      ", end="", flush=True)
            told = problem_of(
                kind, seed, [*WAYS] if given.all_ways else some_ways(seed)
            )
            count += 1
            if told:
                failed += 1
                print(told, flush=True)
        seed += 1
    seconds = time.monotonic() - start
    print(f"\r{count - failed} of {count} cases give the same bits; {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
