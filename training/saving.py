"""Models on disk: which kind of file a name means, and what may stand there.

`.tulle` is this library's own (`model_files.py`), `.keras` and `.weights.h5` are those
of Keras 3 (`keras_files/`). All are written atomically and without pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..graph.diagnostics import DataError, Diagnostic, caller_span
from ..graph.files import PathLike, check_readable, check_writable, write_atomically
from .archives import Archive, write_archive
from .assigning import assign, from_bytes, matched, to_bytes
from .configured import told_to_caller
from .keras_files.deserializing import damaged, deserialize_keras_object
from .model import Model
from .model_files import WEIGHTS, read_tulle, tulle_members, weights_in
from .registration import register_serializable

KERAS, HDF5 = ".keras", ".h5"
FOREIGN = frozenset(  # endings that say another kind of file
    ".h5 .hdf5 .keras .tulle .safetensors .npz .npy .pt .pth .onnx .pb .tflite .pkl "
    ".json .net".split()
)
SIGNATURE = b"\x89HDF\r\n\x1a\n"

__all__ = [
    "from_bytes",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_serializable",
    "save_model",
    "save_weights",
    "to_bytes",
]


@told_to_caller
def save_model(model: Model, filepath: PathLike, overwrite: bool = True) -> None:
    """Write a model with weights, compile arguments and optimizer state.

    A name that ends in `.keras` gives a file of Keras 3, which needs `h5py`; others
    give a file of Tulle's. Raises `DataError` T0705 if the place cannot be written; an
    existing file then stays as it was. T0709 is for what has no form in the file.
    """
    place = _place(filepath, overwrite, "a saved model", ".tulle", KERAS)
    if place.suffix.lower() == KERAS:
        from .keras_files.archive import keras_members

        members = keras_members(model)
    else:
        members = tulle_members(model)
    write_atomically(place, lambda file: write_archive(file, members))


@told_to_caller
def load_model(
    filepath: PathLike,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model of a file, ready to go on where it was saved.

    It may be one of Keras 3's `.keras` files. `custom_objects` maps names of your own
    classes and functions to them. Nothing in a file is run as code, whatever
    `safe_mode` says. Raises `DataError`: T0703 for a missing file, T0704 for one of
    another kind or a damaged one, T0201 for a class that is not known.
    """
    place = check_readable(filepath)
    custom = custom_objects or {}
    with Archive(place) as archive:
        keras = WEIGHTS not in archive and "config.json" in archive
    if keras:
        from .keras_files.archive import read_keras

        return read_keras(place, custom, compile)
    return read_tulle(place, custom, compile)


@told_to_caller
def save_weights(model: Model, filepath: PathLike, overwrite: bool = True) -> None:
    """Write the weights alone: safetensors, or Keras 3's file for `.weights.h5`."""
    what = "what `save_weights` writes"
    place = _place(filepath, overwrite, what, ".safetensors", ".weights.h5")
    if place.suffix.lower() == HDF5:
        from .keras_files.archive import weights_to_hdf5

        content = weights_to_hdf5(model)
    else:
        content = to_bytes({n: v.numpy() for n, v in model.named_variables().items()})
    write_atomically(place, lambda file: file.write(content))


@told_to_caller
def load_weights(model: Model, filepath: PathLike, skip_mismatch: bool = False) -> None:
    """Read weights from a safetensors file, a saved model, or a file of Keras 3.

    Raises T0704 for a file that belongs to another model; with `skip_mismatch` the
    weights that do not fit stay as they are, and a warning tells of them.
    """
    place = check_readable(filepath)
    with place.open("rb") as file:
        start = file.read(len(SIGNATURE))
    if start == SIGNATURE:
        from .keras_files.archive import load_hdf5_weights

        load_hdf5_weights(model, place, place.read_bytes(), skip_mismatch)
        return
    if start[:2] == b"PK":
        with Archive(place) as archive:
            keras = archive.entries.get("model.weights.h5")
            content = archive.read(keras.filename) if keras is not None else b""
        if keras is not None:
            from .keras_files.archive import load_hdf5_weights

            load_hdf5_weights(model, place, content, skip_mismatch)
            return
        arrays = weights_in(place)
    else:
        arrays = from_bytes(place, place.read_bytes())
    assign(matched(place, model.named_variables(), arrays, skip_mismatch))


def model_from_json(
    json_string: str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The model that `Model.to_json` described, of Keras's as well, with new weights.

    Raises `DataError` T0704 for what is no JSON of a model, T0201 for a class that is
    not known.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> from .model import Sequential
    >>> model = Sequential([Input((3,)), Dense(2)], name="line")
    >>> model_from_json(model.to_json()).name
    'line'
    """
    try:
        config = json.loads(json_string)
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(f"it is no JSON: {error}") from None
    model = deserialize_keras_object(config, custom_objects)
    if not isinstance(model, Model):
        raise damaged("it describes no model")
    return model


def _place(filepath: PathLike, overwrite: bool, what: str, *endings: str) -> Path:
    name = Path(filepath).name.lower()
    known = any(name.endswith(ending) for ending in endings)
    if not known and Path(filepath).suffix.lower() in FOREIGN:
        several = " or ".join(f"`{ending}`" for ending in endings)
        raise DataError(
            Diagnostic(
                "T0707",
                f"`{filepath}` ends in `{Path(filepath).suffix}`, and {what} is a "
                f"{several} file",
                caller_span(),
                help=(f"end it in {several}, or leave the ending out",),
            )
        )
    place = check_writable(filepath)
    if not overwrite and place.exists():
        raise DataError(
            Diagnostic(
                "T0705",
                f"`{place}` exists already",
                caller_span(),
                help=("choose another name, or `overwrite=True`",),
            )
        )
    return place
