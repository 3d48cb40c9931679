"""Keras 3's `.keras` and `.weights.h5` files, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import strftime
from typing import Any

import numpy as np

from ...graph.layer import Layer
from ...graph.variable import Variable
from ..archives import Archive
from ..assigning import assign, tell
from ..model import Functional, Model, Sequential
from ..notices import warn
from ..optimizer_state import OptimizerState
from .assets import assets_of, load_assets, read_assets
from .deserializing import Deserializer, told
from .hdf5 import Arrays, Groups, from_hdf5, to_hdf5
from .serializing import Serializer
from .states import (
    Order,
    Saved,
    merged,
    order_of,
    own_arrays,
    states_of,
    trained,
    wanted,
)
from .vocabularies import take_lines, texts_of, vocabularies_in

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
KERAS = "3.15.1"  # the version whose files these are
ADVICE = "give a file that Keras 3 or `model.save` wrote"


def keras_members(model: Model) -> dict[str, bytes]:
    """A model as Keras 3 saves it: configuration, weights, optimizer."""
    config = Serializer(texts=True).object(model)
    written = {"keras_version": KERAS, "date_saved": strftime("%Y-%m-%d@%H:%M:%S")}
    return {
        METADATA: json.dumps(written).encode(),
        CONFIG: json.dumps(config).encode(),
        WEIGHTS: weights_to_hdf5(model),
        **texts_of(states_of(model)),
        **assets_of(states_of(model)),
    }


def weights_to_hdf5(model: Model) -> bytes:
    """The weights of a model, and its optimizer's state, as Keras 3 writes them."""
    groups: dict[str, tuple[str, Arrays]] = {}
    for saved in states_of(model):
        owner = saved.owner
        arrays: Arrays = {}
        if isinstance(owner, OptimizerState):
            arrays = optimizer_arrays(model, owner)
        elif isinstance(owner, Layer):
            arrays = own_arrays(owner)
        if arrays or not isinstance(owner, OptimizerState):
            groups[saved.path] = (saved.name, arrays)
    return to_hdf5(groups)


def read_keras(place: Path, custom: Mapping[str, Any], compile: bool) -> Any:
    """The model of a `.keras` file."""
    with Archive(place, ADVICE) as archive:
        config = archive.json(CONFIG)
        groups = from_hdf5(place, archive.read(WEIGHTS))
        texts = vocabularies_in(archive)
        assets = read_assets(archive)
    if not isinstance(config, dict):
        archive.refuse(f"`{CONFIG}` in it describes no model")
    if not compile:
        config.pop("compile_config", None)
    reader = Deserializer(custom, max(map(len, texts.values()), default=0))
    model = told(lambda: _model(reader, config), f"`{place}`")
    if not isinstance(model, Model):
        archive.refuse("it holds no model")

    def fill() -> None:
        order = _order(reader)
        states = states_of(model, order)
        for saved in states:
            if id(saved.owner) in reader.waiting:
                take_lines(saved.owner, texts.get(saved.path))
        assign_groups(place, model, groups, order)
        load_assets(states, assets)

    told(fill, f"`{place}`")
    return model


def _model(reader: Deserializer, config: dict[str, Any]) -> Any:
    model = reader.value(config)
    if isinstance(model, (Functional, Sequential)):
        reader.compile(model, config.get("compile_config"))
    return model


def _order(reader: Deserializer) -> Order:
    """The layers of a model as the file counts them."""

    def order(model: Functional) -> Any:
        return reader.orders.get(id(model)) or order_of(model)

    return order


# Weights.


def load_hdf5_weights(
    model: Model, place: Path, content: bytes, skip_mismatch: bool
) -> None:
    """Give a model the weights of a `.weights.h5` file."""
    groups = from_hdf5(place, content)
    told(
        lambda: assign_groups(place, model, groups, order_of, skip_mismatch),
        f"`{place}`",
    )


