"""Layers in Tulle and in Keras: values, gradients, weights, state, masks, refusals.

The configurations are the rows of the layer tests, with arguments changed at random.
What Keras refuses has to be refused with a diagnostic; what only Tulle refuses is
counted apart, with its words, since a check before the run may rightly be stricter.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from layer_cases import (
    LAYERS,
    all_rows,
    arranged,
    arrays,
    called,
    labels,
    layer_of,
    letters,
    mask_values,
)
from layer_row import LayerRow

from tulle import GradientTape
from tulle.graph.diagnostics import TulleError
from tulle.graph.masking import get_mask
from tulle.graph.registry import call
from tulle.graph.tensor import convert_to_tensor

CHOICES: dict[str, list[Any]] = {
    "activation": [None, "relu", "tanh", "sigmoid", "softmax"],
    "recurrent_activation": ["sigmoid", "hard_sigmoid", "tanh"],
    "data_format": ["channels_last", "channels_first"],
    "padding": ["valid", "same", "causal"],
    "merge_mode": ["concat", "sum", "mul", "ave", None],
    "interpolation": ["nearest", "bilinear", "bicubic"],
    "score_mode": ["dot", "concat"],
    "output_mode": ["int", "one_hot", "multi_hot", "count"],
    "strides": [1, 2, 3],
    "dilation_rate": [1, 2],
    "groups": [1, 2, 3],
    "depth_multiplier": [1, 2],
    "kernel_size": [1, 2, 3],
    "pool_size": [1, 2, 3],
    "epsilon": [1e-3, 1e-1],
    "momentum": [0.9, 0.5],
    "kernel_regularizer": [None, "l2"],
    "bias_regularizer": [None, "l1"],
    "activity_regularizer": [None, "l2"],
    "alpha": [0.1, 0.5],
    "negative_slope": [0.0, 0.2],
    "max_value": [None, 0.5],
    "threshold": [0.0, 0.1],
    "axis": [-1, 1, 2, 0],
    "axes": [-1, 1, 2],
    "value_dim": [None, 2, 3],
    "output_padding": [None, 0, 1],
}
KEPT = {"trainable", "dynamic", "stateful", "unroll", "sparse", "synchronized"}


class Peer:
    """Keras with the calls that a comparison needs."""

    def __init__(self) -> None:
        import jax
        import keras
        from keras.src.backend import get_keras_mask, set_keras_mask

        self.jax, self.keras = jax, keras
        self.get_mask, self.set_mask = get_keras_mask, set_keras_mask

    def made(self, value: Any) -> Any:
        """A setting of a row, with Keras's objects."""
        if isinstance(value, dict) and set(value) == {"class", "config"}:
            config = {key: self.made(item) for key, item in value["config"].items()}
            spaces = ("layers", "regularizers", "initializers", "constraints")
            owner = next(
                getattr(self.keras, space)
                for space in spaces
                if hasattr(getattr(self.keras, space), value["class"])
            )
            return getattr(owner, value["class"])(**config)
        if isinstance(value, list):
            items = [self.made(item) for item in value]
            return items if any(isinstance(v, dict) for v in value) else tuple(items)
        return value

    def layer(self, row: LayerRow) -> Any:
        config = {key: self.made(value) for key, value in row.config.items()}
        return getattr(self.keras.layers, row.name)(**config)

    def called(
        self, row: LayerRow, layer: Any, given: list[Any], masks: Any, **more: Any
    ) -> list[Any]:
        tensors = [self.keras.ops.convert_to_tensor(x) for x in given]
        for place, mask in masks.items():
            self.set_mask(tensors[place], self.keras.ops.convert_to_tensor(mask))
        result = layer(*arranged(row, tensors), **{**row.call, **more})
        return flat(result)


def flat(result: Any) -> list[Any]:
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in flat(item)]
    return [result]


def changed(row: LayerRow, random: np.random.Generator) -> LayerRow:
    """The row with up to three of its layer's arguments chosen anew."""
    config = dict(row.config)
    known = inspect.signature(LAYERS[row.name].__init__).parameters.values()
    free = [
        p.name
        for p in known
        if p.name not in KEPT
        and not isinstance(config.get(p.name), (list, dict))
        and (isinstance(p.default, bool) or p.name in CHOICES)
    ]
    random.shuffle(free)
    for name in free[: random.integers(0, 4)]:
        choices = CHOICES.get(name, [True, False])
        config[name] = choices[random.integers(len(choices))]
    return replace(row, config=config)


