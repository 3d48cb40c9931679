"""Models made of inputs and outputs, pickled as the file that `save` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .archives import write_archive
from .encoding import Encoder
from .model_files import tulle_members
from .saving import load_model

Unpickled = tuple[Callable[..., Any], tuple[Any, ...]]


def pickled(model: Any) -> Unpickled:
    """How `pickle` makes a model again: from its file, and the classes and functions
    that this names and Tulle does not have.

    Raises `DataError` T0709 for what has no form in a file.
    """
    encoder, file = Encoder(numbered=True), BytesIO()
    write_archive(file, tulle_members(model, encoder))
    return unpickled, (file.getvalue(), encoder.own)


def unpickled(content: bytes, custom_objects: Mapping[str, Any]) -> Any:
    """The model of a pickled file."""
    with TemporaryDirectory() as folder:
        place = Path(folder, "model.tulle")
        place.write_bytes(content)
        return load_model(place, custom_objects)
