"""One diagnostic code, and the table that the files `codes_*` fill."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from .diagnostics import InternalError


@dataclass(frozen=True, slots=True)
class Code:
    """One code: a title, an explanation in plain words, two examples."""

    title: str
    explanation: str
    failing: str
    mended: str
    form: str = "net"  # or python, shell


TABLE: dict[str, Code] = {}


def entry(
    code: str,
    title: str,
    explanation: str,
    failing: str,
    mended: str,
    form: str = "net",
) -> None:
    """Enter a code; an example in the language gets its edition in front."""
    if code in TABLE:
        raise InternalError(f"two entries explain {code}")
    texts = [dedent(text).strip("\n") for text in (failing, mended)]
    if form == "net" and code != "T0105":
        texts = [f"net 1\n\n{text}" for text in texts]
    words = " ".join(explanation.split())
    TABLE[code] = Code(title, words, texts[0], texts[1], form)
