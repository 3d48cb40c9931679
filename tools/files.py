"""Prints each module with the first line of its docstring: `make files`.

With words, only those that have all of them in the path or the line: `make files
WORDS="layer symbol"`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("graph", "backend", "training", "dsl", "api", "tools")


def described(words: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The path of each module and what it says of itself."""
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            place, line = path.relative_to(ROOT).as_posix(), text.partition("\n")[0]
            if all(word.lower() in f"{place} {line}".lower() for word in words):
                yield place, line


def main(words: Sequence[str]) -> None:
    found = list(described(words))
    width = max((len(place) for place, _ in found), default=0)
    for place, line in found:
        print(f"{place:{width}}  {line}")


if __name__ == "__main__":
    main(sys.argv[1:])
