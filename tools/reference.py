"""Makes the generated parts of `docs/reference.md`: `python tools/reference.py`.

The grammar comes from `grammars/net.lark`, the limits from the code that holds them,
the codes from their registry. What stands outside of the marks is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tulle.dsl import (
    arguments,
    checker,
    conditions,
    gradients,
    imports,
    library,
    statics,
    tokens,
)
from tulle.dsl.run_settings import SETTINGS
from tulle.dsl.sparing import CLIPS, MAX_PATTERNS
from tulle.graph import dim
from tulle.graph.codes import CODES, families

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
GRAMMAR = ROOT / "grammars" / "net.lark"
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SPOKEN = {
    "NAME": "identifier",
    "DOTTED": "dotted",
    "INTEGER": "integer",
    "FLOAT": "float",
    "STRING": "string",
}
WIDTH = 92


def grammar() -> str:
    """The rules with the words and signs themselves in place of their names."""
    text = re.sub(r"^//.*\n", "", GRAMMAR.read_text("utf-8"), flags=re.MULTILINE)
    text = text.replace("plain_name", "NAME").replace("NAME: NAME\n", "")
    signs = dict(re.findall(r'^([A-Z_]+): ("[^"]+")', text, re.MULTILINE))
    signs["COMPARISON"] = '("==" | "!=" | "<=" | ">=" | "<" | ">")'
    rules = re.findall(r"^\??([a-z_]+):((?:.*\n)(?:[ \t]+.*\n)*)", text, re.MULTILINE)
    lines = []
    for name, body in rules:
        told = re.sub(
            r"[A-Z_]{2,}", lambda m: SPOKEN.get(m[0], signs.get(m[0], m[0])), body
        )
        told = re.sub(r"(?<![\w\"])_([a-z]\w*)", r"\1", told)
        lines += _wrapped(name.removeprefix("_"), " ".join(told.split()))
    return "```ebnf\n" + "\n".join(lines) + "\n```"


def _wrapped(name: str, body: str) -> list[str]:
    line, lines = f"{name} =", []
    for word in body.split(" "):
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {word}"
    return [*lines, line]


def words() -> str:
    """The reserved words, and those that are names elsewhere."""
    text = GRAMMAR.read_text("utf-8")
    every = re.findall(r'^([A-Z]+): "([a-z]+)"', text, re.MULTILINE)
    (listed,) = re.findall(r"^_soft: (.*)$", text, re.MULTILINE)
    soft = set(listed.split(" | "))
    fixed = " ".join(f"`{word}`" for name, word in every if name not in soft)
    free = " ".join(f"`{word}`" for name, word in every if name in soft)
    return (
        f"Reserved: {fixed}.\n\nReserved in their places, and names elsewhere: {free}."
    )


def limits() -> str:
    """A row for each limit."""
    rows = {
        "bytes of a file": tokens.MAX_BYTES,
        "letters of a name": tokens.MAX_NAME,
        "digits of a whole number": tokens.MAX_DIGITS,
        "levels of nesting": tokens.MAX_NESTING,
        "mistakes told of a file": tokens.MAX_FAULTS,
        "files that import each other": imports.MAX_FILES,
        "imports below each other": imports.MAX_DEPTH,
        "definitions below each other": checker.MAX_DEPTH,
        "uses of definitions": checker.MAX_INSTANCES,
        "nodes of the graph": checker.MAX_APPLICATIONS,
        "turns of a `repeat`, items of a `fold`": statics.MAX_TURNS,
        "values of a list of lists": arguments.MAX_LEAVES,
        "conditions of a `where`": conditions.MAX_CONDITIONS,
        "patterns of `freeze`": MAX_PATTERNS,
        "order of a derivative": gradients.MAX_ORDER,
        "a size of a tensor": dim.LIMIT - 1,
    }
    numbers = {what: f"{most:,}".replace(",", " ") for what, most in rows.items()}
    told = [f"| {what} | {most} |" for what, most in numbers.items()]
    return "\n".join(["| | at most |", "|---|--:|", *told])


def settings() -> str:
    """The entries of `run` and of `clip`."""
    told = [f"| `run` | `{name}` | {s.words} |" for name, s in SETTINGS.items()]
    kind = "a number above 0; `{}` of the optimizer"
    told += [f"| `clip` | `{name}` | {kind.format(to)} |" for name, to in CLIPS.items()]
    return "\n".join(["| section | entry | value |", "|---|---|---|", *told])


def names() -> str:
    """What training and weights take by name."""
    kinds = {title: library.training(kind) for kind, title in library.TRAINING.items()}
    for kind, title in library.OF_WEIGHTS.items():
        kinds[title] = library.of_weights(kind)
    lines = []
    for title, table in kinds.items():
        listed = " ".join(f"`{name}`" for name in sorted(table))
        lines.append(f"**{title.capitalize()}:** {listed}")
    return "\n\n".join(lines)


def codes() -> str:
    """The titles of all codes, family by family."""
    lines = []
    for start, family in families().items():
        found = {code: entry for code, entry in CODES.items() if code.startswith(start)}
        if found:
            lines += [f"### {family.capitalize()}", ""]
            lines += ["| code | |", "|---|---|"]
            lines += [f"| {code} | {entry.title} |" for code, entry in found.items()]
            lines.append("")
    return "\n".join(lines).rstrip()


PARTS: Mapping[str, Callable[[], str]] = {
    "grammar": grammar,
    "words": words,
    "limits": limits,
    "settings": settings,
    "names": names,
    "codes": codes,
}


def page() -> str:
    """The page with its generated parts made anew."""
    text = PAGE.read_text("utf-8")
    return PART.sub(lambda m: f"{m[1]}{PARTS[m[2]]()}\n{m[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
