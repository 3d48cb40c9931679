"""The settings of `run { … }`: how long a training goes on, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .statics import fits


@dataclass(frozen=True)
class Setting:
    """An entry of `run`: its kind, its bounds, its name in `fit`."""

    kind: str
    words: str
    argument: str | None
    least: float = 0
    below: float = 2**63

    def admits(self, value: Any) -> bool:
        """Whether a value is of the kind and within the bounds."""
        plain = isinstance(value, (int, float)) and fits(self.kind, value)
        return plain and self.least <= value < self.below


COUNT = "a whole number from 1 on"
SETTINGS: Mapping[str, Setting] = {
    "batch": Setting("int", COUNT, "batch_size", 1),
    "epochs": Setting("int", COUNT, "epochs", 1),
    "seed": Setting("int", "a whole number from 0 on", None),
    "shuffle": Setting("bool", "`true` or `false`", "shuffle"),
    "validation_split": Setting(
        "f32", "a number from 0 to below 1", "validation_split", 0, 1
    ),
}
