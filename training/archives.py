"""Zip files that nobody trusts: members are looked at before memory is given to them.

No name of a member leads out of an archive, and nothing is unpacked into a folder but
the assets that layers of the user's own ask for.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from ..graph.diagnostics import DataError, Diagnostic, caller_span

MEMBERS = 10_000  # of an archive at most
MOST_CONFIG = 64 * 2**20  # bytes of a configuration
EXPANSION = 100  # how many times its stored size a compressed member may have
ADVICE = "give a model that `model.save` wrote"
# What Python's zip reader raises for files that are none, or damaged.
DAMAGES = (
    zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError,
    RuntimeError, UnicodeError, OverflowError, IndexError,
)  # fmt: skip


def write_archive(file: IO[bytes], members: Mapping[str, bytes]) -> None:
    """A zip of members, stored as they are; the same ones give the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content)


class Archive:
    """The members of a zip file; as a context, it closes the file."""

    def __init__(self, place: Path, advice: str = ADVICE):
        self.place, self.advice = place, advice
        import zlib

        self._damages = (*DAMAGES, zlib.error)
        try:
            self._zip = zipfile.ZipFile(place)
        except self._damages:
            self.refuse("it is no intact zip file")
        self.entries: dict[str, zipfile.ZipInfo] = {}
        try:
            self._look()
        except BaseException:
            self._zip.close()
            raise

    def _look(self) -> None:
        """Refuse what no archive of a model has."""
        entries = self._zip.infolist()
        if len(entries) > MEMBERS:
            self.refuse(f"it has {len(entries)} members")
        size = self.place.stat().st_size
        for entry in entries:
            name = entry.filename
            if name in self.entries:
                self.refuse(f"it holds `{name}` twice")
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                self.refuse(f"its member `{name}` leads out of it")
            stored = entry.compress_type == zipfile.ZIP_STORED
            limit = size if stored else EXPANSION * min(entry.compress_size, size)
            if entry.flag_bits & 1 or entry.file_size > limit:
                self.refuse(f"`{name}` in it is not stored as it should be")
            self.entries[name] = entry

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: Any) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def read(self, name: str, most: int | None = None) -> bytes:
        """The content of a member, whose checksum in the zip was compared."""
        if name not in self.entries:
            self.refuse(f"it lacks `{name}`")
        if most is not None and self.entries[name].file_size > most:
            self.refuse(f"`{name}` in it is too large")
        try:
            return self._zip.read(name)
        except self._damages:
            self.refuse(f"`{name}` in it is damaged")

    def json(self, name: str) -> Any:
        """A member as JSON."""
        try:
            return json.loads(self.read(name, MOST_CONFIG))
        except (ValueError, RecursionError) as error:
            self.refuse(f"`{name}` in it is no JSON: {error}")

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the file, T0704."""
        refuse(self.place, reason, self.advice)


def refuse(place: Path, reason: str, advice: str = ADVICE) -> NoReturn:
    """Refuse a file, T0704."""
    told = f"`{place}` cannot be loaded: {reason}"
    raise DataError(Diagnostic("T0704", told, caller_span(), help=(advice,)))
