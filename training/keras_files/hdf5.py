"""HDF5 files as Keras writes them: groups of numbered arrays, and nothing else.

What is read is looked through before memory is given to it: kinds of links, layouts,
sizes against the size of the file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ...graph.diagnostics import DataError, Diagnostic, caller_span
from ...graph.types import dtype_of

Arrays = dict[str, np.ndarray[Any, Any]]
Groups = dict[str, Arrays]
GROUPS, ITEMS, DEPTH = 100_000, 1_000_000, 100  # of a file at most
VARS = "vars"
KINDS = "fiub"  # of numbers that weights are


def h5py() -> Any:
    """The package, or the error that says how to get it."""
    try:
        import h5py
    except ImportError:
        raise DataError(
            Diagnostic(
                "T0802",
                "files of Keras need the package `h5py`, which is not installed",
                caller_span(),
                help=("install it: `pip install 'tulle[keras-files]'`",),
            )
        ) from None
    return h5py


def to_hdf5(groups: Mapping[str, tuple[str, Arrays]]) -> bytes:
    """A file of groups: by path the name of each, and its arrays."""
    content = io.BytesIO()
    with h5py().File(content, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.require_group(f"{path}/{VARS}" if path else VARS)
            group.attrs["name"] = name
            for key, array in arrays.items():
                made = group.create_dataset(key, data=_stored(array))
                if array.dtype.name == "bfloat16":
                    made.attrs["dtype"] = "bfloat16"
    return content.getvalue()


def _stored(array: Any) -> Any:
    """bfloat16 as HDF5 has it: two bytes without a meaning, as Keras stores them."""
    return array.view("V2") if array.dtype.name == "bfloat16" else array


def from_hdf5(place: Path, content: bytes) -> Groups:
    """The arrays of each group by its path, without `vars` at its end."""
    package = h5py()
    try:
        with package.File(io.BytesIO(content), "r") as file:
            return _Reading(place, len(content), package).groups(file)
    except DataError:
        raise
    except (
        OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError,
        AttributeError, MemoryError, UnicodeError, IndexError,
    ) as error:  # fmt: skip
        refuse(place, f"it is no intact HDF5 file: {str(error)[:120]}")


class _Reading:
    def __init__(self, place: Path, size: int, package: Any):
        self.place, self.left, self.package = place, size, package
        self.count = 0

    def groups(self, file: Any) -> Groups:
        """Walk over the groups; none is met twice, however links lead."""
        found: Groups = {}
        seen: set[Any] = set()
        stack: list[tuple[str, Any]] = [("", file)]
        while stack:
            path, group = stack.pop()
            mark = self.package.h5o.get_info(group.id).addr
            if mark in seen or path.count("/") > DEPTH:
                refuse(self.place, f"the groups in it lead in circles at `{path}`")
            seen.add(mark)
            if len(seen) > GROUPS:
                refuse(self.place, "it has too many groups")
            arrays: Arrays = {}
            for key in group:
                inner = f"{path}/{key}" if path else key
                item = self._member(group, key, inner)
                if isinstance(item, self.package.Group):
                    stack.append((inner, item))
                else:
                    arrays[key] = self._array(item, inner)
            if path == VARS or path.endswith(f"/{VARS}"):
                found[path.removesuffix(VARS).rstrip("/")] = arrays
            elif arrays:
                refuse(self.place, f"`{path}` in it holds arrays outside of `{VARS}`")
        return found

    def _member(self, group: Any, key: str, path: str) -> Any:
        self.count += 1
        if self.count > ITEMS:
            refuse(self.place, "it has too many members")
        link = group.get(key, getlink=True)
        if not isinstance(link, self.package.HardLink):
            refuse(self.place, f"`{path}` in it is a link to another place")
        item = group[key]
        if not isinstance(item, (self.package.Group, self.package.Dataset)):
            refuse(self.place, f"`{path}` in it is neither group nor array")
        return item

    def _array(self, item: Any, path: str) -> Any:
        """An array, whose bytes have to lie in the file as they are."""
        half = item.dtype == np.dtype("V2") and item.attrs.get("dtype") == "bfloat16"
        if item.shape is None or not (item.dtype.kind in KINDS or half):
            refuse(self.place, f"`{path}` in it holds no numbers")
        layout = item.id.get_create_plist().get_layout()
        plain = (self.package.h5d.CONTIGUOUS, self.package.h5d.COMPACT)
        if item.external or item.is_virtual or layout not in plain:
            refuse(
                self.place,
                f"the numbers of `{path}` do not lie in it as they are: they are "
                "compressed, in pieces, or in another file",
            )
        size = math.prod(item.shape) * item.dtype.itemsize
        self.left -= size
        if self.left < 0 or (size and item.id.get_storage_size() < size):
            refuse(self.place, f"`{path}` in it declares more numbers than there are")
        array = np.empty(item.shape, item.dtype)
        if size:
            item.read_direct(array)
        return array.view(dtype_of("bfloat16").numpy) if half else array


def refuse(place: Path, reason: str) -> NoReturn:
    """Refuse a file, T0704."""
    raise DataError(
        Diagnostic(
            "T0704",
            f"`{place}` cannot be loaded: {reason}",
            caller_span(),
            help=("give a file that Keras 3 or `model.save` wrote",),
        )
    )
