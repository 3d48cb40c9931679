"""What the bodies under check make: layers and parameters, and the names of layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .values import Instance

if TYPE_CHECKING:
    from ..graph.node import Node
    from . import syntax as s

# A layer, or a parameter with its node.
Owned: TypeAlias = "Instance | tuple[s.Name, Node]"


@dataclass
class Shared:
    """The layers of the first turn of a shared `repeat`; `at` counts in later turns."""

    made: list[Instance] = field(default_factory=list)
    at: int | None = None


class Body:
    """An open body: what it made so far, the turns it is in, the names they gave."""

    def __init__(self) -> None:
        self.made: list[Owned] = []
        self.turns: list[int] = []
        self.shared: list[Shared] = []
        self.named: set[str] = set()

    def own(self, made: Owned) -> None:
        """Note a layer or parameter."""
        self.made.append(made)
        if isinstance(made, Instance):
            for shared in self.shared:
                shared.made.append(made)

    def again(self) -> Instance | None:
        """The layer that an earlier turn made in this place, if turns share layers."""
        for index in range(len(self.shared) - 1, -1, -1):
            shared = self.shared[index]
            if shared.at is not None and shared.at < len(shared.made):
                found = shared.made[shared.at]
                shared.at += 1
                for inner in self.shared[index + 1 :]:
                    inner.made.append(found)
                return found
        return None

    def turned(self, name: str) -> str:
        """A name in the turn at hand: `block` is `block[2]` in the third one."""
        return name + "".join(f"[{turn}]" for turn in self.turns)

    def name_turn(self, instance: Instance) -> None:
        """Name a layer of a turn that the text gives no name: `Block[2]`."""
        if not self.turns or instance.given_name is not None:
            return
        base, number = instance.title, 0
        while (name := self.turned(base)) in self.named:
            number += 1
            base = f"{instance.title}_{number}"
        self.named.add(name)
        instance.rename(name)
