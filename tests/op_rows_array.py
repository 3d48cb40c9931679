"""Rows of ops that move, cut, join and pick elements."""

from typing import Any

import numpy as np
from op_row import Row, binary

AB = ("A B",)
ABC = ("A B C",)


def rows(name: str, formula: Any, shapes: tuple[str, ...], *options: Any, **more: Any):
    """One row for each choice of options."""
    return [Row(name, formula, shapes, each, **more) for each in options or (None,)]


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list:
    return np.array_split(x, indices_or_sections, axis)


def cut(x: Any, start_indices: Any, shape: Any) -> Any:
    for axis, (start, count) in enumerate(zip(start_indices, shape, strict=True)):
        x = np.moveaxis(np.moveaxis(x, axis, 0)[start : start + count], 0, axis)
    return x


def moving_cut(x: Any, start: Any, shape: Any) -> Any:
    return cut(x, np.clip(start, 0, np.subtract(x.shape, shape)), shape)


def updated(x: Any, updates: Any, start: Any) -> Any:
    found = np.array(x)
    start = np.clip(start, 0, np.subtract(x.shape, updates.shape))
    for place in np.ndindex(updates.shape):
        found[tuple(np.add(place, start))] = updates[place]
    return found


def scattered(indices: Any, values: Any, shape: Any) -> Any:
    return added(np.zeros(shape), indices, values)


def added(x: Any, indices: Any, values: Any, reduction: Any = "add") -> Any:
    found = np.array(x)
    for place in np.ndindex(indices.shape[:-1]):
        at = tuple(indices[place])
        found[at] = values[place] + (found[at] if reduction == "add" else 0)
    return found


def joined(x: Any, indices: Any, values: Any, reduction: str) -> Any:
    how = {"max": np.maximum, "min": np.minimum, "mul": np.multiply}[reduction]
    found = np.array(x)
    for place in np.ndindex(indices.shape[:-1]):
        at = tuple(indices[place])
        found[at] = how(values[place], found[at])
    return found


def split_deep(x: Any, indices_or_sections: Any) -> list[Any]:
    return np.dsplit(x, indices_or_sections)


