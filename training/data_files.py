"""Arrays from files: `.npz`, `.npy`, `.csv` and Parquet, or a file for each name."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..graph.diagnostics import DataError
from ..graph.files import PathLike, check_readable
from . import tables
from .damaged_files import damages, missing_array, unreadable
from .data import refuse

Array = np.ndarray[Any, Any]
DEFLATE = 1100  # how much smaller than itself zlib can make something, at most


class Places(tuple[str, ...]):
    """Where data are: one file, or `name=path` for each array."""

    def __str__(self) -> str:
        return ", ".join(self)

    @property
    def named(self) -> dict[str, str]:
        """The files by the name of their array; none if there is one file for all."""
        if len(self) == 1 and ("=" not in self[0] or Path(self[0]).exists()):
            return {}
        wrong = [place for place in self if "=" not in place]
        if wrong:
            raise refuse(
                "T0703",
                f"`{wrong[0]}` says no name, and there are several files",
                f"write `--data name={wrong[0]}`",
            )
        pairs = [place.partition("=")[::2] for place in self]
        for place, (name, path) in zip(self, pairs, strict=True):
            if not (name and path):
                message = f"`{place}` is not of the form name=FILE"
                raise refuse("T0703", message, "for example `--data image=image.npy`")
            if [other for other, _ in pairs].count(name) > 1:
                raise refuse("T0703", f"`{name}` is given by several files")
        return dict(pairs)

    @property
    def files(self) -> tuple[str, ...]:
        """All the files."""
        return tuple(self.named.values()) or tuple(self)


def load_arrays(
    path: PathLike | Places, names: Sequence[str] | None = None
) -> dict[str, Array]:
    """The arrays of an `.npz` file or a table by name, or the one of an `.npy` file.

    `names` are those wanted, all if None; an `.npy` file answers to any single name.
    Nothing is unpickled. Raises `DataError`: T0703 for a missing file or array, T0704
    for a file of another kind or a damaged one.
    """
    if isinstance(path, Places):
        if path.named:
            return _each(path.named, names)
        path = path[0]
    place = check_readable(path)
    if place.suffix in tables.TABLES:
        return tables.load_columns(place, names)
    if _is_single(place):
        return _single(place, names)
    try:
        with zipfile.ZipFile(place) as archive:
            there = _names_in(archive)
            wanted = there if names is None else list(names)
            for name in wanted:
                if name not in there:
                    raise missing_array(place, name, there)
            return {name: _member(place, archive, name) for name in wanted}
    except DataError:
        raise
    except damages() as error:
        raise unreadable(f"`{place}`", error) from None


def _each(places: Mapping[str, str], names: Sequence[str] | None) -> dict[str, Array]:
    """The array of each name from its own file."""
    found: dict[str, Array] = {}
    for name in places if names is None else names:
        if name not in places:
            raise missing_array(", ".join(places.values()), name, tuple(places))
        found |= load_arrays(places[name], [name])
    return found


def array_names(path: PathLike | Places) -> tuple[str, ...]:
    """The names of the arrays of a file; none for an `.npy` file."""
    if isinstance(path, Places):
        if path.named:
            return tuple(path.named)
        path = path[0]
    place = check_readable(path)
    if place.suffix in tables.TABLES:
        return tables.column_names(place)
    if _is_single(place):
        return ()
    try:
        with zipfile.ZipFile(place) as archive:
            return tuple(_names_in(archive))
    except damages() as error:
        raise unreadable(f"`{place}`", error) from None


def _is_single(place: Path) -> bool:
    """Whether a file holds one array, and not several; refuses other files."""
    with place.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x93NUMPY"):
        return True
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    raise refuse(
        "T0704",
        f"`{place}` is no NumPy file",
        "write one with `numpy.savez(path, name=array, …)`",
    )


def _names_in(archive: zipfile.ZipFile) -> list[str]:
    return [n[:-4] for n in archive.namelist() if n.endswith(".npy")]


def _member(place: Any, archive: zipfile.ZipFile, name: str) -> Array:
    entry = archive.getinfo(f"{name}.npy")
    try:
        if entry.file_size > DEFLATE * (entry.compress_size + 100):
            raise ValueError("it claims to be larger than its content can be")
        with archive.open(entry) as stream:
            _check_header(stream, entry.file_size)
        with archive.open(entry) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except damages() as error:
        raise unreadable(f"`{name}` in `{place}`", error) from None


def _check_header(stream: IO[bytes], size: int) -> None:
    """Refuse a header that declares more numbers than there are bytes."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    # Objects are pickled, in fewer bytes or more: they are refused when they are read.
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"its header declares the shape {shape}, which is not there")


def _single(place: Any, names: Sequence[str] | None) -> dict[str, Array]:
    if names is not None and len(names) != 1:
        raise refuse(
            "T0703",
            f"`{place}` holds one array, and {len(names)} are needed: "
            f"{', '.join(names)}",
            "put them into one `.npz` file with `numpy.savez`",
        )
    try:
        with place.open("rb") as stream:
            _check_header(stream, place.stat().st_size)
            stream.seek(0)
            array = np.lib.format.read_array(stream, allow_pickle=False)
    except damages() as error:
        raise unreadable(f"`{place}`", error) from None
    return {names[0] if names else place.stem: array}
