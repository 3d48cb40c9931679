"""Objects from Keras's configurations; nothing in one can run code.

Only classes that are known here are made: the library's, registered ones, given ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from ...graph import activations
from ...graph.diagnostics import (
    DataError,
    Diagnostic,
    Fault,
    InternalError,
    TulleError,
    caller_span,
)
from ...graph.layer import Layer
from ...graph.layers import IntegerLookup
from ...graph.network import Input
from ...graph.policies import DTypePolicy
from ...graph.types import DTYPES
from ..encoding import PLAIN_FACTORIES
from ..model import Functional, Model, Sequential
from ..notices import warn
from ..registration import find, get_registered_object, library, unknown_to_file
from .names import OPERATIONS, custom_class, foreign, library_class

Json = Any
Result = TypeVar("Result")
DEPTH = 100  # of what stands in one another
HOMES = ("layers", "initializers", "regularizers", "constraints", "losses", "metrics",
         "optimizers", "optimizers.schedules")  # fmt: skip
# Settings of Keras's that mean nothing here, with the values that they may have.
UNUSED: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "gptq_unpacked_column_size": (None,),
    "sparse": (False,),
    "ragged": (False,),
    "optional": (False,),
    "dynamic": (False,),
    "implementation": (0, 1, 2),
    "time_major": (False,),
    "is_legacy_optimizer": (False,),
    "jit_compile": (True, False, "auto"),
    "decay": (0.0,),
}
# What Python and the rules of the library raise for a configuration that is wrong.
WRONG = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, InternalError,
    ArithmeticError, RecursionError, AssertionError, StopIteration, MemoryError,
)  # fmt: skip


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> Any:
    """The object that `serialize_keras_object` described, built anew.

    `custom_objects` are your own classes and functions by name. A lambda is refused
    whatever `safe_mode` says: what is loaded runs no code of its own. Raises
    `DataError` T0201 for a class that is not known, T0704 for a wrong configuration.

    >>> config = {
    ...     "module": "keras.layers",
    ...     "class_name": "Dense",
    ...     "config": {"units": 3},
    ...     "registered_name": None,
    ... }
    >>> deserialize_keras_object(config).units
    3
    """
    return told(lambda: Deserializer(custom_objects or {}).value(config))


def told(make: Callable[[], Result], what: str = "the configuration") -> Result:
    """The result of a function; whatever goes wrong on the way is T0704 or T0201."""
    try:
        return make()
    except DataError:
        raise
    except TulleError as error:
        reason = error.diagnostics[0].message
    except Fault as fault:
        reason = fault.message
    except WRONG as error:
        reason = f"{type(error).__name__}: {error}"
    raise damaged(reason, what)


class Reference:
    """A tensor of a model in a configuration: layer, call and result."""

    def __init__(self, history: Any):
        name, call, result = history
        if not isinstance(name, str) or not isinstance(call, int):
            raise damaged(f"{history!r} names no tensor")
        self.name, self.call, self.result = name, call, int(result)


class Deserializer:
    """Makes objects of records; those with a number are made once."""

    def __init__(self, custom: Mapping[str, Any], most: int = 0):
        self.custom = custom
        self.most = most  # values of the largest vocabulary that the file holds
        self.waiting: set[int] = set()  # lookups without their values yet, by `id`
        self.shared: dict[Any, Any] = {}
        self.orders: dict[int, Any] = {}  # of the layers of models, by `id`
        self._kept: list[Any] = []  # so that no `id` is used twice
        self._depth = 0

    def note_order(self, model: Model, layers: Any) -> None:
        """Remember in which order a file counts the layers of a model."""
        self._kept.append(model)
        self.orders[id(model)] = layers

    def value(self, item: Json) -> Any:
        """Any setting, argument or object."""
        if isinstance(item, (list, tuple)):
            return [self.value(part) for part in item]
        if not isinstance(item, Mapping):
            return item
        self._depth += 1
        try:
            if self._depth > DEPTH:
                raise damaged("it is nested too deeply")
            if "class_name" in item and "config" in item:
                return self.object(item)
            return {key: self.value(part) for key, part in item.items()}
        finally:
            self._depth -= 1

    def object(self, record: Mapping[str, Json]) -> Any:
        """The object of a record."""
        name, config = record["class_name"], record["config"]
        if not isinstance(name, str):
            raise damaged(f"{name!r} names no class")
        if name.startswith("__"):
            return self._special(name, config)
        if name == "function":
            return self.function(record)
        number = record.get("shared_object_id")
        if number is not None and number in self.shared:
            return self.shared[number]
        made = self._made(record, config if isinstance(config, dict) else {})
        if number is not None:
            self.shared[number] = made
        return made

    def _special(self, name: str, config: Json) -> Any:
        if name == "__keras_tensor__":
            return Reference(config["keras_history"])
        if name in ("__numpy__", "__tensor__"):
            dtype = config["dtype"]
            if dtype not in {known.name for known in DTYPES.values()}:
                raise damaged(f"`{dtype}` is no dtype")
            return np.array(config["value"], dtype)
        if name == "__slice__":
            ends = (self.value(config[key]) for key in ("start", "stop", "step"))
            return slice(*ends)
        if name == "__ellipsis__":
            return ...
        if name == "__bytes__":
            return str(config["value"]).encode()
        if name == "__lambda__":
            raise code_in_file()
        raise damaged(f"`{name}` is no kind of value")

    def function(self, record: Mapping[str, Json]) -> Any:
        """A function by its name: one given or registered, or one of the library."""
        names = [record.get("registered_name"), record["config"]]
        known = [name for name in names if isinstance(name, str)]
        for name in known:
            found = get_registered_object(name, self.custom)
            if found is not None:
                return found
        name = str(record["config"])
        if not foreign(record) or record.get("module") == "builtins":
            if name in (*activations.NAMES, *activations.ALIASES):
                return name
            if name in library("function"):
                return library("function")[name]
        return find("function", known[0] if known else name, self.custom)

    def class_of(self, record: Mapping[str, Json]) -> Any:
        """The class of a record; refuses what is not known, T0201."""
        found = custom_class(record, self.custom)
        name = record["class_name"]
        if found is None and not foreign(record):
            found = library_class(str(record["module"]), name)
        if found is None and record.get("module") is None:
            known = (library_class(f"keras.{home}", name) for home in HOMES)
            found = next((kind for kind in known if kind is not None), None)
        if found is None:
            registered = record.get("registered_name")
            raise unknown_to_file("class", str(registered or name), ())
        return found

    def _made(self, record: Mapping[str, Json], config: dict[str, Json]) -> Any:
        name, module = record["class_name"], record.get("module")
        if str(module).startswith(OPERATIONS):
            raise damaged(f"the operation `{name}` stands where no operation can")
        if name == "InputLayer" and custom_class(record, self.custom) is None:
            return self.input(config)
        kind = self.class_of(record)
        graph = isinstance(kind, type) and issubclass(kind, Model)
        if kind is Sequential or (
            graph and {"layers", "input_layers"} <= config.keys()
        ):
            return self.model(kind, config)
        if kind is Functional:
            raise damaged("a model of it has no layers")
        return self.configured(kind, config, record)

    def model(self, kind: Any, config: dict[str, Json]) -> Any:
        """A model from the layers and calls in its configuration."""
        from .rebuilding import functional_of, sequential_of

        if issubclass(kind, Sequential):
            return sequential_of(self, kind, config)
        return functional_of(self, kind, config)

    def input(self, config: Mapping[str, Json]) -> Any:
        """The symbolic input that an `InputLayer` makes."""
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        if not isinstance(shape, (list, tuple)):
            raise damaged(f"an input has the shape {shape!r}")
        for key in ("sparse", "ragged"):
            if config.get(key):
                raise damaged(f"an input of it is {key}, which nothing here is")
        first = "batch" if shape[:1] == [None] else [*shape, None][0]
        dtype = self.value(config.get("dtype"))
        if isinstance(dtype, DTypePolicy):
            dtype = dtype.compute_dtype
        sizes = tuple(first if i == 0 else s for i, s in enumerate(shape))
        if any(isinstance(size, str) for size in sizes[1:]):
            raise damaged(f"an input has the shape {shape!r}")
        return Input(batch_shape=sizes, dtype=dtype, name=config.get("name"))

    def configured(self, kind: Any, config: dict[str, Json], record: Any) -> Any:
        """An object of a class from its settings."""
        settings = {key: self.value(part) for key, part in config.items()}
        if isinstance(kind, type) and issubclass(kind, Layer):
            return self._layer(kind, settings, record)
        if not hasattr(kind, "from_config"):
            raise damaged(f"`{getattr(kind, '__name__', kind)}` has no `from_config`")
        if kind.__module__.startswith("tulle."):
            settings = _needed(kind, settings)
        return kind.from_config(settings)

    def _layer(self, kind: Any, settings: dict[str, Any], record: Any) -> Any:
        if kind is IntegerLookup:
            from .vocabularies import lookup_of

            layer, waits = lookup_of(_needed(kind, settings), self.most)
            self._kept.append(layer)
            self.waiting |= {id(layer)} if waits else set()
            return layer
        if kind.__name__ == "Lambda" and not callable(settings.get("function")):
            raise code_in_file()
        if kind.__module__.startswith("tulle."):
            settings = _needed(kind, settings)
        plain = getattr(kind.from_config, "__func__", None) in PLAIN_FACTORIES
        layer = kind(**settings) if plain else kind.from_config(settings)
        if not isinstance(layer, Layer):
            raise damaged(f"`{kind.__name__}` is no layer")
        if isinstance(layer, Model):
            self.build(layer, record.get("build_config"))
            self.compile(layer, record.get("compile_config"))
        elif type(layer).build_from_config is not Layer.build_from_config:
            shapes = record.get("build_config")
            if shapes and not layer.built:
                layer.build_from_config(shapes)
        return layer

    def build(self, model: Model, shapes: Json) -> None:
        """Build a model of a user's class for the shapes that it had."""
        shape = shapes.get("input_shape") if isinstance(shapes, dict) else None
        if shape is not None and not model.built:
            model.build_from_config({"input_shape": self._shape(shape)})

    def _shape(self, shape: Json) -> Any:
        if isinstance(shape, dict):
            return {key: self._shape(part) for key, part in shape.items()}
        if shape and isinstance(shape[0], (list, tuple, dict)):
            return [self._shape(part) for part in shape]
        return tuple(shape)

    def compile(self, model: Model, config: Json) -> None:
        """Compile a model as it was, if it was; or have its class do it."""
        if not isinstance(config, dict) or not config:
            return
        if type(model).compile_from_config is not Model.compile_from_config:
            model.compile_from_config(config)
            return
        if type(model).compile is not Model.compile:
            warn(
                f"`{model.name}` is not compiled: its class has a `compile` of its own",
                "call `compile` again, or override `get_compile_config` and "
                "`compile_from_config`",
            )
            return
        if not config.get("optimizer"):
            return
        known = inspect.signature(Model.compile).parameters
        given = {key: self.value(part) for key, part in config.items() if key in known}
        model.compile(**{**given, "auto_scale_loss": False})


def _needed(kind: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that mean nothing here and say nothing."""
    known = inspect.signature(kind.__init__).parameters
    return {
        key: value
        for key, value in settings.items()
        if key in known or not (key in UNUSED and value in UNUSED[key])
    }


def damaged(reason: str, what: str = "the configuration") -> DataError:
    """The error of a wrong configuration, T0704."""
    told = f"{what} cannot be loaded: {reason}"
    return DataError(Diagnostic("T0704", told, caller_span()))


def code_in_file() -> DataError:
    """The error of a function that a file holds as code, T0704."""
    return DataError(
        Diagnostic(
            "T0704",
            "the file holds a Python function as code, and code in a file is never run",
            caller_span(),
            help=(
                "write the function with a name, and a layer around it, in the program "
                "that saves; give it by `custom_objects` to the one that loads",
            ),
        )
    )
