"""What arrays can be asked themselves: `x.max()`, `x.T`, `x.reshape(2, 3)`.

Each is the op of its name; NumPy, JAX and PyTorch have these, and so scripts use them.
"""

from __future__ import annotations

from typing import Any

from .registry import call


class ArrayMethods:
    """The methods of arrays, for tensors and symbolic tensors."""

    __slots__ = ()

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest element, along axes or of all."""
        return call("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest element."""
        return call("min", self, axis=axis, keepdims=keepdims)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum of the elements."""
        return call("sum", self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The product of the elements."""
        return call("prod", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean of the elements."""
        return call("mean", self, axis=axis, keepdims=keepdims)

    def std(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The standard deviation, by n as NumPy's."""
        return call("std", self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The variance, by n as NumPy's."""
        return call("var", self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether all elements are true."""
        return call("all", self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether any element is true."""
        return call("any", self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The place of the largest element."""
        return call("argmax", self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The place of the smallest element."""
        return call("argmin", self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """The elements under another shape, given as one or as sizes."""
        return call("reshape", self, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Any:
        """The elements in one row."""
        return call("reshape", self, (-1,))

    def squeeze(self, axis: Any = None) -> Any:
        """The tensor without axes of size 1."""
        return call("squeeze", self, axis=axis)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, given as one or as numbers; reversed for none."""
        order = axes[0] if len(axes) == 1 else axes or None
        return call("transpose", self, axes=order)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse."""
        return call("transpose", self)

    def clip(self, min: Any, max: Any) -> Any:
        """The elements cut to what lies between two bounds."""
        return call("clip", self, min, max)

    def round(self, decimals: int = 0) -> Any:
        """The elements rounded to so many places."""
        return call("round", self, decimals)
