"""What may stand in an expression: the operators, each an op of the registry."""

from __future__ import annotations

from typing import Any

import numpy

from .missing_attributes import OF_TENSORS, explain_missing
from .registry import OPS, call

_UFUNCS = {"absolute": "abs", "true_divide": "divide", "remainder": "mod"}


class Operand:
    """Base of nodes, tensors, symbolic tensors and variables."""

    __slots__ = ()
    __array_priority__ = 1000

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **more: Any
    ) -> Any:
        """NumPy's ufuncs on an operand are ours where we have them."""
        name = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method == "__call__" and name in OPS and not more:
            return call(name, *inputs)
        arrays = [numpy.asarray(i) if isinstance(i, Operand) else i for i in inputs]
        return getattr(ufunc, method)(*arrays, **more)

    def __add__(self, other: Any) -> Any:
        return call("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return call("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return call("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return call("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return call("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return call("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return call("divide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return call("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return call("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return call("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return call("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return call("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return call("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return call("matmul", other, self)

    def __neg__(self) -> Any:
        return call("negative", self)

    def __abs__(self) -> Any:
        return call("abs", self)

    def __lt__(self, other: Any) -> Any:
        return call("less", self, other)

    def __le__(self, other: Any) -> Any:
        return call("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return call("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return call("greater_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return call("logical_and", self, other)

    def __or__(self, other: Any) -> Any:
        return call("logical_or", self, other)

    def __xor__(self, other: Any) -> Any:
        return call("logical_xor", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __pos__(self) -> Any:
        return self

    def __invert__(self) -> Any:
        return call("logical_not", self)

    def __getitem__(self, index: Any) -> Any:
        return call("getitem", self, index)


explain_missing(Operand, OF_TENSORS)
