"""Random configurations in Tulle and in Keras: `make compare-keras`.

`python tools/compare_keras --parts layers,losses --count 500 --seed 0` prints each
configuration on which the two differ, and how. Keras runs on JAX.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

PARTS = ("layers", "losses", "metrics", "optimizers", "files")
STRICTER = "only Tulle refuses"
LOOSER = "only Keras refuses"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--count", type=int, default=200, help="configurations a part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="text that the label begins with")
    parser.add_argument("--refusals", action="store_true", help="print refusals too")
    args = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    failed = 0
    for part in args.parts.split(","):
        failed += compared(part, args)
    return 1 if failed else 0


def compared(part: str, args: argparse.Namespace) -> int:
    """Run the comparisons of one part; the number of configurations that differ."""
    module = importlib.import_module(part)
    random = np.random.default_rng([args.seed, zlib.crc32(part.encode())])
    tally: Counter[str] = Counter()
    start = time.monotonic()
    for label, check in module.cases(random, args.count):
        if not label.startswith(args.only):
            continue
        try:
            reasons = check()
        except Exception:  # noqa: BLE001 - a crash is a finding
            reasons = ["crash: " + traceback.format_exc(limit=-3)]
        refusals = [r for r in reasons if r.startswith((STRICTER, LOOSER))]
        kind = "refusal" if refusals else "difference" if reasons else "agreement"
        tally[kind] += 1
        if reasons and (args.refusals or not refusals):
            print(f"{part}: {label}")
            print("".join(f"    {reason}\n" for reason in reasons), end="", flush=True)
    seconds = time.monotonic() - start
    print(
        f"{part}: {tally['agreement']} agree, {tally['difference']} differ, "
        f"{tally['refusal']} refused by one of the two; {seconds:.0f} s"
    )
    return tally["difference"]


if __name__ == "__main__":
    raise SystemExit(main())
