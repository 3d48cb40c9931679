"""A wrapper that keeps the largest singular value of a layer's weights at 1."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import product
from ..initializers import TruncatedNormal
from ..layer import Layer
from ..registry import call
from ..variable import Variable
from ..variable_substitution import replacing
from .core import MOST_TURNS, positive
from .wrappers import Wrapper

__all__ = [
    "SpectralNormalization",
]


class SpectralNormalization(Wrapper):
    """A layer whose `kernel` or `embeddings` is divided by its largest singular value.

    Inputs and outputs are those of `layer`. In training each call takes
    `power_iterations` steps towards the singular vectors, keeps one of them in the
    weight `vector_u` [1, n], and stores the weights divided; otherwise the weights are
    used as they are. Weights that are all zero stay. Raises T0204 for a layer with
    neither. Source: Miyato et al. 2018.

    >>> import numpy as np
    >>> from .core import Dense
    >>> SpectralNormalization(Dense(4))(np.ones((2, 3), "float32")).shape
    (2, 4)
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.power_iterations = positive(
            self, "power_iterations", power_iterations, MOST_TURNS
        )

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
        weight = divided(self.layer)
        if weight is None:
            raise Fault(
                "T0204",
                f"`{self.name}` divides the `kernel` or `embeddings` of a layer, and "
                f"`{self.layer.name}` ({type(self.layer).__name__}) has neither",
                argument="layer",
            )
        self.kernel = weight  # in Keras it is the wrapper's own too, and first
        self.vector_u = self.add_weight(
            (1, weight.shape[-1]),
            TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            # Gradients flow through the division, whether eagerly or compiled.
            with replacing({self.kernel: self._divide(self.kernel)}):
                found = self.layer(inputs)
        else:
            found = self.layer(inputs)
        return (
            call("cast", found, inputs.dtype) if inputs.type.dtype.is_float else found
        )

    def _divide(self, weight: Variable) -> Any:
        """The weights divided by their largest singular value, and stored like that."""
        columns = weight.shape[-1]
        matrix = call("reshape", weight, (product(weight.shape[:-1]), columns))
        right = self.vector_u
        for _ in range(self.power_iterations):
            left = unit(call("matmul", right, call("transpose", matrix)))
            right = unit(call("matmul", left, matrix))
        left, right = call("stop_gradient", left), call("stop_gradient", right)
        size = call("matmul", call("matmul", left, matrix), call("transpose", right))
        some = call("any", call("not_equal", weight, 0.0))
        size = call("where", some, size, 1.0)
        self.vector_u.assign(call("where", some, right, self.vector_u))
        found = weight / call("reshape", size, ())
        weight.assign(found)
        return found


def divided(layer: Layer) -> Variable | None:
    """The weight of a layer that is divided, once it is there."""
    found = [getattr(layer, role, None) for role in ("kernel", "embeddings")]
    return next((weight for weight in found if isinstance(weight, Variable)), None)


def unit(vector: Any) -> Any:
    """A row vector divided by its length."""
    return call("normalize", vector, axis=-1)
