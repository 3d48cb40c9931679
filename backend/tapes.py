"""`GradientTape` with gradients that become programs."""

from __future__ import annotations

from ..graph import pulling
from ..graph.tape import GradientTape
from . import compile_graph

__all__ = ["GradientTape"]

pulling.compiler = compile_graph
