"""What lookups learned: Keras keeps it in texts of its own beside the configuration.

A configuration tells only the size then. A layer that is made from it stands for that
size until its values come, for models are built before the places of texts are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...graph.layers import IntegerLookup
from ..archives import Archive
from .deserializing import damaged
from .states import Saved

ASSETS, VOCABULARY = "assets", "vocabulary.txt"
UNREAL = 2**61  # values that stand for those to come are from here on


def vocabularies_in(archive: Archive) -> dict[str, list[str]]:
    """The lines of the texts in a file, by the paths of their layers."""
    found: dict[str, list[str]] = {}
    for name in archive.entries:
        folder, _, file = name.rpartition("/")
        if file == VOCABULARY and folder.startswith(f"{ASSETS}/"):
            try:
                lines = archive.read(name).decode().splitlines()
            except UnicodeDecodeError:
                archive.refuse(f"`{name}` in it is no text")
            found[folder.removeprefix(f"{ASSETS}/")] = lines
    return found


def texts_of(states: Iterable[Saved]) -> dict[str, bytes]:
    """The members of a file that keep what lookups learned."""
    return {
        f"{ASSETS}/{saved.path}/{VOCABULARY}": "\n".join(
            map(str, saved.owner.get_vocabulary())
        ).encode()
        for saved in states
        if isinstance(saved.owner, IntegerLookup)
        and saved.owner.vocabulary is not None
        and not saved.owner.given
    }


def lookup_of(settings: Mapping[str, Any], most: int) -> tuple[IntegerLookup, bool]:
    """A layer from Keras's settings, and whether its values are still to come.

    `most` is the size of the largest vocabulary that there is.
    """
    given = dict(settings)
    size = given.pop("vocabulary_size", None)
    layer = IntegerLookup(**given)
    if layer.vocabulary is not None or size is None:
        return layer, False
    if type(size) is not int or not len(layer.special) < size <= most:
        raise damaged(f"`{layer.name}` has a vocabulary of {size}, which it lacks")
    count = size - len(layer.special)
    _take(layer, [*layer.special, *range(UNREAL, UNREAL + count)])
    return layer, True


def take_lines(layer: IntegerLookup, lines: list[str] | None) -> None:
    """Give a layer the values that stood for others so far."""
    if lines is None:
        raise damaged(f"it lacks the vocabulary of `{layer.name}`")
    if len(lines) != layer.vocabulary_size():
        raise damaged(
            f"`{layer.name}` has a vocabulary of {layer.vocabulary_size()}, and there "
            f"are {len(lines)} lines"
        )
    try:
        values = [int(line) for line in lines]
    except ValueError:
        raise damaged(f"the vocabulary of `{layer.name}` holds words") from None
    _take(layer, values)


def _take(layer: IntegerLookup, values: list[int]) -> None:
    """Set values; weights come with those of all layers."""
    weights = [0.0] * len(values) if layer.output_mode == "tf_idf" else None
    layer.set_vocabulary(values, weights)
