"""Tulle's own model files: one zip of configuration, arrays and their checksums.

What is read is checked before memory is given to it: sizes from headers, checksums of
all members, names of classes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..graph.diagnostics import DataError, Diagnostic, Fault, TulleError, caller_span
from ..graph.layer import Layer
from ..graph.network import Network
from ..graph.variable import SeedGenerator
from .archives import ADVICE, Archive, refuse
from .assigning import Arrays, assign, from_bytes, matched, to_bytes
from .decoding import Decoder
from .encoding import Encoder
from .keras_files.deserializing import WRONG
from .model import Model
from .snapshot_files import packed, unpacked
from .snapshots import checked_place, figures_of

FORMAT, VERSION = "tulle model", 2  # 1 had a checksum of the arrays alone
CONFIG, WEIGHTS, SUMS = "config.json", "weights.safetensors", "checksums.json"
CHANGED = "load it with the classes, and the Tulle, that it was saved with"


def tulle_members(model: Model, encoder: Encoder | None = None) -> dict[str, bytes]:
    """What a file of a model holds; `encoder` then knows the classes that it names."""
    encoder = encoder or Encoder()
    config: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    config["model"] = encoder.layer(model)
    config["compile"] = _compile_arguments(model, encoder)
    config["frozen"] = frozen_in(model)
    config["seeds"] = [[g.seed, g.count] for g in seeds_of(model)]
    more = _training(model, config, encoder)
    config["tables"] = encoder.tables
    weights = to_bytes(arrays_of(model) | more | encoder.arrays)
    members = {CONFIG: json.dumps(config).encode(), WEIGHTS: weights}
    sums = {name: _sum(content) for name, content in members.items()}
    return {**members, SUMS: json.dumps(sums).encode()}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_tulle(place: Path, custom: Mapping[str, Any], compile: bool) -> Any:
    """The model of a file."""
    config, arrays = _read(place)
    try:
        decoder = Decoder(config["tables"], arrays, custom)
        model = decoder.layers[config["model"]]
        if not isinstance(model, Model):
            refuse(place, "it holds a layer, not a model")
        assign(matched(place, model.named_variables(), _of_model(arrays)))
        variables = model.named_variables()
        for name in config.get("frozen", ()):
            variables[name].trainable = False
        _restore_seeds(place, model, config["seeds"])
        if compile and config["compile"] is not None:
            model.compile(**decoder.mapping(config["compile"]))
            prefix = "optimizer/"
            state = {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            model.demand_compiled().go_on(state, model)
            if config.get("training") is not None:
                _take_training(place, model, config["training"], decoder)
    except DataError:
        raise
    except TulleError as error:
        refuse(place, error.diagnostics[0].message, CHANGED)
    except Fault as fault:
        refuse(place, fault.message, CHANGED)
    except WRONG as error:
        refuse(place, f"{type(error).__name__}: {error}", CHANGED)
    return model


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
            "steps_per_execution": compiled.steps_per_execution,
            "auto_scale_loss": False,  # the optimizer says itself what it does
        }
    )


def _training(model: Model, config: dict[str, Any], encoder: Encoder) -> Arrays:
    """Note where the training is; gives what metrics have counted, by name."""
    compiled = model.compiled
    if compiled is None:
        return {}
    arrays = {name: v.numpy() for name, v in figures_of(model).items()}
    arrays |= compiled.pending_figures
    late = compiled.state_size() > compiled.made_at_once
    place = compiled.position() if callable(compiled.position) else compiled.position
    config["training"] = {
        "settled": encoder.value(compiled.settled if late else None),
        "place": packed(place, arrays),
    }
    return arrays


def _take_training(place: Path, model: Model, record: Any, decoder: Decoder) -> None:
    """Go on with the figures of metrics, and know the place of the training."""
    compiled = model.demand_compiled()
    given = {n: a for n, a in decoder.arrays.items() if n.startswith("metric/")}
    settled = decoder.value(record["settled"])
    if settled is not None and not given.keys() <= figures_of(model).keys():
        inputs = model.input_types if isinstance(model, Network) else ()
        compiled.measure_like(inputs, *settled)
    known = figures_of(model)
    if given.keys() <= known.keys():
        variables = {name: known[name] for name in given}
        assign(matched(place, variables, given))
    else:
        compiled.pending_figures = given  # for metrics that a step makes
    found = unpacked(record["place"], decoder.arrays)
    compiled.position = None if found is None else checked_place(found)


def seeds_of(model: Layer) -> list[SeedGenerator]:
    """The generators that layers draw from, each once."""
    layers = [model, *model.sublayers]
    values = (value for layer in layers for value in vars(layer).values())
    found = {id(v): v for v in values if isinstance(v, SeedGenerator)}
    return list(found.values())


def _restore_seeds(place: Path, model: Layer, seeds: Any) -> None:
    generators = seeds_of(model)
    if len(generators) != len(seeds):
        refuse(place, "its seeds belong to another model")
    for generator, (seed, count) in zip(generators, seeds, strict=True):
        generator.seed, generator.count = int(seed), int(count)


def weights_in(place: Path) -> Arrays:
    """The weights of a saved model by name."""
    return _of_model(_read(place)[1])


def _of_model(arrays: Arrays) -> Arrays:
    prefix = "model/"
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


# Files.


def _read(place: Path) -> tuple[dict[str, Any], Arrays]:
    """Configuration and arrays of a saved model."""
    with Archive(place) as archive:
        if CONFIG not in archive or WEIGHTS not in archive:
            archive.refuse("it is a zip file, but not a model that `model.save` wrote")
        config = archive.json(CONFIG)
        _check_version(place, config)
        content = archive.read(WEIGHTS)
        members = {CONFIG: archive.read(CONFIG), WEIGHTS: content}
        if config["version"] == 1:
            sums = {CONFIG: _sum(members[CONFIG]), WEIGHTS: config.get("sha256")}
        else:
            sums = archive.json(SUMS)
        for name, member in members.items():
            if not isinstance(sums, dict) or sums.get(name) != _sum(member):
                archive.refuse(f"`{name}` in it differs from its checksum")
    wanted = {"model", "compile", "seeds", "tables"}
    if not wanted <= config.keys():
        refuse(place, f"`{CONFIG}` in it lacks {sorted(wanted - config.keys())}")
    return config, from_bytes(place, content)


def _check_version(place: Path, config: Any) -> None:
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        refuse(place, "it is not a model that `model.save` wrote", ADVICE)
    if type(config.get("version")) is not int or not 0 < config["version"] <= VERSION:
        _other_version(place, config.get("version"))


def _other_version(place: Path, version: Any) -> NoReturn:
    newer = isinstance(version, int) and version > VERSION
    advice = "install a newer Tulle" if newer else "save it anew with this Tulle"
    raise DataError(
        Diagnostic(
            "T0704",
            f"`{place}` has format version {version}, and this Tulle reads versions 1 "
            f"to {VERSION}",
            caller_span(),
            help=(f"load it with the Tulle that wrote it, or {advice}",),
        )
    )
