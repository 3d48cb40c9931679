"""All diagnostic codes: what each means, with a failing and a mended example.

`tulle explain T0301` prints an entry. An example is a `.net` text unless `form` says
that it is Python or a command line.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import (
    codes_files,
    codes_language,
    codes_models,
    codes_running,
    codes_turns,
    codes_types,
    codes_windows,
)
from .code import TABLE, Code

__all__ = ["CODES", "FILES", "Code", "explain", "families"]

FILES = (
    codes_files,
    codes_turns,
    codes_language,
    codes_types,
    codes_windows,
    codes_models,
    codes_running,
)
CODES: Mapping[str, Code] = dict(sorted(TABLE.items()))


def explain(code: str) -> str:
    """The page of a code.

    >>> print(explain("T0301").split(chr(10))[0])
    T0301: inner sizes of a matrix product differ
    """
    entry = CODES[code]
    parts = (
        f"{code}: {entry.title}",
        entry.explanation,
        "This fails:",
        _indented(entry.failing),
        "This works:",
        _indented(entry.mended),
    )
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))


def families() -> Mapping[str, str]:
    """What the first two digits of a code stand for."""
    return {
        "T01": "syntax",
        "T02": "names and arguments",
        "T03": "shapes",
        "T04": "element types",
        "T05": "layers, models, gradients",
        "T06": "training",
        "T07": "data and files",
        "T08": "devices",
        "T09": "limits",
    }
