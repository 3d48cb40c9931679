"""Model files in Tulle and in Keras: each loads what the other wrote, and predicts it.

A case is a model of one row of the layer tests, of one row of the op tests, or one of
`tests/keras_models.py`. Keras writes, Tulle loads and writes again, Keras loads that;
likewise the weights alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import keras_models
import op_table
from layer_cases import all_rows, arranged, arrays, labels, letters
from layer_row import LayerRow
from layers import Peer, changed
from op_row import SIZES, Row
from op_samples import options_of, sample

import tulle
from tulle.graph.diagnostics import TulleError
from tulle.graph.registry import OPS


def cases(
    random: np.random.Generator, count: int
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Comparisons of `count` models."""
    peer = Peer()
    rows = [row for row in all_rows() if row.peer and not row.masks]
    names = dict(zip(map(id, rows), labels(rows), strict=True))
    for name in keras_models.MODELS.keys() - {"own"}:
        yield f"model {name}", lambda name=name: whole(peer, name)
    for row in op_table.ROWS:
        known = row.shapes and OPS[row.name].public and row.name != "getitem"
        if known and not any(callable(v) for v in options_of(row, SIZES).values()):
            yield f"op {row.label}", lambda row=row: one_op(peer, row)
    for index in range(count):
        row = rows[index % len(rows)]
        other = row if index < len(rows) else changed(row, random)
        label = f"{names[id(row)]} {dict(other.config)}"
        yield label, lambda other=other: one_layer(peer, other)


def one_op(peer: Peer, row: Row) -> list[str]:
    """What differs for a model of one operation."""
    keras = peer.keras
    given = [x.astype("float32") if x.dtype.kind == "f" else x for x in sample(row)]
    inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype.name) for x in given]
    options = options_of(row, SIZES)
    options = {k: "float32" if v == "float64" else v for k, v in options.items()}
    arguments = [inputs] if row.listed else inputs
    if row.named:
        arguments = []
        options = {**options, **dict(zip(row.named, inputs, strict=True))}
    try:
        function = getattr(keras.ops, row.name)
        result = function(*row.leading, *arguments, **options)
        theirs = keras.Model(inputs, result)
        outputs(theirs, given)
        keras.Model.from_config(theirs.get_config())
    except Exception as error:  # noqa: BLE001 - Keras refuses with many kinds
        return [f"only Keras refuses: {str(error)[:200]}"]
    return carried(peer, theirs, given)


def whole(peer: Peer, name: str) -> list[str]:
    """What differs for a model that is built by both."""
    theirs, given, _ = keras_models.MODELS[name](peer.keras)
    shuffled(theirs)
    return carried(peer, theirs, given)


def one_layer(peer: Peer, row: LayerRow) -> list[str]:
    """What differs for a model of one layer."""
    sizes = {k: 3 + i for i, k in enumerate(letters(row))}
    given = arrays(row, sizes)
    keras = peer.keras
    try:
        layer = peer.layer(row)
        inputs = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in given]
        result = layer(*arranged(row, inputs), **row.call)
        theirs = keras.Model(inputs, result)
        outputs(theirs, given)
    except Exception as error:  # noqa: BLE001 - Keras refuses with many kinds
        return [f"only Keras refuses: {str(error)[:200]}"]
    shuffled(theirs)
    return carried(peer, theirs, given)


def shuffled(model: Any) -> None:
    """Give the weights of a model values that no initializer gives."""
    random = np.random.default_rng(7)
    for variable in model.weights:
        if "float" in str(variable.dtype):
            value = random.uniform(0.1, 0.9, variable.shape)
            variable.assign(value.astype("float32"))


def carried(peer: Peer, theirs: Any, given: Any) -> list[str]:
    """There and back again: what differs on the way."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        theirs.save(place / "theirs.keras")
        # What Keras itself makes of its file: corrections of low rank are merged there.
        try:
            theirs = peer.keras.saving.load_model(place / "theirs.keras")
            wanted = outputs(theirs, given)
        except Exception as error:  # noqa: BLE001 - Keras refuses with many kinds
            return [f"only Keras refuses, its own file: {str(error)[:200]}"]
        theirs.save_weights(place / "theirs.weights.h5")
        try:
            ours = tulle.load_model(place / "theirs.keras")
            found += unlike("Tulle from Keras", wanted, outputs(ours, given))
            ours.save(place / "ours.keras")
            ours.save_weights(place / "ours.weights.h5")
        except TulleError as error:
            told = " ".join(str(error).split())
            return [*found, f"only Tulle refuses: {told[:400]}"]
        back = peer.keras.saving.load_model(place / "ours.keras")
        found += unlike("Keras from Tulle", wanted, outputs(back, given))
        found += states("Keras from Tulle", theirs, back)
        shuffled(back)
        back.load_weights(place / "ours.weights.h5")
        found += unlike("weights, Keras from Tulle", wanted, outputs(back, given))
        zeroed(ours)
        ours.load_weights(place / "theirs.weights.h5")
        found += unlike("weights, Tulle from Keras", wanted, outputs(ours, given))
        found += structure(place)
    return found


def zeroed(model: Any) -> None:
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape, variable.numpy().dtype))


def structure(place: Path) -> list[str]:
    """Arrays that only one of two files has."""
    one, two = (paths(place / f"{w}.weights.h5") for w in ("theirs", "ours"))
    found = [f"only Keras writes {path}" for path in sorted(one - two)]
    return found + [f"only Tulle writes {path}" for path in sorted(two - one)]


def paths(place: Path) -> set[str]:
    """The arrays of an HDF5 file."""
    import h5py

    found: set[str] = set()

    def note(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.add(f"{path} {item.shape} {item.dtype}")

    with h5py.File(place) as file:
        file.visititems(note)
    return found


def outputs(model: Any, given: Any) -> list[np.ndarray]:
    """What a model gives in inference, in one list."""
    return flat(model(given, training=False))


def flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in flat(value[key])]
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in flat(item)]
    return [np.asarray(value)]


def unlike(what: str, wanted: list[Any], found: list[Any]) -> list[str]:
    """Where predictions differ."""
    if len(wanted) != len(found):
        return [f"{what}: {len(found)} outputs, not {len(wanted)}"]
    for index, (one, two) in enumerate(zip(wanted, found, strict=True)):
        if one.shape != two.shape:
            return [f"{what}: output {index} is {two.shape}, not {one.shape}"]
        if not np.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True):
            worst = np.nanmax(np.abs(one - two))
            return [f"{what}: output {index} differs by {worst:.2g}"]
    return []


def states(what: str, one: Any, two: Any) -> list[str]:
    """Where weights, and what optimizers remember, differ."""
    pairs = [("weight", one.weights, two.weights)]
    if getattr(one, "optimizer", None) is not None:
        pairs.append(("slot", one.optimizer.variables, two.optimizer.variables))
    for kind, left, right in pairs:
        if len(left) != len(right):
            return [f"{what}: {len(right)} {kind}s, not {len(left)}"]
        for a, b in zip(left, right, strict=True):
            if not np.allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6):
                return [f"{what}: {kind} {a.path} differs"]
    return []
