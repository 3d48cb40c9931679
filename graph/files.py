"""Files: what cannot be read or written is told before and not after the work.

Writing is atomic: a file is complete or untouched, whatever happens on the way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, TypeAlias

from .diagnostics import DataError, Diagnostic
from .kinds import PATH
from .nearest import nearest_of

PathLike: TypeAlias = Annotated["str | os.PathLike[str]", PATH]
UNREADABLE, WRONG_KIND, UNWRITABLE = "T0703", "T0704", "T0705"


def check_readable(path: PathLike) -> Path:
    """The path of a file that can be opened; raises `DataError` if there is none."""
    if not os.fspath(path):
        raise _error(UNREADABLE, "the name of the file is empty")
    place = Path(path)
    try:
        if place.is_dir():
            raise _error(UNREADABLE, f"`{place}` is a folder, not a file")
        if not place.exists():
            raise _missing(place)
        if not place.is_file():
            raise _error(UNREADABLE, f"`{place}` is not an ordinary file")
        with place.open("rb"):
            return place
    except OSError as error:
        raise _error(UNREADABLE, f"`{place}` cannot be read: {_words(error)}") from None


def _missing(place: Path) -> DataError:
    folder = place.parent
    if blocked := _file_above(place):
        message = f"there is no `{place}`: `{blocked}` is a file, not a folder"
        return _error(UNREADABLE, message)
    if not folder.is_dir():
        return _error(UNREADABLE, f"there is no folder `{folder}`")
    if place.is_symlink():
        return _error(UNREADABLE, f"`{place}` is a link that leads to no file")
    names = [entry.name for entry in folder.iterdir()]
    near = nearest_of(place.name, names)
    advice = [f"did you mean `{folder / near[0]}`?"] if near else []
    return _error(UNREADABLE, f"there is no file `{place}`", *advice)


def _file_above(place: Path) -> Path | None:
    """The file on the way to a path, where a folder should be."""
    return next((p for p in place.parents if p.exists() and not p.is_dir()), None)


def check_writable(path: PathLike) -> Path:
    """The path of a file that can be made or replaced; raises `DataError` if not."""
    if not os.fspath(path):
        raise _error(UNWRITABLE, "the name of the file is empty")
    place = Path(path)
    try:
        if place.is_dir():
            raise _error(UNWRITABLE, f"`{place}` is a folder", "add a file's name")
        if place.exists() and not place.is_file():
            raise _error(UNWRITABLE, f"`{place}` is not an ordinary file")
        folder = place.resolve().parent
        if blocked := _file_above(place):
            raise _error(
                UNWRITABLE,
                f"`{place}` cannot be written: `{blocked}` is a file, not a folder",
            )
        if not folder.is_dir():
            raise _error(
                UNWRITABLE,
                f"`{place}` cannot be written: there is no folder `{place.parent}`",
                f"make it: `mkdir -p {place.parent}`",
            )
        with tempfile.TemporaryFile(dir=folder):
            return place
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise unwritable(place, error) from None


def write_atomically(path: PathLike, write: Callable[[IO[bytes]], object]) -> Path:
    """Let `write` fill a file that takes its place when it is complete.

    Raises `DataError` if the file cannot be written; then nothing is left behind.
    """
    place = check_writable(path)
    target = place.resolve()  # what a link points to is replaced, not the link
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tulle-")
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(handle)
            unfinished.chmod(_mode(target))
            unfinished.replace(target)
            _keep_names(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(place, error) from None
    return place


def _keep_names(folder: Path) -> None:
    """Bring a folder to the disk, so that a new name in it outlives a crash.

    A system that does not open folders, or cannot do it, keeps names in its own way.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _mode(place: Path) -> int:
    """The permissions of the file there was, else those of any new file."""
    if place.exists():
        return place.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def unwritable(place: Path, error: Exception) -> DataError:
    """The error of a file that the system would not let us write."""
    return _error(
        UNWRITABLE,
        f"`{place}` cannot be written: {_words(error)}",
        "choose another place, or free this one",
    )


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _error(code: str, message: str, *advice: str) -> DataError:
    return DataError(Diagnostic(code, message, help=advice))
