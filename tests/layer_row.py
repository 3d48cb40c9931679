"""What the layer tests ask of each layer: a row says how it is made and called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LayerRow:
    """One way to make and call a layer; the first row of a name gets all the tests.

    `config` holds the constructor's arguments as JSON would: a list for a tuple, and
    `{"class": NAME, "config": {...}}` for a layer or cell. `inputs` has one text for
    each tensor, its sizes: a number, or a letter for a size that changes with the
    data, `"B H W 3"`. Sizes that are letters become symbols.

    `inputs` are passed one after the other, or as one list if `listed`; the
    last `together` of them as a list. `high`, if not None, makes them integers below
    it. `masks` gives inputs a mask to carry, by place.
    `call` are named arguments of the call. `least` are the smallest sizes that the
    layer takes, where that is not 1. `peer` is false where Keras differs, and then
    `why` says how; `gradients` is false where there are none; `random` is true where
    training draws random numbers.
    """

    name: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    listed: bool = False
    together: int = 0
    high: int | None = None
    masks: tuple[int, ...] = ()
    call: Mapping[str, Any] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    peer: bool = True
    why: str = ""
    gradients: bool = True
    random: bool = False
    range: tuple[float, float] = (-1.0, 1.0)


def row(name: str, *inputs: str, **config: Any) -> LayerRow:
    """A row of a layer that needs nothing but its arguments and inputs."""
    return LayerRow(name, config, inputs)
