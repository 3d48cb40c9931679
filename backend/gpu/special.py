"""Ops with CUDA code of their own: indices and random numbers.

A `Special` says of a node which function of `special.cu` computes it and on which
words. Functions are templates there; what a program needs of them is named in its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from ...graph.node import Node
from ..loops.cuda import entry_head
from ..loops.cuda_functions import memory_type
from .launches import WARP, KernelLaunch
from .state import Check, Counters, Faults

Array = Any

INTEGERS = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}
ADDED = {"f32", "f64", "i32", "i64"}
BITS = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}  # what is copied has no kind
KINDS = {"f16": "Half", "bf16": "Brain", "f32": "Single", "f64": "Double"}
PIECE = 128  # as in special.cu
SPECIAL: dict[str, type[Special]] = {}


@cache
def templates() -> str:
    """The text of all functions."""
    return Path(__file__).with_name("special.cu").read_text()


def special(*names: str) -> Callable[[type[Special]], type[Special]]:
    """Enter a class into `SPECIAL` under the names of its ops."""

    def entered(kind: type[Special]) -> type[Special]:
        SPECIAL.update(dict.fromkeys(names, kind))
        return kind

    return entered


def special_of(node: Node) -> Special | None:
    """The code of a node's own, if there is any for its dtypes."""
    kind = SPECIAL.get(node.op.name)
    return kind(node) if kind is not None and kind.accepts(node) else None


class Device:
    """What the launches of a program may point to."""

    def __init__(self, counters: Counters, faults: Faults, checks: dict[Node, int]):
        self.counters, self.faults, self.checks = counters, faults, checks


class Special:
    """The code of one node. Operands are dense, and so are results."""

    lanes: ClassVar[int] = 1  # threads that take a unit of work

    def __init__(self, node: Node):
        self.node = node
        types = self.types()
        plain = "_".join([node.op.name, *types]).replace(" ", "_")
        self.name = f"{plain}_op"
        self.function = node.op.name + (f"<{', '.join(types)}>" if types else "")

    @classmethod
    def accepts(cls, node: Node) -> bool:
        """Whether there is code for the dtypes of a node."""
        return True

    def types(self) -> list[str]:
        """The arguments of the template."""
        return []

    @property
    def text(self) -> str:
        """The function that is launched."""
        return wrapped(self.name, self.function, self.check is None)

    @property
    def check(self) -> Check | None:
        """What it checks, if anything; it then runs whatever came before."""
        return None

    def launch(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> KernelLaunch:
        """The launch for given arrays."""
        words = self.words(attributes, operands, result, device)
        total = self.total(attributes, operands, result)
        return KernelLaunch(self.name, words, total, self.lanes)

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        """The words that its function reads."""
        raise NotImplementedError

    def total(self, attributes: Any, operands: Sequence[Array], result: Array) -> int:
        """How many units of work there are."""
        return int(result.size)


def wrapped(name: str, function: str, guarded: bool) -> str:
    """The definition of a function that is launched; it calls a template."""
    guard = "if (fault && *fault) return; " if guarded else ""
    return f"{entry_head(name)} {{ {guard}{function}(args, total); }}\n"


def address(array: Array) -> int:
    """Where an array of the device begins."""
    found: int = array.__cuda_array_interface__["data"][0]
    return found


@special("positions")
class Positions(Special):
    """Indices counted from the start of their axis, each checked."""

    @classmethod
    def accepts(cls, node: Node) -> bool:
        return node.dtype.short in INTEGERS

    def types(self) -> list[str]:
        return [memory_type(self.node.dtype)]

    @property
    def check(self) -> Check:
        signed = self.node.dtype.short.startswith("i")
        return Check(self.node.attributes["told"], signed)

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        faults, number = address(device.faults.words), device.checks[self.node]
        places = address(operands[0]), address(result)
        return [*places, faults, number, attributes["size"]]


@special("take", "take_along_axis")
class Take(Special):
    """A copy of a row, or of an element, for each index, which is checked."""

    @classmethod
    def accepts(cls, node: Node) -> bool:
        return node.inputs[1].dtype.short in INTEGERS and node.dtype.size in BITS

    def types(self) -> list[str]:
        return [BITS[self.node.dtype.size], memory_type(self.node.inputs[1].dtype)]

    @property
    def check(self) -> Check:
        signed = self.node.inputs[1].dtype.short.startswith("i")
        return Check(self.node.op.name, signed)

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        source, index = operands
        faults, number = address(device.faults.words), device.checks[self.node]
        axis, rows = attributes["axis"], self.node.op.name == "take"
        inner, size = math.prod(source.shape[axis + 1 :]), source.shape[axis]
        count = index.size if rows else index.shape[axis]
        places = address(source), address(index), address(result)
        return [*places, faults, number, size, count, inner]


@special("add_at")
class AddAt(Special):
    """Rows added up where indices point, in the order of the indices."""

    lanes = WARP

    @classmethod
    def accepts(cls, node: Node) -> bool:
        return node.dtype.short in ADDED and node.inputs[1].dtype.short in INTEGERS

    def types(self) -> list[str]:
        return [memory_type(self.node.dtype), memory_type(self.node.inputs[1].dtype)]

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        rows, index = operands
        size, inner = self._sizes(attributes, result)
        places = address(rows), address(index), address(result)
        return [*places, size, index.size, inner, -(-inner // PIECE)]

    def total(self, attributes: Any, operands: Sequence[Array], result: Array) -> int:
        _, inner = self._sizes(attributes, result)
        return result.size // max(inner, 1) * -(-inner // PIECE)

    def _sizes(self, attributes: Any, result: Array) -> tuple[int, int]:
        axis = attributes["axis"]
        return attributes["size"], math.prod(result.shape[axis + 1 :])


@special("random_key")
class RandomKey(Special):
    """The key of a draw, from the counters on the device."""

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        counters = device.counters
        number = counters.number(attributes["generator"])
        return [address(counters.words), number, attributes["draw"], address(result)]

    def total(self, attributes: Any, operands: Sequence[Array], result: Array) -> int:
        return 1


ADVANCE = "random_advance_op"


def advance(counters: Counters) -> KernelLaunch:
    """What counts the draws of a run, after it."""
    words = [address(counters.words), *counters.draws]
    return KernelLaunch(ADVANCE, words, len(counters.draws), 1)


@special("random_uniform", "random_normal")
class Draw(Special):
    """Numbers of one distribution, a block of random words a unit of work."""

    @classmethod
    def accepts(cls, node: Node) -> bool:
        return node.dtype.short in KINDS and node.inputs[0].dtype.short == "u32"

    def types(self) -> list[str]:
        return [KINDS[self.node.dtype.short]]

    def words(
        self, attributes: Any, operands: Sequence[Array], result: Array, device: Device
    ) -> list[int]:
        return [address(operands[0]), address(result), result.size]

    def total(self, attributes: Any, operands: Sequence[Array], result: Array) -> int:
        uniform = self.node.op.name == "random_uniform"
        block = 2 if uniform and self.node.dtype.size == 8 else 4
        return -(-result.size // block)
