"""Tables as arrays by the names of their columns: `.csv` and Parquet files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .damaged_files import damages, missing_array, unreadable
from .data import refuse

Array = np.ndarray[Any, Any]
TABLES = (".csv", ".parquet")


def column_names(place: Path) -> tuple[str, ...]:
    """The columns of a table; raises `DataError` T0704 for what is none."""
    return tuple(_columns(place))


def load_columns(place: Path, names: Sequence[str] | None = None) -> dict[str, Array]:
    """Columns of a table as arrays of numbers.

    A name is that of a column; if there is none, it means the columns `name_0`,
    `name_1` and so on, side by side. Raises `DataError`: T0703 for a missing column,
    T0702 for one that holds no numbers, T0704 for a damaged file.
    """
    columns = _columns(place)
    wanted = list(columns) if names is None else names
    return {name: _column(place, columns, name) for name in wanted}


def _column(place: Path, columns: dict[str, Any], name: str) -> Array:
    if name in columns:
        return _numbers(place, name, columns[name])
    parts: list[Array] = []
    while f"{name}_{len(parts)}" in columns:
        part = f"{name}_{len(parts)}"
        parts.append(_numbers(place, part, columns[part]))
    if not parts:
        raise missing_array(place, name, tuple(columns))
    return np.stack(parts, axis=1)


def _numbers(place: Path, name: str, values: Any) -> Array:
    found = np.asarray(values)
    if found.dtype.kind in "biuf":
        return found
    for kind in (np.int64, np.float64):
        try:
            return found.astype(kind)
        except (ValueError, TypeError, OverflowError):
            continue
    row = next(i for i, value in enumerate(values) if not _is_number(value))
    raise refuse(
        "T0702",
        f"the column `{name}` of `{place}` holds {values[row]!r} in row {row + 1}, "
        "which is no number",
        "write numbers there, or leave the row out",
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _columns(place: Path) -> dict[str, Any]:
    return _parquet(place) if place.suffix == ".parquet" else _csv(place)


def _csv(place: Path) -> dict[str, Any]:
    try:
        with place.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise unreadable(f"`{place}`", error) from None
    if len(rows) < 2:
        raise refuse("T0704", f"`{place}` holds no rows below the names of its columns")
    head, *body = rows
    names = [name.strip() for name in head]
    if len(set(names)) < len(names):
        raise refuse("T0704", f"two columns of `{place}` have one name")
    for number, row in enumerate(body, 1):
        if len(row) != len(names):
            raise refuse(
                "T0704",
                f"row {number} of `{place}` has {len(row)} in place of "
                f"{len(names)} entries: one a column",
            )
    return dict(zip(names, map(list, zip(*body, strict=True)), strict=True))


def _parquet(place: Path) -> dict[str, Any]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise refuse(
            "T0704",
            f"reading `{place}` needs pyarrow, which is not installed",
            "install it: `pip install 'tulle[tables]'`",
        ) from None
    try:
        table = parquet.read_table(place)
    except damages() as error:
        raise unreadable(f"`{place}`", error) from None
    return {name: _values(table[name]) for name in table.column_names}


def _values(column: Any) -> Any:
    """A column as an array; one of lists becomes rows of numbers."""
    found = column.to_numpy()
    return np.stack(found) if found.dtype == object and len(found) else found


__all__ = ["TABLES", "column_names", "load_columns"]
