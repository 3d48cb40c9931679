"""A row of the layer tables as a layer, as arrays and as a call."""

import importlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from layer_row import LayerRow

from tulle.graph import constraints, initializers, regularizers, tree
from tulle.graph.dim import Dim, Symbol
from tulle.graph.layers import LAYERS
from tulle.graph.masking import set_mask
from tulle.graph.tensor import convert_to_tensor

PRIMES = (3, 5, 7, 11, 13)
CLASSES = {
    **LAYERS,
    **{k.__name__: k for k in initializers.KINDS},
    **{k.__name__: k for k in regularizers.KINDS},
    **{k.__name__: k for k in constraints.KINDS},
}


def all_rows() -> list[LayerRow]:
    """The rows of all tables, those of one layer together."""
    tables = sorted(Path(__file__).parent.glob("layer_rows_*.py"))
    found = [row for t in tables for row in importlib.import_module(t.stem).ROWS]
    return sorted(found, key=lambda row: row.name)


def labels(rows: list[LayerRow]) -> list[str]:
    """A name for each row: its layer, with a number from the second row on."""
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        seen[row.name] = seen.get(row.name, 0) + 1
        found.append(row.name + (f"-{seen[row.name]}" if seen[row.name] > 1 else ""))
    return found


def letters(row: LayerRow) -> list[str]:
    """The sizes of a row that change with the data, in order."""
    words = " ".join(row.inputs).split()
    return list(dict.fromkeys(word for word in words if not word.isdigit()))


def primes(row: LayerRow) -> dict[str, int]:
    """Distinct primes for the sizes of a row."""
    return dict(zip(letters(row), PRIMES, strict=False))


def smallest(row: LayerRow) -> dict[str, int]:
    """The smallest sizes that the layer of a row takes."""
    return {letter: row.least.get(letter, 1) for letter in letters(row)}


def symbols(row: LayerRow) -> dict[str, Dim]:
    return {letter: Dim.from_symbol(Symbol(letter)) for letter in letters(row)}


def shapes(row: LayerRow, sizes: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The shapes of the inputs with sizes in place of letters."""
    return [
        tuple(int(word) if word.isdigit() else sizes[word] for word in text.split())
        for text in row.inputs
    ]


def made(value: Any, **more: Any) -> Any:
    """A setting: an object where its class and configuration are given.

    `more` goes to each layer inside: its dtype, for example.
    """
    if isinstance(value, dict) and set(value) == {"class", "config"}:
        config = {key: made(item, **more) for key, item in value["config"].items()}
        inner = more if value["class"] in LAYERS else {}
        return CLASSES[value["class"]](**config, **inner)
    if isinstance(value, list):
        items = [made(item, **more) for item in value]
        return items if _held(value) else tuple(items)
    return value


def _held(value: list) -> bool:
    return any(isinstance(item, dict) for item in value)


def layer_of(row: LayerRow, **more: Any) -> Any:
    """A new layer as a row says."""
    inner = {"dtype": more["dtype"]} if "dtype" in more else {}
    settings = {key: made(value, **inner) for key, value in row.config.items()}
    return LAYERS[row.name](**settings, **more)


def arrays(
    row: LayerRow, sizes: dict[str, int], dtype: str = "float32"
) -> list[np.ndarray]:
    """Values for the inputs, the same ones each time."""
    random = np.random.default_rng(zlib.crc32(repr(row).encode()))
    found = []
    for shape in shapes(row, sizes):
        if row.high is not None:
            found.append(random.integers(0, row.high, shape).astype("int32"))
        else:
            found.append(random.uniform(*row.range, shape).astype(dtype))
    return found


def mask_values(row: LayerRow, sizes: dict[str, int]) -> dict[int, np.ndarray]:
    """The masks that inputs carry: about a third of the steps do not count."""
    random = np.random.default_rng(zlib.crc32(row.name.encode()))
    found = {}
    for place in row.masks:
        mask = random.uniform(size=shapes(row, sizes)[place][:2]) > 0.35
        mask[:, 0] = True
        found[place] = mask
    return found


def arranged(row: LayerRow, tensors: list) -> list:
    """The arguments of a call: tensors, and lists of them where the row wants those."""
    if row.listed:
        return [tensors]
    if not row.together:
        return tensors
    return [*tensors[: -row.together], list(tensors[-row.together :])]


def called(row: LayerRow, layer: Any, tensors: list, masks: dict, **more: Any) -> list:
    """The results of calling a layer as a row says, in one list."""
    for place, mask in masks.items():
        set_mask(tensors[place], mask)
    result = layer(*arranged(row, tensors), **{**row.call, **more})
    return tree.flatten(result)[0]


def run(
    row: LayerRow,
    layer: Any,
    sizes: dict[str, int],
    dtype: str = "float32",
    **more: Any,
) -> list:
    """The results of a layer on the values of a row."""
    tensors = [convert_to_tensor(x) for x in arrays(row, sizes, dtype)]
    masks = {k: convert_to_tensor(m) for k, m in mask_values(row, sizes).items()}
    return called(row, layer, tensors, masks, **more)
