"""Loop kernels: fused nodes as typed loop nests, and the nests as native code."""

from __future__ import annotations

from .bind import Launch, bind, scratch_bytes
from .kernel import LoopKernel
from .language import Unlowerable
from .llvm import Entry, print_llvm
from .lower import lower, lowerable

__all__ = [
    "Entry",
    "Launch",
    "LoopKernel",
    "Unlowerable",
    "bind",
    "lower",
    "lowerable",
    "print_llvm",
    "scratch_bytes",
]
