"""Objects as Keras's configurations: dictionaries with module, class and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...graph import activations, constraints, initializers, regularizers
from ...graph.diagnostics import DataError, Diagnostic, caller_span
from ...graph.dim import Dim
from ...graph.initializers import Initializer
from ...graph.layer import Layer
from ...graph.layers import IntegerLookup
from ...graph.network import Network
from ...graph.op import Op
from ...graph.policies import DTypePolicy
from ...graph.settings import Settings
from ...graph.tensor import Tensor
from ...graph.types import DType
from ...graph.variable import SeedGenerator
from ..configured import Configured
from ..encoding import said, two_of_a_name
from ..model import Functional, Model, Sequential
from ..registration import get_registered_name, library
from .names import made_of_graph, original, place_of

Json = Any
# What the end of a setting's name says that it is.
MEANINGS = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}
# Settings that Keras's files leave out unless they say something.
SILENT = {
    "activity_regularizer": None,
    "autocast": True,
    "flash_attention": None,
    "lora_alpha": None,
    "lora_rank": None,
    "use_cudnn": "auto",
    "weights": None,
}
# Layers whose constructors in Keras take fewer settings than others.
NARROW = {
    "Discretization": ("trainable",),
    "Pipeline": ("trainable", "dtype"),
    "SpatialDropout1D": ("trainable",),
    "SpatialDropout2D": ("trainable",),
    "SpatialDropout3D": ("trainable",),
}


def serialize_keras_object(obj: Any) -> Any:
    """An object, or a nest of them, as what Keras's files hold: for JSON.

    `deserialize_keras_object` makes an equal one of it. Raises `DataError` T0709 for
    what has no form in a file, such as a lambda.

    >>> from tulle.graph.regularizers import L2
    >>> serialize_keras_object(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return Serializer().value(obj)


class Serializer:
    """Makes records of objects; a layer that comes again is told by a number."""

    def __init__(self, texts: bool = False) -> None:
        self.texts = texts  # whether what lookups learned is kept elsewhere
        self._records: dict[int, dict[str, Json]] = {}
        self._kept: list[Any] = []  # so that no `id` is used twice
        self._own: dict[str, Any] = {}  # classes and functions by registered names

    def value(self, item: Any) -> Json:
        """Any setting, argument or object."""
        if item is None or isinstance(item, (bool, int, float, str)):
            return item
        if isinstance(item, (list, tuple)):
            return [self.value(part) for part in item]
        if isinstance(item, Mapping) and not isinstance(item, Configured):
            return {str(key): self.value(part) for key, part in item.items()}
        if isinstance(item, np.generic):
            return item.item()
        special = _special(item, self)
        if special is not None:
            return special[0]
        if isinstance(item, (Layer, Configured, Initializer, Settings, DTypePolicy)):
            return self.object(item)
        if isinstance(item, type) or callable(item):
            record = function_record(item)
            if isinstance(record, dict):
                self._note(record.get("registered_name"), item)
            return record
        raise unsaved(item)

    def object(self, item: Any) -> dict[str, Json]:
        """An object by its class and configuration."""
        before = self._records.get(id(item)) if isinstance(item, Layer) else None
        if before is not None:
            number = before.setdefault("shared_object_id", len(self._kept))
            return {**before, "shared_object_id": number}
        module, name, registered = place_of(type(item))
        self._note(registered, original(type(item)))
        record: dict[str, Json] = {
            "module": module,
            "class_name": name,
            "config": self.config(item),
            "registered_name": registered,
        }
        if isinstance(item, Layer):
            self._built(item, record)
            self._kept.append(item)
            self._records[id(item)] = record
        return record

    def _note(self, name: str | None, target: Any) -> None:
        """Refuse a second class or function of a user's of one name, T0709."""
        if name is not None and self._own.setdefault(name, target) != target:
            raise two_of_a_name(name)

    def _built(self, layer: Layer, record: dict[str, Json]) -> None:
        """What Keras needs to build a layer, and to compile a model, again."""
        shapes = layer.get_build_config()
        if isinstance(layer, Sequential):
            if layer.start is not None:
                sizes = [size.value for size in layer.start.node.shape]
                record["build_config"] = {"input_shape": sizes}
        elif isinstance(layer, Functional):
            record["registered_name"] = record["registered_name"] or "Functional"
            record["build_config"] = {"input_shape": None}
        elif shapes is not None:
            record["build_config"] = self.value(shapes)
        if isinstance(layer, Model):
            record["compile_config"] = self.compile_config(layer)

    def model_config(self, model: Functional) -> dict[str, Json]:
        """Layers and their calls; or, of a class with other arguments, these."""
        from .networks import functional_config, sequential_config

        if type(model) is Sequential:
            return sequential_config(self, model)
        if made_of_graph(type(model)):
            return functional_config(self, model)
        return Layer.get_config(model)

    def config(self, item: Any) -> Json:
        """The configuration of an object: its settings by name."""
        if type(item) is Sequential or (
            isinstance(item, Functional)
            and type(item).get_config is Functional.get_config
            and made_of_graph(type(item))
        ):
            return self.model_config(item)
        if type(item) is Network:
            raise _error(
                f"`{item.name}` is a layer of a `.net` text, and Keras has no class "
                "for it",
                "save the model as `.tulle`, or write the layers of its body in place "
                "of it",
            )
        config = item.get_config()
        if not isinstance(item, Layer):
            return {key: self.value(part) for key, part in config.items()}
        kept = {
            key: part
            for key, part in config.items()
            if key not in SILENT or part != SILENT[key]
        }
        if isinstance(item, IntegerLookup):
            if self.texts and not item.given:
                kept |= {"vocabulary": None, "idf_weights": None}
            elif item.idf_weights is None:
                kept["vocabulary"] = item.vocabulary  # as it was given
            size = None if item.vocabulary is None else item.vocabulary_size()
            kept["vocabulary_size"] = size
        if not item.foreign:
            for key in NARROW.get(type(item).__name__, ()):
                kept.pop(key, None)
        if "dtype" in kept:
            kept["dtype"] = item.policy
        return {key: self.setting(key, part) for key, part in kept.items()}

    def setting(self, key: str, value: Any) -> Json:
        """A setting of a layer; names of functions become what they stand for."""
        meaning = MEANINGS.get(key.rpartition("_")[2])
        if meaning is not None and isinstance(value, (str, type)):
            value = meaning(value)
        if key.endswith("activation") and value is None:
            return "linear"
        return self.value(value)

    def compile_config(self, model: Model) -> dict[str, Json]:
        """The arguments of `compile`, empty before it; or what its class tells."""
        if type(model).get_compile_config is not Model.get_compile_config:
            told: dict[str, Json] = self.value(model.get_compile_config() or {})
            return told
        compiled = model.compiled
        if compiled is None:
            return {}
        return {
            "optimizer": self.value(compiled.optimizer),
            "loss": self.value(compiled.loss),
            "loss_weights": self.value(compiled.loss_weights),
            "metrics": self.value(compiled.metrics),
            "weighted_metrics": self.value(compiled.weighted_metrics),
            "run_eagerly": compiled.run_eagerly,
            "steps_per_execution": compiled.steps_per_execution,
            "jit_compile": True,
        }


def _special(item: Any, serializer: Serializer) -> tuple[Json] | None:
    """A value with a form of its own in Keras's files."""
    if isinstance(item, Dim):
        return (item.value,)
    if isinstance(item, DType):
        return (item.name,)
    if isinstance(item, SeedGenerator):
        return (item.seed,)
    if isinstance(item, slice):
        ends = {"start": item.start, "stop": item.stop, "step": item.step}
        return ({"class_name": "__slice__", "config": serializer.value(ends)},)
    if item is ...:
        return ({"class_name": "__ellipsis__", "config": {}},)
    if isinstance(item, Tensor):
        item = item.numpy()
    if isinstance(item, np.ndarray):
        content = {"value": item.tolist(), "dtype": item.dtype.name}
        return (item.item() if not item.ndim else _named("__numpy__", content),)
    return None


def _named(name: str, content: Json) -> Json:
    return {"class_name": name, "config": content}


def function_record(function: Any) -> Json:
    """A function by its name; refuses one that has none, T0709."""
    if isinstance(function, Op) or function in (activations.linear, activations.relu):
        return activations.serialize(function)
    name = getattr(function, "__name__", None)
    if name is None or name == "<lambda>":
        raise _error(
            f"{said(function)} has no name, and a file holds no code",
            "write it as a function with a name, `def scaled(x): …`, and load the "
            "model with `custom_objects`, or register it with "
            "`saving.register_keras_serializable()`",
        )
    if library("function").get(name) is function:
        return name
    return {
        "module": function.__module__,
        "class_name": "function",
        "config": get_registered_name(function),
        "registered_name": get_registered_name(function),
    }


def unsaved(item: Any) -> DataError:
    """The error of what a file of Keras cannot hold, T0709."""
    return _error(
        f"{said(item)} has no form in a file of Keras",
        "give settings as numbers, text, lists or layers, or override `get_config`",
    )


def unwritable(name: str, reason: str) -> DataError:
    """The error of what stands between layers and Keras's files cannot say, T0709."""
    return _error(
        f"`{name}` between layers cannot go into a file of Keras: {reason}",
        "put it into a layer, or save the model as `.tulle`",
    )


def _error(message: str, *advice: str) -> DataError:
    return DataError(Diagnostic("T0709", message, caller_span(), help=advice))


__all__ = ["Serializer", "serialize_keras_object", "unsaved", "unwritable"]