def assign_groups(
    place: Path,
    model: Model,
    groups: Groups,
    order: Order,
    skip_mismatch: bool = False,
) -> None:
    """Compare all, then assign all; the optimizer's state is taken if it fits."""
    pairs: list[tuple[Variable, Any]] = []
    own: list[tuple[Layer, Arrays]] = []
    reasons: list[str] = []
    known = set()
    for saved in states_of(model, order):
        known.add(saved.path)
        if isinstance(saved.owner, Layer):
            _fit(saved, found_group(groups, saved.path), pairs, own, reasons)
    lost = [p for p, arrays in groups.items() if arrays and _strange(p, known)]
    if lost:
        reasons.append(f"it has weights at `{lost[0]}`, where the model has none")
    tell(place, reasons, skip_mismatch)
    assign(pairs)
    for layer, arrays in own:
        layer.load_own_variables(arrays)
    if model.compiled is not None:
        _take_state(model, model.compiled.optimizer, groups, order)


def _strange(path: str, known: set[str]) -> bool:
    old = path.replace("_layer_checkpoint_dependencies", "layers")
    return path not in known and old not in known and path.split("/")[0] != "optimizer"


def found_group(groups: Groups, path: str) -> Arrays:
    """The arrays at a path; older files name lists of layers otherwise."""
    if path in groups:
        return groups[path]
    return groups.get(path.replace("layers", "_layer_checkpoint_dependencies"), {})


def _fit(
    saved: Saved,
    arrays: Arrays,
    pairs: list[tuple[Variable, Any]],
    own: list[tuple[Layer, Arrays]],
    reasons: list[str],
) -> None:
    """Note which variable of a layer takes which array, or why it cannot."""
    layer: Layer = saved.owner
    if type(layer).load_own_variables is not Layer.load_own_variables:
        own.append((layer, arrays))
        return
    variables = wanted(layer)
    where = f"`{layer.name}` at `{saved.path}`"
    if sorted(arrays) != sorted(variables):
        reasons.append(
            f"{where} has {len(variables)} weights and the file {len(arrays)} for it"
        )
        return
    for key, variable in variables.items():
        if arrays[key].shape != variable.shape:
            reasons.append(
                f"weight {key} of {where} has shape {variable.shape} and in the file "
                f"{arrays[key].shape}"
            )
            return
    pairs += [(variable, arrays[key]) for key, variable in variables.items()]
    pairs += [(variable, np.zeros(variable.shape)) for variable in merged(layer)]


# Optimizers.


def optimizer_arrays(model: Model, optimizer: Any) -> Arrays:
    """The state of an optimizer in Keras's order."""
    state = model.demand_compiled().pending
    if optimizer.built or state is None:
        state = optimizer.state(model.variable_names())
    names = _fresh(model, optimizer, order_of).named_variables(model.variable_names())
    return {str(i): state[name] for i, name in enumerate(names) if name in state}


def _fresh(model: Model, optimizer: Any, order: Order) -> Any:
    """An optimizer like a given one, built in Keras's order of variables."""
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.build(trained(model, order))
    return fresh


def _take_state(model: Model, optimizer: Any, groups: Groups, order: Order) -> None:
    """Keep the state of a file until training begins, if it fits the optimizer."""
    arrays = found_group(groups, "optimizer")
    if not arrays or not isinstance(optimizer, OptimizerState):
        return
    fresh = _fresh(model, optimizer, order)
    state = fresh.named_variables(model.variable_names())
    shapes = {str(i): variable.shape for i, variable in enumerate(state.values())}
    if shapes != {key: array.shape for key, array in arrays.items()}:
        warn(
            f"the state of `{optimizer.name}` is left as it is, for it has "
            f"{len(state)} variables and the file {len(arrays)}"
        )
        return
    values = dict(zip(state, (arrays[key] for key in shapes), strict=True))
    model.demand_compiled().go_on(values, model)
