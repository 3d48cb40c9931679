"""Writes `grammars/net.tmLanguage.json`, which editors colour `.net` files by.

The words and signs are those of the table of terminals, so the two cannot differ.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tulle.dsl.tables import tables
from tulle.dsl.tokens import ITEMS, SECTIONS, STATEMENTS
from tulle.graph.types import DTYPES

TARGET = Path(__file__).resolve().parent.parent / "grammars" / "net.tmLanguage.json"
BEGINNINGS = ITEMS | STATEMENTS | SECTIONS | {"NET"}
CONSTANTS = {"TRUE", "FALSE"}
SCOPES = {
    "STRING": "string.quoted.double",
    "FLOAT": "constant.numeric.float",
    "INTEGER": "constant.numeric.integer",
    "COMPARISON": "keyword.operator",
}


def words(names: Iterable[str], table: list[tuple[str, str]]) -> str:
    found = sorted(text for name, text in table if name in names)
    return rf"\b({'|'.join(found)})\b"


def grammar() -> dict:
    """The grammar as TextMate has it."""
    fixed = [(name, text) for name, text, is_fixed in tables().terminals if is_fixed]
    free = [(name, text) for name, text, is_fixed in tables().terminals if not is_fixed]
    reserved = {name for name, text in fixed if text.isidentifier()}
    signs = sorted(
        (t for n, t in fixed if n not in reserved), key=lambda t: (-len(t), t)
    )
    inner = reserved - BEGINNINGS - CONSTANTS
    patterns = [
        {"name": "comment.line.documentation", "match": "##.*$"},
        {"name": "comment.line.number-sign", "match": "#.*$"},
        *(
            {"name": SCOPES[name], "match": text}
            for name, text in free
            if name in SCOPES
        ),
        {"name": "keyword.declaration", "match": words(BEGINNINGS, fixed)},
        {"name": "keyword.control", "match": words(inner, fixed)},
        {"name": "constant.language", "match": rf"{words(CONSTANTS, fixed)}|\bnone\b"},
        {
            "name": "storage.type",
            "match": rf"\b({'|'.join([*DTYPES, 'int', 'str'])})\b",
        },
        {"name": "entity.name.type", "match": r"\b[A-Z][A-Za-z0-9_]*(?=\s*\()"},
        {"name": "entity.name.function", "match": r"\b[a-z_][A-Za-z0-9_]*(?=\s*\()"},
        {
            "name": "variable.parameter",
            "match": r"\b[A-Za-z_][A-Za-z0-9_]*(?=\s*=[^=])",
        },
        {"name": "keyword.operator", "match": "|".join(map(re.escape, signs))},
    ]
    return {
        "name": "Tulle",
        "scopeName": "source.net.tulle",
        "fileTypes": ["net"],
        "patterns": [{**p, "name": f"{p['name']}.tulle"} for p in patterns],
    }


def text() -> str:
    return json.dumps(grammar(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
    print(TARGET)