def cases(
    random: np.random.Generator, count: int
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Comparisons of `count` configurations of layers."""
    peer = Peer()
    rows = [row for row in all_rows() if row.peer]
    names = dict(zip(map(id, rows), labels(rows), strict=True))
    for index in range(count):
        row = rows[index % len(rows)]
        other = row if index < len(rows) else changed(row, random)
        sizes = {k: int(random.integers(2, 8)) for k in letters(row)}
        label = f"{names[id(row)]} {dict(other.config)} {sizes}"
        yield label, lambda other=other, sizes=sizes: compare(peer, other, sizes)


def compare(peer: Peer, row: LayerRow, sizes: dict[str, int]) -> list[str]:
    """What differs between the two on one configuration, in words."""
    given, masks = arrays(row, sizes), mask_values(row, sizes)
    try:
        theirs = peer.layer(row)
        other = peer.called(row, theirs, given, masks)
    except Exception as error:  # noqa: BLE001 - Keras refuses with many kinds
        return refused(row, given, masks, error)
    try:
        ours = layer_of(row)
        tensors = [convert_to_tensor(x) for x in given]
        mine = called(row, ours, tensors, as_tensors(masks))
    except TulleError as error:
        told = " ".join(str(error).split())
        return [f"only Tulle refuses: {told[:300]}"]
    found = weights(ours, theirs) or masked(peer, mine, other)
    if found:
        return found
    for training in (False, True):
        if not (training and row.random):
            found += [
                f"training={training}: {text}"
                for text in values(peer, row, ours, theirs, given, masks, training)
            ]
    return found


def as_tensors(masks: dict[int, Any]) -> dict[int, Any]:
    return {place: convert_to_tensor(mask) for place, mask in masks.items()}


def refused(row: LayerRow, given: list[Any], masks: Any, error: Exception) -> list[str]:
    """Keras refuses: Tulle refuses with a diagnostic, or takes what Keras does not."""
    try:
        tensors = [convert_to_tensor(x) for x in given]
        called(row, layer_of(row), tensors, as_tensors(masks))
    except TulleError:
        return []
    first = str(error).strip().partition("\n")[0]
    return [f"only Keras refuses: {type(error).__name__}: {first[:200]}"]


def paired(ours: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """Our weights with Keras's of the same name and shape, in order."""
    left, found = list(theirs.weights), []
    for mine in ours.weights:
        like = (mine.name, tuple(mine.shape), mine.trainable)
        for other in left:
            if (other.name, tuple(other.shape), other.trainable) == like:
                found.append((mine, other))
                left = [variable for variable in left if variable is not other]
                break
    return found


def weights(ours: Any, theirs: Any) -> list[str]:
    """Give Keras's layer our weights; says if names or shapes differ."""
    pairs = paired(ours, theirs)
    if not len(pairs) == len(ours.weights) == len(theirs.weights):
        mine = [(v.name, tuple(v.shape), v.trainable) for v in ours.weights]
        other = [(v.name, tuple(v.shape), v.trainable) for v in theirs.weights]
        return [f"weights {mine}, Keras has {other}"]
    for variable, other in pairs:
        other.assign(variable.numpy())
    return []


def masked(peer: Peer, mine: list[Any], other: list[Any]) -> list[str]:
    """Whether outputs carry the same masks."""
    found = []
    for place, (x, y) in enumerate(zip(mine, other, strict=False)):
        here, there = get_mask(x), peer.get_mask(y)
        if (here is None) != (there is None):
            owner = "Keras" if here is None else "Tulle"
            found.append(f"output {place}: only {owner} has a mask")
        elif here is not None:
            found += differ(f"mask of output {place}", here.numpy(), np.asarray(there))
    return found


def values(
    peer: Peer,
    row: LayerRow,
    ours: Any,
    theirs: Any,
    given: list[Any],
    masks: dict[int, Any],
    training: bool,
) -> list[str]:
    """Outputs, gradients, state and masks of both."""
    mine, my_slopes = our_values(row, ours, given, masks, training)
    other, slopes = peer_values(peer, row, theirs, given, masks, training)
    found = []
    if len(mine) != len(other):
        return [f"{len(mine)} outputs, Keras has {len(other)}"]
    for place, (x, y) in enumerate(zip(mine, other, strict=True)):
        found += differ(f"output {place}", x, y)
    if row.gradients:
        for name, slope in slopes.items():
            found += differ(f"gradient of {name}", my_slopes[name], slope)
    for v, w in paired(ours, theirs):
        found += differ(f"after: {v.name}", v.numpy(), np.asarray(w))
    weights(ours, theirs)
    return found


def our_values(
    row: LayerRow, layer: Any, given: list[Any], masks: dict[int, Any], training: bool
) -> tuple[list[Any], dict[str, Any]]:
    tensors = [convert_to_tensor(x) for x in given]
    floats = [i for i, x in enumerate(given) if x.dtype.kind == "f"]
    more = {"training": training} if layer.wants_training else {}
    with GradientTape() as tape:
        tape.watch([tensors[i] for i in floats])
        results = called(row, layer, tensors, as_tensors(masks), **more)
        terms = [(r * cotangent(r.shape)) for r in results if r.type.dtype.is_float]
        total = sum(call("sum", term) for term in terms)
    trained = layer.trainable_weights
    outs = [r.numpy() for r in results]
    if not row.gradients or not terms:
        return outs, {}
    sources = [*(tensors[i] for i in floats), *trained]
    slopes = tape.gradient(total, sources)
    names = [f"input {i}" for i in floats]
    names += [f"weight {i}" for i in range(len(trained))]
    found = {
        name: np.zeros(source.shape) if slope is None else slope.numpy()
        for name, slope, source in zip(names, slopes, sources, strict=True)
    }
    return outs, found


def peer_values(
    peer: Peer,
    row: LayerRow,
    layer: Any,
    given: list[Any],
    masks: dict[int, Any],
    training: bool,
) -> tuple[list[Any], dict[str, Any]]:
    """Outputs and gradients by `stateless_call`, and the state written back."""
    jnp = peer.jax.numpy
    floats = [i for i, x in enumerate(given) if x.dtype.kind == "f"]
    more = {"training": training} if layer._call_has_training_arg else {}
    found: dict[str, Any] = {}
    before = [(v, v.value) for v in layer.non_trainable_variables]

    def score(points: list[Any], trained: list[Any]) -> Any:
        inputs = [jnp.asarray(x) for x in given]
        for place, point in zip(floats, points, strict=True):
            inputs[place] = point
        for place, mask in masks.items():
            peer.set_mask(inputs[place], jnp.asarray(mask))
        arguments = arranged(row, inputs)
        # `stateless_call` would leave out what only a whole call does, such as masks.
        pairs = [*zip(layer.trainable_variables, trained, strict=True), *before]
        with peer.keras.StatelessScope(state_mapping=pairs) as scope:
            outs = flat(layer(*arguments, **{**row.call, **more}))
        kept = [scope.get_current_value(v) for v, _ in before]
        found["outs"], found["state"] = outs, kept
        changed = map(scope.get_current_value, layer.trainable_variables)
        found["trained"] = list(changed)
        terms = [
            (out * cotangent(out.shape)).sum()
            for out in outs
            if jnp.issubdtype(out.dtype, jnp.floating)
        ]
        return sum(terms, jnp.zeros(()))

    points = [jnp.asarray(given[i]) for i in floats]
    trained = [v.value for v in layer.trainable_variables]
    score(points, trained)
    after = found["trained"]
    outs = [np.asarray(out) for out in found["outs"]]
    for variable, value in zip(
        layer.non_trainable_variables, found["state"], strict=True
    ):
        variable.assign(value)
    slopes: dict[str, Any] = {}
    if row.gradients:
        for variable, value in zip(layer.trainable_variables, trained, strict=True):
            variable.assign(value)
        ahead, own = peer.jax.grad(score, (0, 1))(points, trained)
        slopes = {
            f"input {i}": np.asarray(g) for i, g in zip(floats, ahead, strict=True)
        }
        slopes |= {f"weight {i}": np.asarray(g) for i, g in enumerate(own)}
    for variable, value in zip(layer.trainable_variables, after, strict=True):
        if value is not None:
            variable.assign(value)
    return outs, slopes


def cotangent(shape: Any) -> np.ndarray:
    """Fixed factors for an output."""
    random = np.random.default_rng(len(shape))
    return random.uniform(-1, 1, tuple(shape)).astype("float32")


def differ(what: str, mine: np.ndarray, other: np.ndarray) -> list[str]:
    """How far two arrays are apart, if they are."""
    if mine.shape != other.shape:
        return [f"{what}: shape {mine.shape}, Keras has {other.shape}"]
    if mine.dtype.kind != other.dtype.kind and "f" in (
        mine.dtype.kind,
        other.dtype.kind,
    ):
        return [f"{what}: dtype {mine.dtype}, Keras has {other.dtype}"]
    mine, other = mine.astype("float64"), other.astype("float64")
    if np.allclose(mine, other, rtol=1e-3, atol=1e-4, equal_nan=True):
        return []
    return [f"{what}: off by {np.nanmax(np.abs(mine - other)):.3g}"]
