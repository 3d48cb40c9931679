"""Writes `grammars/net.tmLanguage.json`, which editors colour `.net` files by.

The words and signs are those of the table of terminals, so the two cannot differ.
"""

import json
import re
from pathlib import Path

from tulle.dsl.highlighting import (
    BEGINNINGS,
    CONSTANTS,
    KINDS,
    VALUES,
    free,
    reserved,
    signs,
    words,
)

TARGET = Path(__file__).resolve().parent.parent / "grammars" / "net.tmLanguage.json"
SCOPES = {
    "STRING": "string.quoted.double",
    "FLOAT": "constant.numeric.float",
    "INTEGER": "constant.numeric.integer",
    "COMPARISON": "keyword.operator",
}


def grammar() -> dict:
    """The grammar as TextMate has it."""
    patterns = [
        {"name": "comment.line.documentation", "match": "##.*$"},
        {"name": "comment.line.number-sign", "match": "#.*$"},
        *(
            {"name": SCOPES[name], "match": text}
            for name, text in free().items()
            if name in SCOPES
        ),
        {"name": "keyword.declaration", "match": words(BEGINNINGS)},
        {
            "name": "keyword.control",
            "match": words(reserved() - BEGINNINGS - CONSTANTS),
        },
        {
            "name": "constant.language",
            "match": rf"{words(CONSTANTS)}|\b({'|'.join(VALUES)})\b",
        },
        {
            "name": "storage.type",
            "match": rf"\b({'|'.join(KINDS)})\b",
        },
        {"name": "entity.name.type", "match": r"\b[A-Z][A-Za-z0-9_]*(?=\s*\()"},
        {"name": "entity.name.function", "match": r"\b[a-z_][A-Za-z0-9_]*(?=\s*\()"},
        {
            "name": "variable.parameter",
            "match": r"\b[A-Za-z_][A-Za-z0-9_]*(?=\s*=[^=])",
        },
        {"name": "keyword.operator", "match": "|".join(map(re.escape, signs()))},
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
