"""Helpers: pictures and graphs of models, the seed of everything random."""

from .graph.diagram import to_networkx
from .graph.drawing import plot_model
from .graph.masking import get_mask, set_mask
from .graph.variable import set_random_seed

__all__ = ["get_mask", "plot_model", "set_mask", "set_random_seed", "to_networkx"]
