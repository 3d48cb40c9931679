"""The gradient of a network as a layer: what `grad` in a text makes of layers.

A network with layers in it is differentiated when its call is traced, so that each
mode has its own gradient, and what the layers learn stays theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .layer import Layer
from .network import Network
from .transforms import grad


class Gradient(Layer):
    """The gradient of a network's scalar result with respect to some of its inputs.

    `wrt` numbers the inputs; the result is a list in their order.
    """

    kind_name = "grad"

    def __init__(
        self, function: Network, wrt: Sequence[int] = (0,), name: str | None = None
    ):
        super().__init__(name=name, autocast=False)
        self.function, self.wrt = function, tuple(wrt)

    def call(self, *inputs: Any) -> Any:
        return list(grad(self.function, wrt=self.wrt)(*inputs))

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments as they are: the network declares dtypes of its own."""
        return arguments
