"""Layers that put several tensors together."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
]


class Merge(Layer):
    """The base of layers that fold a list of tensors, element by element.

    A tensor of lower rank gets axes of size 1 after its batch axis.
    """

    op = ""
    least = 1
    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where one of the masks is."""
        masks = [m for m in previous_mask or () if m is not None]
        return reduce(lambda a, b: call("logical_or", a, b), masks) if masks else None

    def call(self, inputs: Any) -> Any:
        tensors = several(self, inputs, self.least)
        rank = max(tensor.ndim for tensor in tensors)
        return self.merge([_widened(tensor, rank) for tensor in tensors])

    def merge(self, tensors: list[Any]) -> Any:
        """The fold of tensors of one rank."""
        return reduce(lambda left, right: call(self.op, left, right), tensors)


def several(layer: Layer, inputs: Any, least: int) -> list[Any]:
    """The tensors of a list; refuses anything else."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        given = len(inputs) if isinstance(inputs, (list, tuple)) else "a tensor"
        raise Fault(
            "T0203",
            f"`{layer.name}` takes a list of at least {least} tensors and got {given}",
            help=[f"write `{type(layer).__name__}()([x, y])`"],
        )
    return list(inputs)


def _widened(tensor: Any, rank: int) -> Any:
    while tensor.ndim < rank:
        tensor = call("expand_dims", tensor, min(1, tensor.ndim))
    return tensor


class Add(Merge):
    """The sum of a list of tensors; sizes broadcast.

    >>> import numpy as np
    >>> pair = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    >>> Add()(pair).numpy().tolist()
    [4.0, 6.0]
    """

    op = "add"


class Subtract(Merge):
    """The first of two tensors minus the second.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Subtract()(pair).numpy().tolist()
    [2.0]
    """

    op = "subtract"
    least = 2

    def merge(self, tensors: list[Any]) -> Any:
        if len(tensors) > 2:
            raise Fault(
                "T0203", f"`{self.name}` takes two tensors and got {len(tensors)}"
            )
        return super().merge(tensors)


class Multiply(Merge):
    """The product of a list of tensors; sizes broadcast.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([2.0])]
    >>> Multiply()(pair).numpy().tolist()
    [6.0]
    """

    op = "multiply"


class Average(Merge):
    """The mean of a list of tensors; sizes broadcast.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Average()(pair).numpy().tolist()
    [2.0]
    """

    op = "add"

    def merge(self, tensors: list[Any]) -> Any:
        return super().merge(tensors) / float(len(tensors))


class Maximum(Merge):
    """The largest of a list of tensors, element by element.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Maximum()(pair).numpy().tolist()
    [3.0]
    """

    op = "maximum"


class Minimum(Merge):
    """The smallest of a list of tensors, element by element.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Minimum()(pair).numpy().tolist()
    [1.0]
    """

    op = "minimum"


class Concatenate(Layer):
    """A list of tensors joined along `axis`; the other axes are equal.

    >>> import numpy as np
    >>> pair = [np.array([1.0]), np.array([2.0])]
    >>> Concatenate()(pair).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return call("concatenate", several(self, inputs, 1), axis=self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks joined along `axis`, true where there is none."""
        if previous_mask is None or all(mask is None for mask in previous_mask):
            return None
        pairs = zip(inputs, previous_mask, strict=True)
        masks = [_full_mask(x, mask) for x, mask in pairs]
        return call("any", call("concatenate", masks, axis=self.axis), axis=-1)


def _full_mask(x: Any, mask: Any) -> Any:
    """A mask with the shape of its tensor."""
    if mask is None:
        return call("ones_like", x, dtype="bool")
    while mask.ndim < x.ndim:
        mask = call("expand_dims", mask, -1)
    return call("broadcast_to", mask, x.type.shape)
