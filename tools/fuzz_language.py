"""Feeds made-up and mutated texts to the checker of the language.

Only diagnostics may come out, soon and in little memory. Texts are made from the
tables of the grammar, token by token, or by changing texts that exist. What fails is
written to a folder, to be made a test.

    python tools/fuzz_language.py --seconds 300 --seed 1
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tulle.dsl import check
from tulle.dsl.tables import Refused, Run, tables
from tulle.dsl.tokens import Token
from tulle.graph.diagnostics import Source
from tulle.graph.report import FORMATS, render_all

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests/dsl/golden", "tests/situations", "examples", "tests/dsl/hostile")
SLOWEST = 10.0  # seconds for one text
LARGEST = 2 * 2**30  # bytes of memory that the process may come to
NUMBERS = "0 1 2 3 4 7 8 16 31 64 100 999999999999999999 1e308 0.5 1e-9 2147483648"
NAMES = """
    B T N K x y h w M f Block Dense relu Conv2D Dropout Flatten reshape sum mean zeros
    he_normal adam mean_squared_error concatenate units activation axis f32 i32 int str
    bool mode train infer output i LSTM Reshape cast softmax Embedding where transpose
    grad wrt none shape range max min ceildiv batch epochs seed norm
"""
CLOSERS = ("RBRACE", "RPAREN", "RSQUARE", "$END")


class Slow(Exception):
    """A text took too long."""


def seeds() -> list[str]:
    """The texts of the repository."""
    found = [p for name in FOLDERS for p in sorted((ROOT / name).glob("**/*.net"))]
    return [path.read_text("utf-8", errors="replace") for path in found]


def made(chance: random.Random, length: int) -> str:
    """A text by the tables of the grammar; well formed if it ends in time."""
    run = Run("file", lambda rule, children: rule)
    spelled = {name: text for name, text, fixed in tables().terminals if fixed}
    text: list[str] = []
    for step in range(4 * length):
        accepted = sorted(run._accepted(run.states))
        if "$END" in accepted and (step > length or chance.random() < 0.01):
            break
        if step > length and (ends := [k for k in accepted if k in CLOSERS]):
            accepted = ends
        kind = chance.choice(accepted)
        if kind == "$END":
            break
        try:
            run.feed(Token(kind, "", None))  # type: ignore[arg-type]
        except Refused:
            break
        text.append(_spelling(kind, spelled, chance))
    return " ".join(["net 1", *text[2:]])


def _spelling(kind: str, spelled: dict[str, str], chance: random.Random) -> str:
    match kind:
        case "NAME":
            return chance.choice(NAMES.split())
        case "INTEGER":
            return chance.choice([n for n in NUMBERS.split() if n.isdigit()])
        case "FLOAT":
            return chance.choice([n for n in NUMBERS.split() if not n.isdigit()])
        case "STRING":
            return chance.choice(['"same"', '"relu"', '"*"', '"a/b.net"', '""'])
        case "COMPARISON":
            return chance.choice(["==", "!=", "<", "<=", ">", ">="])
        case "DOTTED":
            return chance.choice(["blocks.Mlp", "a.b"])
    return spelled[kind]


WORD = re.compile(r"\w+|[^\w\s]+|\s+")


def mutated(text: str, others: Sequence[str], chance: random.Random) -> str:
    """The text with a few words lost, doubled, exchanged or taken from elsewhere."""
    words = WORD.findall(text)
    donor = WORD.findall(chance.choice(others)) or [" "]
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(words) + 1)
        span = chance.randint(0, 4)
        match chance.randrange(7):
            case 0:
                del words[place : place + span]
            case 1:
                words[place:place] = words[place : place + span] * chance.randint(1, 3)
            case 2:
                words.insert(place, chance.choice(donor))
            case 3:
                start = chance.randrange(len(donor))
                words[place : place + span] = donor[start : start + 8]
            case 4:
                words.insert(place, f" {chance.choice(NUMBERS.split())} ")
            case 5:
                words.insert(
                    place, chr(chance.choice([0, 9, 27, 127, 0x202E, 0x1F600]))
                )
            case 6:
                words.insert(place, chance.choice("()[]{}|>,:=@*?"))
    return "".join(words)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `Slow` in what takes longer."""

    def stop(*_: object) -> None:
        raise Slow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fault_of(text: str, seconds: float = SLOWEST) -> str:
    """What is wrong with the checker on this text; empty if nothing is."""
    try:
        with limited(seconds), warnings.catch_warnings():
            warnings.simplefilter("error")
            found = check(Source("fuzz.net", text))
            shown = [render_all(found, form) for form in FORMATS]
    except Slow:
        return f"more than {seconds} seconds"
    except Exception:  # noqa: BLE001 - whatever comes out is a finding
        return traceback.format_exc()
    if len([d for d in found if d.severity == "error"]) > 50:
        return "more than 50 errors"
    raw = [c for text in shown for c in text if not c.isprintable() and c != "\n"]
    return f"raw control characters: {raw[:5]}" if raw else ""


def texts(chance: random.Random) -> Iterator[str]:
    """Texts without end."""
    known = seeds()
    while True:
        if chance.random() < 0.4:
            yield made(chance, chance.choice([10, 40, 120]))
        else:
            yield mutated(chance.choice(known), known, chance)


def main() -> int:
    """Check texts for some seconds; 1 if one of them went wrong."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--into", type=Path, default=ROOT / "build" / "fuzz")
    given = arguments.parse_args()
    chance, end, count, wrong = random.Random(given.seed), None, 0, 0
    end = time.monotonic() + given.seconds
    for text in texts(chance):
        if time.monotonic() > end:
            break
        count += 1
        told = fault_of(text)
        if told:
            wrong += 1
            given.into.mkdir(parents=True, exist_ok=True)
            path = given.into / f"{given.seed}_{count}.net"
            path.write_text(text, "utf-8", errors="replace")
            print(f"{path}\n{told.strip().splitlines()[-1]}", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{count} texts, {wrong} went wrong, {memory / 2**20:.0f} MiB at most")
    return int(wrong > 0 or memory > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
