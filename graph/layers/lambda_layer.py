"""A function of the user's as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..operand import Operand
from .formats import shape_text

__all__ = [
    "Lambda",
]


class Lambda(Layer):
    """A function as a layer: `function(inputs, **arguments)`.

    A function with an argument `training` or `mask` gets these too. `mask` makes the
    mask of the output: a function of inputs and mask, or the mask itself.
    `output_shape`, without the batch axis or a function of the input's shape, is
    compared with what comes out, T0509. Weights that the function uses are not the
    layer's: write a `Layer` for those. A model with a lambda cannot be saved, T0709,
    since a file holds no code; one with a function that has a name can.

    >>> import numpy as np
    >>> layer = Lambda(lambda x, factor: x * factor, arguments={"factor": 2.0})
    >>> layer(np.array([3.0])).numpy().tolist()
    [6.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise Fault(
                "T0204",
                f"`function` of `Lambda` is a function, not {function!r}",
                argument="function",
            )
        self.function, self.output_shape = function, output_shape
        self.mask, self.arguments = mask, dict(arguments or {})
        self.supports_masking = mask is not None

    @property
    def foreign(self) -> bool:
        return True

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        offered = {"mask": mask, "training": training}
        taken = _parameters(self.function)
        extra = {name: value for name, value in offered.items() if name in taken}
        result = self.function(inputs, **self.arguments, **extra)
        self._compare(inputs, result)
        return result

    def _compare(self, inputs: Any, result: Any) -> None:
        """Refuse a result of another shape than `output_shape` says."""
        both = isinstance(inputs, Operand) and isinstance(result, Operand)
        if self.output_shape is None or not both:
            return
        found: tuple[Any, ...] = result.shape
        if callable(self.output_shape):
            wanted = tuple(self.output_shape(inputs.shape))
        else:
            wanted = (None, *self.output_shape)
        pairs = zip(found, wanted, strict=False)
        known = [(n, m) for n, m in pairs if n is not None and m is not None]
        same = len(found) == len(wanted) and all(n == m for n, m in known)
        if not same:
            raise Fault(
                "T0509",
                f"the function of `{self.name}` gives a tensor of shape "
                f"{shape_text(found)}, and `output_shape` says {shape_text(wanted)}",
                argument="output_shape",
                help=["leave `output_shape` out: the shape follows from the function"],
            )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """What `mask` says: a function's result, the mask given, or none."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask


def _parameters(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return inspect.signature(function).parameters
    except ValueError:  # some functions written in C have none
        return {}