def rotated(array: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    return np.rot90(array, k, axes)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.diagonal(x, offset, axis1, axis2)


def below(values: Any, limits: Any, side: str = "left") -> Any:
    """How many of sorted `values` lie below each limit."""
    lower = values < limits[..., None]
    return (lower if side == "left" else values <= limits[..., None]).sum(-1)


def padded(x: Any, pad_width: Any, mode: str) -> Any:
    return np.pad(x, pad_width, mode)


def mesh(*xs: Any, indexing: str = "xy") -> list:
    return list(np.meshgrid(*xs, indexing=indexing))


ROWS = (
    # Cut apart.
    *rows("split", split, ("A 6",), {"indices_or_sections": 3, "axis": 1}),
    *rows("split", split, ("A 6",), {"indices_or_sections": (2, 3, 9), "axis": -1}),
    *rows("split", split, AB, {"indices_or_sections": (1,)}, empty=False),
    *rows("array_split", split, AB, {"indices_or_sections": 3}),
    *rows("array_split", split, AB, {"indices_or_sections": (2,), "axis": 1}),
    *rows("vsplit", split, ("6 B",), {"indices_or_sections": 2}),
    *rows("dsplit", split_deep, ("A B 6",), {"indices_or_sections": (1, 4)}),
    *rows(
        "hsplit",
        lambda x, indices_or_sections: np.hsplit(x, indices_or_sections),
        ("A 6",),
        {"indices_or_sections": 2},
    ),
    *rows("unstack", lambda x, axis: list(x.T), ("A 4",), {"axis": 1}),
    # Put together.
    Row("vstack", lambda *xs: np.vstack(xs), ("A B", "B"), kinds="ff", listed=True),
    Row("hstack", lambda *xs: np.hstack(xs), ("A B", "A C"), kinds="ff", listed=True),
    Row("hstack", lambda *xs: np.hstack(xs), ("A", ""), kinds="ff", listed=True),
    Row("dstack", lambda *xs: np.dstack(xs), ("A B", "A B"), kinds="ff", listed=True),
    Row("append", lambda x, y: np.append(x, y), ("A B", "C"), kinds="ff"),
    Row(
        "append",
        lambda x, y, axis: np.append(x, y, axis),
        ("A B", "A C"),
        {"axis": 1},
        "ff",
    ),
    *rows(
        "tile",
        lambda x, repeats: np.tile(x, repeats),
        AB,
        {"repeats": 2},
        {"repeats": (2, 1, 3)},
        {"repeats": (0, 2)},
    ),
    *rows(
        "repeat",
        lambda x, repeats, axis=None: np.repeat(x, repeats, axis),
        AB,
        {"repeats": 3},
        {"repeats": 2, "axis": 0},
    ),
    *rows(
        "repeat",
        lambda x, repeats, axis: np.repeat(x, repeats, axis),
        ("A 3",),
        {"repeats": (2, 0, 1), "axis": -1},
    ),
    *rows("meshgrid", mesh, ("A", "B"), None, {"indexing": "ij"}, kinds="ff"),
    *rows("meshgrid", mesh, ("A", "B", "C"), kinds="fff"),
    Row("kron", np.kron, ("A B", "C"), kinds="ff"),
    Row("vander", np.vander, ("A",)),
    *rows(
        "vander",
        lambda x, N, increasing: np.vander(x, N, increasing),
        ("A",),
        {"N": 4, "increasing": True},
    ),
    # Move.
    Row("ravel", np.ravel, AB),
    Row(
        "swapaxes",
        lambda x, axis1, axis2: np.einsum("abc->cba", x),
        ABC,
        {"axis1": 0, "axis2": -1},
    ),
    *rows(
        "moveaxis",
        lambda x, source, destination: np.moveaxis(x, source, destination),
        ABC,
        {"source": 0, "destination": -1},
        {"source": (0, 2), "destination": (1, 0)},
    ),
    *rows(
        "roll",
        lambda x, shift, axis=None: np.roll(x, shift, axis),
        AB,
        {"shift": 2},
        {"shift": -4, "axis": 1},
        {"shift": (1, 7), "axis": (0, 1)},
        empty=True,
    ),
    *rows("fliplr", np.fliplr, ABC),
    *rows("flipud", np.flipud, ABC),
    *rows("rot90", rotated, AB, None, {"k": 2}, {"k": 3}, {"k": 4}),
    *rows("rot90", rotated, ABC, {"k": -1, "axes": (2, 0)}),
    *(
        Row(name, function, ("D A B",), options)
        for name, function in (("tril", np.tril), ("triu", np.triu))
        for options in (None, {"k": 1}, {"k": -2})
    ),
    Row("diag", np.diag, ("A",)),
    *rows("diag", np.diag, ("A",), {"k": 2}, {"k": -1}),
    *rows("diag", np.diag, AB, {"k": 1}),
    *rows("diagflat", np.diagflat, AB, None, {"k": -1}),
    *rows("diagonal", diagonal, ABC, None, {"offset": 1, "axis1": 2, "axis2": 0}),
    *rows("diagonal", diagonal, AB, {"offset": -2}, {"offset": 4}),
    *rows(
        "trace",
        lambda x, offset=0: np.diagonal(x, offset).sum(-1),
        ABC,
        None,
        {"offset": 1},
    ),
    *(
        Row("pad", padded, AB, {"pad_width": width, "mode": mode}, empty=False)
        for mode in ("edge", "reflect", "symmetric", "wrap")
        for width in (((2, 1), (0, 4)), ((3, 5), (1, 0)))
    ),
    # From sizes alone.
    Row(
        "tri",
        lambda N, M, k: np.tri(N, M, k),
        (),
        lambda s: {"N": s["A"], "M": s["B"], "k": 1},
    ),
    Row("identity", lambda n: np.eye(n), (), lambda s: {"n": s["A"]}),
    # Windows and places.
    Row("slice", cut, ("4 6",), {"start_indices": (1, 2), "shape": (3, 2)}),
    Row(
        "slice",
        cut,
        AB,
        lambda s: {"start_indices": (0, 0), "shape": (s["A"], s["B"])},
    ),
    Row(
        "slice",
        moving_cut,
        ("4 6", "2"),
        {"shape": (3, 2)},
        "fi",
        below=6,
    ),
    Row(
        "slice_update",
        lambda x, y, start_indices: updated(x, y, start_indices),
        ("4 6", "2 3"),
        {"start_indices": (1, 2)},
        "ff",
        named=("inputs", "updates"),
    ),
    Row(
        "slice_update",
        lambda x, start, y: updated(x, y, start),
        ("4 B", "2", "2 3"),
        None,
        "fif",
        below=6,
    ),
    Row(
        "scatter",
        scattered,
        ("C 1", "C B"),
        lambda s: {"shape": (4, s["B"])},
        "if",
        below=4,
    ),
    Row("scatter", scattered, ("A C 2", "A C"), {"shape": (3, 4)}, "if", below=3),
    Row(
        "scatter_update",
        lambda x, i, u: added(x, i, u, None),
        ("4 B", "C 1", "C B"),
        None,
        "fif",
        below=4,
    ),
    Row(
        "scatter_update",
        added,
        ("4 5", "C 2", "C"),
        {"reduction": "add"},
        "fif",
        below=4,
    ),
    *rows(
        "scatter_update",
        joined,
        ("4 B", "C 1", "C B"),
        {"reduction": "max"},
        {"reduction": "min"},
        {"reduction": "mul"},
        kinds="fif",
        below=4,
    ),
    Row(
        "positions",
        lambda i, size, told: i,
        ("A B",),
        {"size": 2, "told": "take"},
        "i",
    ),
    Row(
        "set_at",
        lambda x, i, u: added(x, i[:, None], u, None),
        ("4 B", "C", "C B"),
        None,
        "fif",
        below=4,
    ),
    *rows(
        "extreme_at",
        lambda x, i, u, reduction: joined(x, i[:, None], u, reduction),
        ("4 B", "C", "C B"),
        {"reduction": "max"},
        {"reduction": "min"},
        kinds="fif",
        below=4,
    ),
    *rows(
        "searchsorted",
        lambda x, v, side="left": below(np.sort(x), v, side),
        ("1", "A B"),
        None,
        {"side": "right"},
        kinds="ff",
        nan=False,
    ),
    *rows(
        "digitize",
        lambda x, bins: below(np.array(bins), x, "right"),
        AB,
        {"bins": (-1.0, 0.0, 0.5)},
        nan=False,
    ),
    *rows(
        "multi_hot",
        lambda x, num_classes: np.eye(num_classes)[x].max(1),
        ("A B",),
        {"num_classes": 4},
        kinds="i",
        below=4,
    ),
    *rows(
        "isin",
        lambda x, y, invert=False: np.isin(x, y, invert=invert),
        ("A B", "C"),
        None,
        {"invert": True},
        kinds="ii",
        below=9,
    ),
    *rows(
        "unravel_index",
        lambda x, shape: list(np.unravel_index(x, shape)),
        AB,
        {"shape": (2, 3, 4)},
        kinds="i",
        below=24,
    ),
    # Truth.
    binary("logical_xor", lambda x, y: np.abs(x * 1 - y) == 1, kinds="bb"),
)
