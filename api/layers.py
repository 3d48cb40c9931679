"""The layers, the base of all layers, and `Input`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import layers as _layers
from .graph.calling import told_with
from .graph.input_layer import InputLayer
from .graph.input_spec import InputSpec
from .graph.kinds import CALLS
from .graph.layer import Layer
from .graph.layers import *  # noqa: F403 - the one list of layers is there
from .graph.layers import text as _text
from .graph.layers.text import *  # noqa: F403
from .graph.naming import unknown_name
from .graph.network import Input
from .training.configured import Kinds, deserialized, serialized
from .training.model import Sequential as _Sequential

_CLASSES = {
    **_layers.LAYERS,
    **_text.TEXT,
    "Sequential": _Sequential,
    "InputLayer": InputLayer,
}
_KINDS = Kinds(Layer, "layer", "config", _CLASSES)

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "deserialize", "serialize"]
__all__ += _layers.__all__
__all__ += _text.__all__


@told_with(CALLS)
def serialize(layer: Any) -> Any:
    """A layer as class name and configuration, for JSON; its weights are left out.

    >>> serialize(Dense(2, name="out"))["class_name"]  # noqa: F405
    'Dense'
    """
    return serialized(layer)


@told_with(CALLS)
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A new layer from what `serialize` gave; `custom_objects` are your classes.

    >>> deserialize(serialize(ReLU(name="same"))).name  # noqa: F405
    'same'
    """
    known = {**_CLASSES, **(custom_objects or {})}
    return deserialized(config, known, _KINDS)


__getattr__ = unknown_name("tulle.layers", __all__)
