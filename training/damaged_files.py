"""Files that are damaged or hold something else, as diagnostics."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import Any

from ..graph.diagnostics import DataError
from ..graph.nearest import nearest_of
from .data import refuse

REASON = 80  # characters of what a library says about a damaged file


def damages() -> tuple[type[Exception], ...]:
    """What reading a damaged file may raise: by zipfile, its unpackers and NumPy."""
    import struct
    import tokenize
    import zlib

    found: list[type[Exception]] = [
        ValueError, EOFError, OSError, OverflowError, RuntimeError, MemoryError,
        TypeError, KeyError, IndexError, SyntaxError, struct.error, zlib.error,
        zipfile.BadZipFile, tokenize.TokenError,
    ]  # fmt: skip
    try:
        import lzma
    except ImportError:  # a Python built without it does not unpack such files
        return tuple(found)
    return (*found, lzma.LZMAError)


def missing_array(place: Any, name: str, there: Sequence[str]) -> DataError:
    """A file without an array of that name, with the nearest one."""
    near = nearest_of(name, there)
    found = ", ".join(there) or "no arrays"
    advice = "arrays go by the names of the model's inputs and targets: rename one side"
    advice = f"did you mean `{near[0]}`?" if near else advice
    return refuse(
        "T0703",
        f"`{place}` holds no array `{name}`",
        advice,
        notes=[f"it holds {found}"],
    )


def unreadable(what: str, error: Exception) -> DataError:
    """A file that a library could not read."""
    if "Object arrays" in str(error):
        return refuse(
            "T0704",
            f"{what} holds Python objects, which are not loaded from files",
            "save it as an array of numbers",
        )
    if "encrypted" in str(error):
        return refuse(
            "T0704",
            f"{what} is encrypted",
            "write the file again without a password",
        )
    reason = " ".join(str(error).split()) or type(error).__name__
    if len(reason) > REASON:
        reason = f"{reason[: REASON - 1]}…"
    return refuse("T0704", f"{what} is damaged: {reason}")
