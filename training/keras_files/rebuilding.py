"""Functional and sequential models from Keras's configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...graph.layer import Layer
from ...graph.tensor import SymbolicTensor
from ..model import Functional, Sequential
from .deserializing import Deserializer, Reference, damaged
from .names import OPERATIONS
from .operations import Operation, applied, operation_named
from .order import leaves_in_order
from .states import InputPlace

Json = Any
CALLS = 100_000  # of layers in one model


def functional_of(reader: Deserializer, kind: Any, config: dict[str, Json]) -> Any:
    """The model of a configuration that `functional_config` or Keras wrote."""
    made = Rebuilt(reader, config)
    given = dict(config)
    layers, source, result = (
        given.pop(key) for key in ("layers", "input_layers", "output_layers")
    )
    inputs, outputs = made.nest(source, 0), made.nest(result, 1)
    name, trainable = given.pop("name", None), given.pop("trainable", True)
    rest = {} if kind is Functional else {k: reader.value(v) for k, v in given.items()}
    if kind is Functional:
        model = Functional(inputs, outputs, name, trainable is not False)
    else:
        model = kind(inputs=inputs, outputs=outputs, name=name, **rest)
    reader.note_order(model, made.order(layers))
    return model


def sequential_of(reader: Deserializer, kind: Any, config: dict[str, Json]) -> Any:
    """The sequential model of a configuration."""
    layers = [reader.value(record) for record in config["layers"]]
    for layer in layers:
        if not isinstance(layer, (Layer, SymbolicTensor)):
            raise damaged(f"{layer!r} stands among the layers of a `Sequential`")
    trainable = config.get("trainable", True) is not False
    model = kind(layers, name=config.get("name"))
    shape = config.get("build_input_shape")
    if shape and model.start is None and model.layers:
        model.build(tuple(shape))
    if not trainable:
        model._trainable = False
    return model


class Rebuilt:
    """Layers made of their records and called again, as soon as there are tensors."""

    def __init__(self, reader: Deserializer, config: Mapping[str, Json]):
        self.reader = reader
        self.made: dict[str, Any] = {}
        self.results: dict[str, list[list[Any]]] = {}
        self.functional: set[str] = set()
        waiting: dict[str, list[Json]] = {}
        for record in config["layers"]:
            name = record["name"]
            if not isinstance(name, str) or name in self.made:
                raise damaged(f"{name!r} names no layer, or two")
            self.made[name] = self._made(record)
            self.results[name] = []
            if isinstance(self.made[name], SymbolicTensor):
                self.results[name].append([self.made[name]])
            calls = record["inbound_nodes"]
            waiting[name] = list(calls)
        if sum(map(len, waiting.values())) > CALLS:
            raise damaged("it calls layers too often")
        self._call_all(waiting)

    def _made(self, record: Mapping[str, Json]) -> Any:
        """A layer, an input, or an operation with its settings."""
        if str(record.get("module")).startswith(OPERATIONS):
            operation = operation_named(record["class_name"])
            if operation is None:
                raise damaged(
                    f"`{record['class_name']}` is no operation that is known here"
                )
            return operation, self.reader.value(record["config"] or {})
        found = self.reader.value(
            {key: part for key, part in record.items() if key != "inbound_nodes"}
        )
        if not isinstance(found, (Layer, SymbolicTensor)):
            raise damaged(f"`{record['class_name']}` stands where a layer should")
        if isinstance(found, Functional) and not isinstance(found, Sequential):
            self.functional.add(record["name"])
        return found

    def _call_all(self, waiting: dict[str, list[Json]]) -> None:
        """Do all calls, each when its operands are there; refuse what never are."""
        while waiting:
            done = 0
            for name in list(waiting):
                calls = waiting[name]
                while calls and self._ready(calls[0]):
                    self._call(name, calls.pop(0))
                    done += 1
                if not calls:
                    del waiting[name]
                    done += 1
            if not done:
                raise damaged(
                    f"`{next(iter(waiting))}` waits for a tensor that never comes"
                )

    def _ready(self, call: Json) -> bool:
        return all(self._known(item) for item in _references(call))

    def _known(self, place: Reference) -> bool:
        if place.name not in self.results:
            raise damaged(f"it has no layer `{place.name}`")
        return place.call < len(self.results[place.name])

    def _call(self, name: str, call: Json) -> None:
        made = self.made[name]
        args, kwargs = self._arguments(call, made)
        if isinstance(made, tuple):
            operation: Operation = made[0]
            result = applied(operation, made[1], list(args), kwargs)
        elif isinstance(made, SymbolicTensor):
            raise damaged(f"the input `{name}` is called")
        else:
            result = made(*args, **kwargs)
        leaves = leaves_in_order(result)
        if not all(isinstance(leaf, SymbolicTensor) for leaf in leaves):
            raise damaged(f"`{name}` gives no tensors")
        self.results[name].append(leaves)

    def _arguments(self, call: Json, made: Any) -> tuple[list[Any], dict[str, Any]]:
        if isinstance(call, list):
            tensors: list[Any] = []
            kwargs: dict[str, Any] = {}
            for row in call:
                tensors.append(self.tensor(Reference(row[:3])))
                kwargs = row[3] if len(row) > 3 else {}
            args: list[Any] = [tensors if len(tensors) > 1 else tensors[0]]
        else:
            args, kwargs = self._filled(call["args"]), self._filled(call["kwargs"])
        return args, {k: v for k, v in kwargs.items() if not _unsaid(made, k, v)}

    def _filled(self, item: Json) -> Any:
        return _with_tensors(self.reader.value(item), self.tensor)

    def tensor(self, place: Reference) -> Any:
        """The tensor that a reference means."""
        found = self.results.get(place.name)
        if found is None or not 0 <= place.call < len(found):
            raise damaged(f"it has no tensor `{place.name}`, {place.call}")
        results = found[place.call]
        if not 0 <= place.result < len(results):
            raise damaged(f"`{place.name}` has no result {place.result}")
        return results[place.result]

    def nest(self, item: Json, shift: int) -> Any:
        """Inputs or outputs in their arrangement."""
        if isinstance(item, dict):
            return {key: self.nest(part, shift) for key, part in item.items()}
        if not isinstance(item, list):
            raise damaged(f"{item!r} names no tensor")
        if len(item) == 3 and isinstance(item[0], str):
            place = Reference(item)
            place.call -= shift * (place.name in self.functional)
            return self.tensor(place)
        return [self.nest(part, shift) for part in item]

    def order(self, records: Sequence[Mapping[str, Json]]) -> list[Layer | InputPlace]:
        """The layers as the file counts them, with the inputs."""
        found: list[Layer | InputPlace] = []
        for name in (record["name"] for record in records):
            made = self.made[name]
            if isinstance(made, SymbolicTensor):
                found.append(InputPlace(name))
            elif not isinstance(made, tuple):
                found.append(made)
        return found


def _references(call: Json) -> list[Reference]:
    """The tensors that a call is given."""
    if isinstance(call, list):
        return [Reference(row[:3]) for row in call]
    found: list[Reference] = []
    stack = [call["args"], call["kwargs"]]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if item.get("class_name") == "__keras_tensor__":
                found.append(Reference(item["config"]["keras_history"]))
            else:
                stack.extend(item.values())
    return found


def _unsaid(made: Any, key: str, value: Any) -> bool:
    """Whether an argument is what Keras notes where nothing was said.

    It notes the mode of the call that made the model, or that which a layer has by
    itself, and replaces it at each call.
    """
    if key == "mask":
        return value is None
    usual = made.usual_mode if isinstance(made, Layer) else None
    return key == "training" and (not value or value is usual)


def _with_tensors(item: Any, tensor: Any) -> Any:
    if isinstance(item, Reference):
        return tensor(item)
    if isinstance(item, list):
        return [_with_tensors(part, tensor) for part in item]
    if isinstance(item, dict):
        return {key: _with_tensors(part, tensor) for key, part in item.items()}
    return item


__all__ = ["functional_of", "sequential_of"]
