"""Validation data of `fit`: given apart, or split off the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Fault
from .batches import leaves, split
from .data import as_array, check_sizes
from .sources import source_of
from .streams import Course, feed_of

if TYPE_CHECKING:
    from .model import Model


def validation_course(
    model: Model, given: Any, batch_size: int | None, steps: int | None
) -> Course | None:
    """The validation data that `fit` was given, checked."""
    if given is None:
        return None
    x, y, weight = given, None, None
    if isinstance(given, (list, tuple)) and len(given) in (2, 3):
        x, y, *rest = given
        weight = rest[0] if rest else None
    source = source_of(x, y, weight, None if y is None else batch_size)
    if source is None and y is None:
        raise Fault(
            "T0204",
            "`validation_data` is a tuple (x, y) or (x, y, sample_weight), or gives "
            "such batches",
            argument="validation_data",
            help=["write `validation_data=(x, y)`"],
        )
    feed = feed_of(model, "test", source, (x, y, weight), batch_size)
    return Course(feed, steps)


def split_off(
    share: float, x: Any, y: Any, sample_weight: Any
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """The first samples for training, the last `share` of them for validation."""
    if not isinstance(share, (int, float)) or not 0 < share < 1:
        raise Fault(
            "T0204",
            f"`validation_split` lies between 0 and 1, not {share!r}",
            argument="validation_split",
        )
    named = [*leaves("x", x), *leaves("y", y), *leaves("sample_weight", sample_weight)]
    if not named:
        raise Fault("T0204", "`x` is missing", argument="x")
    size = check_sizes([n for n, _ in named], [as_array(n, a) for n, a in named])
    at = int(size * (1 - share))  # as Keras rounds
    if not 0 < at < size:
        raise Fault(
            "T0204",
            f"{share} of {size} samples leaves no sample on one side",
            argument="validation_split",
        )
    parts = [split(value, at) for value in (x, y, sample_weight)]
    train, test = tuple(a for a, _ in parts), tuple(b for _, b in parts)
    return train, test  # type: ignore[return-value]
