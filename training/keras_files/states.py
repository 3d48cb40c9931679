"""Where Keras's files keep the state of a model: paths of layers and optimizers.

A path is made of attributes, and of class names where layers stand in a list; the first
path that leads to an object is its own. Keras finds it by the same walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...graph.initializers import snake_case
from ...graph.input_layer import is_input
from ...graph.layer import Layer
from ...graph.layers.adapted import Adapted
from ...graph.network import Network
from ...graph.variable import Variable
from ..model import Functional, Model, Sequential
from ..optimizer_state import OptimizerState
from .names import original

Arrays = dict[str, np.ndarray[Any, Any]]
# Layers within layers of the library that Keras calls otherwise.
PRIVATE = {"dropping": "_dropout_layer", "softmax": "_softmax"}


@dataclass(frozen=True)
class InputPlace:
    """An input, which Keras counts among the layers of a model."""

    name: str


Order = Callable[[Functional], Sequence[Any]]


@dataclass(frozen=True)
class Saved:
    """Something with state, and the path of it."""

    path: str
    owner: Any

    @property
    def name(self) -> str:
        return str(self.owner.name)


def states_of(model: Model, order: Order | None = None) -> list[Saved]:
    """All that has a path in a file, in the order in which Keras comes to it.

    `order` gives the layers of a functional model as a file counts them.
    """
    found: list[Saved] = []
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", model)]
    while stack:
        path, owner = stack.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        if not isinstance(owner, (list, tuple, dict)):
            found.append(Saved(path, owner))
        below = list(_below(owner, order or order_of))
        prefix = f"{path}/" if path else ""
        stack += [(prefix + key, child) for key, child in reversed(below)]
    return found


def order_of(model: Functional) -> Sequence[Any]:
    """The layers of a model, with its inputs, in Keras's order."""
    if isinstance(model, Sequential):
        return [layer for layer in model.layers if not is_input(layer)]
    from .networks import Writer
    from .serializing import Serializer

    writer = Writer(Serializer(), model, False)
    found: dict[str, Any] = {name: InputPlace(name) for name in writer.inputs}
    found.update((layer.name, layer) for layer in model.called)
    return [found[name] for name in writer.order() if name in found]


def _below(owner: Any, order: Order) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, dict):
        owner = list(owner.values())
    if isinstance(owner, (list, tuple)):
        yield from _listed(owner)
        return
    if isinstance(owner, Functional):
        yield "layers", list(order(owner))
    found = _attributes(owner)
    for key in sorted(found, key=lambda name: "~" * name.startswith("_") + name):
        if isinstance(found[key], (Layer, OptimizerState)) or _holds(found[key]):
            yield key, found[key]


def _listed(items: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The members of a list by class, the second of a class as `dense_1`."""
    counts: dict[str, int] = {}
    for item in items:
        if isinstance(item, InputPlace):
            name = "input_layer"
        elif isinstance(item, (Layer, OptimizerState)):
            name = snake_case(original(type(item)).__name__)
        elif isinstance(item, (list, tuple, dict)):
            name = "container"
        else:
            continue
        number = counts.get(name, 0)
        counts[name] = number + 1
        yield (f"{name}_{number}" if number else name), item


def _holds(value: Any) -> bool:
    """Whether something is a container of layers, at any depth."""
    if not isinstance(value, (list, tuple, dict)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(item, Layer) or _holds(item) for item in items)


@cache
def _own_attributes() -> frozenset[str]:
    """Attributes that all layers and models have, which hold nothing to be saved."""
    names = {*vars(Layer()), *vars(Model()), "_compiled", "_steps", "_start", "layers"}
    return frozenset(names | {"inputs", "outputs", "input_nodes", "output_nodes"})


def _attributes(owner: Any) -> dict[str, Any]:
    """What may lead on from an object, by Keras's names."""
    if isinstance(owner, InputPlace):
        return {}
    found = {k: v for k, v in vars(owner).items() if k not in _own_attributes()}
    if "layers" in vars(owner) and not isinstance(owner, Model):
        found["layers"] = owner.layers  # a layer may call an attribute so
    if isinstance(owner, OptimizerState):
        return {k: v for k, v in found.items() if isinstance(v, OptimizerState)}
    if not owner.foreign:
        found = {PRIVATE.get(key, key): value for key, value in found.items()}
    if isinstance(owner, Model):
        if not isinstance(owner, Network):
            found["layers"] = owner.layers
        if owner.compiled is not None and isinstance(
            owner.compiled.optimizer, OptimizerState
        ):
            found["optimizer"] = owner.compiled.optimizer
    return found


# The variables of one object.


def merged(owner: Layer) -> list[Variable]:
    """A correction of low rank, which a file holds as part of the weight itself."""
    if isinstance(owner, Adapted) and owner.lora_enabled:
        return [owner.lora_a, owner.lora_b]
    return []


def wanted(owner: Layer) -> dict[str, Variable]:
    """The variables of a layer itself under the keys of a file."""
    apart = {id(variable) for variable in merged(owner)}
    own = [variable for variable in owner._own if id(variable) not in apart]
    if apart:  # a frozen weight, which stands first nevertheless
        own.sort(key=lambda v: v is not getattr(owner, owner.lora_role))  # type: ignore[attr-defined]
    return {str(index): variable for index, variable in enumerate(own)}


def own_arrays(owner: Layer) -> Arrays:
    """The variables of a layer itself as Keras's files hold them."""
    store: Arrays = {}
    if isinstance(owner, Adapted) and owner.lora_enabled:
        store = {key: variable.numpy() for key, variable in wanted(owner).items()}
        weight = getattr(owner, owner.lora_role)
        return {**store, "0": np.asarray(owner.adapted(weight).numpy())}
    owner.save_own_variables(store)
    return {key: np.asarray(value) for key, value in store.items()}


def trained(model: Model, order: Order | None = None) -> list[Variable]:
    """The trainable weights in the order in which Keras's optimizers count them."""
    learning = {id(v): v for v in model.trainable_weights}
    found: dict[int, Variable] = {}
    seen: set[int] = set()
    stack: list[Any] = [model]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, InputPlace):
            continue
        seen.add(id(item))
        if isinstance(item, Variable):
            if id(item) in learning:
                found[id(item)] = item
        elif isinstance(item, Functional):
            stack += [*item._own, *(order or order_of)(item)][::-1]
        else:
            stack += [child for _, child in item.children()][::-1]
    return list((found | learning).values())
