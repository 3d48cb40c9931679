"""Random changes of model files: loading them gives a model or a diagnostic.

`python tools/fuzz_files.py --seconds 300 --seed 0` prints what else came out, and keeps
the file in `build/`. A file that takes longer than `--limit` seconds counts as well.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import fuzz_files

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("keras", "tulle", "weights.h5", "safetensors")
MEMORY = 8 * 2**30


def late(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=20)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, late)
    stream, tally, wrong = random.Random(args.seed), Counter(), 0
    end = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = fuzz_files.sources(folder)
        while time.monotonic() < end:
            kind = stream.choice(KINDS)
            content = fuzz_files.changed(sources[kind], kind, stream)
            signal.alarm(args.limit)
            try:
                loaded = fuzz_files.tried(kind, content, folder)
                tally[f"{kind} {'loaded' if loaded else 'refused'}"] += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                wrong += 1
                place = ROOT / "build" / f"fuzz-{args.seed}-{wrong}.{kind}"
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(content)
                print(place, traceback.format_exc(limit=-4), sep="\n", flush=True)
            finally:
                signal.alarm(0)
    print(*(f"{what}: {count}" for what, count in sorted(tally.items())), sep="\n")
    print(f"something else than a diagnostic: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
