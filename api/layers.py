"""The layers, the base of all layers, and `Input`."""

from .graph import layers as _layers
from .graph.input_spec import InputSpec
from .graph.layer import Layer
from .graph.layers import *  # noqa: F403 - the one list of layers is there
from .graph.network import Input

__all__ = ["Input", "InputSpec", "Layer"]
__all__ += _layers.__all__
