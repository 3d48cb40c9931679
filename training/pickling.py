"""Models made of inputs and outputs, pickled as the file that `save` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .saving import load_model, save_model

Unpickled = tuple[Callable[..., Any], tuple[Any, ...]]


def pickled(model: Any) -> Unpickled:
    """How `pickle` makes a model again: from the bytes of its file and own classes.

    Raises `DataError` T0709 for what has no form in a file.
    """
    kinds = {type(layer) for layer in (model, *model.sublayers) if layer.foreign}
    with TemporaryDirectory() as folder:
        place = Path(folder, "model.tulle")
        save_model(model, place)
        content = place.read_bytes()
    return unpickled, (content, {kind.__name__: kind for kind in kinds})


def unpickled(content: bytes, custom_objects: Mapping[str, Any]) -> Any:
    """The model of a pickled file."""
    with TemporaryDirectory() as folder:
        place = Path(folder, "model.tulle")
        place.write_bytes(content)
        return load_model(place, custom_objects)
