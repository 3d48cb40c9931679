"""Snapshots on disk: one zip of JSON and safetensors like a saved model.

Written atomically and checksummed. What is read is checked before memory is given.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..graph.diagnostics import DataError, Diagnostic
from ..graph.files import check_readable, write_atomically
from ..graph.variable import Variable
from .assigning import from_bytes, to_bytes
from .snapshots import Arrays, Snapshot, checked_place, refuse

FORMAT, VERSION = "tulle training", 1
CONFIG, ARRAYS = "state.json", "arrays.safetensors"
MOST_CONFIG = 256 * 2**20  # bytes of the JSON
EXPECTED = "a state that `BackupAndRestore` wrote"


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a file, atomically; raises `DataError` T0705 if that cannot be."""
    arrays = dict(snapshot.arrays)
    config = packed(snapshot.config, arrays)
    content = to_bytes(arrays)
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "state": config,
    }

    def fill(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(CONFIG, json.dumps(whole))
            archive.writestr(ARRAYS, content)

    write_atomically(path, fill)


def read_snapshot(path: Path) -> Snapshot:
    """The content of a file; raises `DataError` T0704 for a damaged one."""
    place = check_readable(path)
    whole, content = _content(place)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        refuse(place, f"it is not {EXPECTED}")
    if whole.get("version") != VERSION:
        refuse(place, f"this Tulle reads version {VERSION}")
    if hashlib.sha256(content).hexdigest() != whole.get("sha256"):
        refuse(place, "its arrays differ from their checksum")
    arrays = from_bytes(place, content)
    try:
        return Snapshot(checked_place(unpacked(whole["state"], arrays)), arrays)
    except (
        KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        refuse(place, f"{type(error).__name__}: {error}")


def _content(place: Path) -> tuple[Any, bytes]:
    """The JSON and the bytes of the arrays."""
    try:
        with zipfile.ZipFile(place) as archive:
            size = place.stat().st_size
            for name in (CONFIG, ARRAYS):
                entry = archive.getinfo(name)
                stored = entry.compress_type == zipfile.ZIP_STORED
                if not stored or entry.file_size > size:
                    refuse(place, f"`{name}` in it is not stored as it should be")
            if archive.getinfo(CONFIG).file_size > MOST_CONFIG:
                refuse(place, f"`{CONFIG}` in it is too large")
            return json.loads(archive.read(CONFIG)), archive.read(ARRAYS)
    except DataError:
        raise
    except (
        zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError,
        KeyError, RecursionError,
    ) as error:  # fmt: skip
        refuse(place, f"it is not {EXPECTED}: {error}")


# Nests of plain values as JSON.


def packed(item: Any, arrays: Arrays) -> Any:
    """A nest as JSON; its arrays go to the table of arrays."""
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    if isinstance(item, np.generic) and item.dtype.kind in "biuf":
        return item.item()
    if isinstance(item, np.ndarray) and item.dtype.kind != "O":
        name = f"nest/{len(arrays)}"
        arrays[name] = item
        return {"array": name}
    if isinstance(item, list):
        return [packed(part, arrays) for part in item]
    if isinstance(item, tuple):
        return {"tuple": [packed(part, arrays) for part in item]}
    if isinstance(item, Mapping):
        return {
            "dict": [[packed(k, arrays), packed(v, arrays)] for k, v in item.items()]
        }
    if isinstance(item, Variable) or hasattr(item, "numpy"):
        return packed(item.numpy(), arrays)
    raise DataError(
        Diagnostic(
            "T0709",
            f"{item!r} cannot be part of the state of a training",
            help=(
                "`state_attributes` of a callback names numbers, texts, arrays, and "
                "lists and dictionaries of these",
            ),
        )
    )


def unpacked(item: Any, arrays: Mapping[str, Any]) -> Any:
    """A nest again, from JSON and the table of arrays."""
    if isinstance(item, list):
        return [unpacked(part, arrays) for part in item]
    if not isinstance(item, dict):
        return item
    ((kind, content),) = item.items()
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(unpacked(part, arrays) for part in content)
    if kind == "dict":
        return {unpacked(k, arrays): unpacked(v, arrays) for k, v in content}
    raise ValueError(f"there is no kind `{kind}`")
