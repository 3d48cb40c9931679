"""Models on disk: one zip of `config.json` and `weights.safetensors`, without pickle.

Written atomically. What is read is checked before memory is given to it: sizes from
headers, checksums, names of classes.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from ..graph.diagnostics import (
    DataError,
    Diagnostic,
    Fault,
    InternalError,
    TulleError,
    caller_span,
)
from ..graph.files import PathLike, check_readable, check_writable, write_atomically
from ..graph.layer import Layer
from ..graph.variable import SeedGenerator
from .decoding import Decoder
from .encoding import Encoder
from .model import Model
from .registration import register_serializable

FORMAT, VERSION = "tulle model", 1
CONFIG, WEIGHTS = "config.json", "weights.safetensors"
MOST_CONFIG = 64 * 2**20  # bytes of a configuration
EXPECTED = "a model that `model.save` wrote"
FOREIGN = frozenset(  # endings that say another kind of file
    ".h5 .hdf5 .keras .tulle .safetensors .npz .npy .pt .pth .onnx .pb .tflite .pkl "
    ".json .net".split()
)
CHANGED = "load it with the classes, and the Tulle, that it was saved with"
Arrays = dict[str, np.ndarray[Any, Any]]

__all__ = [
    "load_model",
    "load_weights",
    "register_serializable",
    "save_model",
    "save_weights",
]


def save_model(model: Model, filepath: PathLike, overwrite: bool = True) -> None:
    """Write a model with weights, compile arguments and optimizer state.

    Raises `DataError` T0705 if the place cannot be written; an existing file then
    stays as it was.
    """
    place = _place(filepath, overwrite, "a saved model", ".tulle")
    encoder = Encoder()
    config: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    config["model"] = encoder.layer(model)
    config["compile"] = _compile_arguments(model, encoder)
    config["frozen"] = frozen_in(model)
    config["seeds"] = [[g.seed, g.count] for g in seeds_of(model)]
    config["tables"] = encoder.tables
    weights = to_bytes(arrays_of(model) | encoder.arrays)
    config["sha256"] = hashlib.sha256(weights).hexdigest()

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, content in (
                (CONFIG, json.dumps(config).encode()),
                (WEIGHTS, weights),
            ):
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                archive.writestr(entry, content)

    write_atomically(place, write)


def load_model(
    filepath: PathLike,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """The model of a file, ready to go on where it was saved.

    `custom_objects` maps names of your own classes and functions to them. Raises
    `DataError`: T0703 for a missing file, T0704 for one of another kind or a damaged
    one, T0201 for a class that is not known.
    """
    place = check_readable(filepath)
    config, arrays = _read(place)
    try:
        decoder = Decoder(config["tables"], arrays, custom_objects or {})
        model = decoder.layers[config["model"]]
        if not isinstance(model, Model):
            _refuse(place, "it holds a layer, not a model")
        _assign(place, model, arrays)
        variables = model.named_variables()
        for name in config.get("frozen", ()):
            variables[name].trainable = False
        _restore_seeds(place, model, config["seeds"])
        if compile and config["compile"] is not None:
            model.compile(**decoder.mapping(config["compile"]))
            prefix = "optimizer/"
            model.demand_compiled().pending = {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
    except DataError:
        raise
    except TulleError as error:
        _refuse(place, error.diagnostics[0].message, CHANGED)
    except Fault as fault:
        _refuse(place, fault.message, CHANGED)
    except (
        KeyError, IndexError, TypeError, ValueError, AttributeError, InternalError,
        ArithmeticError, RecursionError, AssertionError, StopIteration,
    ) as error:  # fmt: skip
        _refuse(place, f"{type(error).__name__}: {error}", CHANGED)
    return model


def save_weights(model: Model, filepath: PathLike, overwrite: bool = True) -> None:
    """Write the weights alone into a safetensors file."""
    content = to_bytes({n: v.numpy() for n, v in model.named_variables().items()})
    place = _place(filepath, overwrite, "what `save_weights` writes", ".safetensors")
    write_atomically(place, lambda file: file.write(content))


def load_weights(model: Model, filepath: PathLike) -> None:
    """Read weights from a safetensors file or from a saved model."""
    place = check_readable(filepath)
    with place.open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        _, arrays = _read(place)
    else:
        found = from_bytes(place, place.read_bytes())
        arrays = {f"model/{name}": array for name, array in found.items()}
    _assign(place, model, arrays)


def _place(filepath: PathLike, overwrite: bool, what: str, ending: str) -> Path:
    if Path(filepath).suffix.lower() in FOREIGN - {ending}:
        raise DataError(
            Diagnostic(
                "T0707",
                f"`{filepath}` ends in `{Path(filepath).suffix}`, and {what} is a "
                f"`{ending}` file",
                caller_span(),
                help=(f"end it in `{ending}`, or leave the ending out",),
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


# What a model consists of.


def arrays_of(model: Model) -> Arrays:
    """Weights and optimizer state by name."""
    arrays = {f"model/{n}": v.numpy() for n, v in model.named_variables().items()}
    compiled = model.compiled
    if compiled is not None:
        optimizer = compiled.optimizer
        state = compiled.pending
        if optimizer.built or state is None:
            state = optimizer.state(model.variable_names())
        arrays.update({f"optimizer/{name}": array for name, array in state.items()})
    return arrays


def frozen_in(model: Model) -> list[str]:
    """The weights that were made to be trained and are not, by name."""
    variables = model.named_variables().items()
    return [n for n, v in variables if v.made_trainable and not v.trainable]


def _compile_arguments(model: Model, encoder: Encoder) -> Any:
    compiled = model.compiled
    if compiled is None:
        return None
    return encoder.mapping(
        {
            "optimizer": compiled.optimizer,
            "loss": compiled.loss,
            "loss_weights": compiled.loss_weights,
            "metrics": compiled.metrics,
            "weighted_metrics": compiled.weighted_metrics,
            "run_eagerly": compiled.run_eagerly,
            "auto_scale_loss": False,  # the optimizer says itself what it does
        }
    )


def seeds_of(model: Layer) -> list[SeedGenerator]:
    """The generators that layers draw from, each once."""
    layers = [model, *model.sublayers]
    values = (value for layer in layers for value in vars(layer).values())
    found = {id(v): v for v in values if isinstance(v, SeedGenerator)}
    return list(found.values())


def _restore_seeds(place: Path, model: Layer, seeds: Any) -> None:
    generators = seeds_of(model)
    if len(generators) != len(seeds):
        _refuse(place, "its seeds belong to another model")
    for generator, (seed, count) in zip(generators, seeds, strict=True):
        generator.seed, generator.count = int(seed), int(count)


def _assign(place: Path, model: Model, arrays: Mapping[str, Any]) -> None:
    """Give the weights their values, after all names and shapes were compared."""
    variables = model.named_variables()
    given = {
        name.removeprefix("model/"): array
        for name, array in arrays.items()
        if name.startswith("model/")
    }
    for name, variable in variables.items():
        if name not in given:
            _misfit(place, f"it has no weight `{name}`")
        if given[name].shape != variable.shape:
            _misfit(
                place,
                f"its `{name}` has shape {given[name].shape} and the model's "
                f"{variable.shape}",
            )
    strange = [name for name in given if name not in variables]
    if strange:
        _misfit(place, f"it has the weight `{strange[0]}`, which the model has not")
    for name, variable in variables.items():
        variable.assign(given[name])


# Files.


def _read(place: Path) -> tuple[dict[str, Any], Arrays]:
    """Configuration and arrays of a saved model."""
    try:
        with zipfile.ZipFile(place) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if CONFIG not in entries or WEIGHTS not in entries:
                _refuse(place, f"it is a zip file, but not {EXPECTED}")
            size = place.stat().st_size
            for name in (CONFIG, WEIGHTS):
                stored = entries[name].compress_type == zipfile.ZIP_STORED
                if not stored or entries[name].file_size > size:
                    _refuse(place, f"`{name}` in it is not stored as it should be")
            if entries[CONFIG].file_size > MOST_CONFIG:
                _refuse(place, f"`{CONFIG}` in it is too large")
            config = _parse(place, archive.read(CONFIG))
            content = archive.read(WEIGHTS)
    except DataError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError):
        _refuse(place, f"it is no intact zip file, so not {EXPECTED}")
    if hashlib.sha256(content).hexdigest() != config["sha256"]:
        _refuse(place, "its weights differ from their checksum")
    return config, from_bytes(place, content)


def _parse(place: Path, content: bytes) -> dict[str, Any]:
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        _refuse(place, f"`{CONFIG}` in it is no JSON: {error}")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        _refuse(place, f"it is not {EXPECTED}")
    if config.get("version") != VERSION:
        raise DataError(
            Diagnostic(
                "T0704",
                f"`{place}` has format version {config.get('version')}, and this "
                f"Tulle reads version {VERSION}",
                caller_span(),
                help=("load it with the Tulle that wrote it, or save it anew",),
            )
        )
    wanted = {"model", "compile", "seeds", "tables", "sha256"}
    if not wanted <= config.keys():
        _refuse(place, f"`{CONFIG}` in it lacks {sorted(wanted - config.keys())}")
    return config


def to_bytes(arrays: Arrays) -> bytes:
    """Arrays in the safetensors format."""
    from safetensors.numpy import save

    whole = {n: np.ascontiguousarray(a).reshape(a.shape) for n, a in arrays.items()}
    return save(whole)


def from_bytes(place: Path, content: bytes) -> Arrays:
    """The arrays of a safetensors file; its header is checked before."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _check_header(place, content)
    try:
        return load(content)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        _refuse(place, f"its weights cannot be read: {error}")


def _check_header(place: Path, content: bytes) -> None:
    """Sizes that the header declares must be there."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        _refuse(place, "it is no safetensors file, or cut off")
    try:
        header = json.loads(content[8 : 8 + length])
        rows = [row for name, row in header.items() if name != "__metadata__"]
        total = sum(
            math.prod(row["shape"]) * (row["data_offsets"][1] > row["data_offsets"][0])
            for row in rows
        )
        if total > len(content):
            _refuse(place, "its header declares more numbers than there are")
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError,
    ) as error:  # fmt: skip
        _refuse(place, f"its header is damaged: {error}")


def _refuse(place: Path, reason: str, advice: str = f"give {EXPECTED}") -> NoReturn:
    raise DataError(
        Diagnostic(
            "T0704",
            f"`{place}` cannot be loaded: {reason}",
            caller_span(),
            help=(advice,),
        )
    )


def _misfit(place: Path, reason: str) -> NoReturn:
    raise DataError(
        Diagnostic(
            "T0704", f"`{place}` belongs to another model: {reason}", caller_span()
        )
    )
