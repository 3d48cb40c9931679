"""`Tensor`, a value, and `SymbolicTensor`, a handle on a node.

Both carry operators and a type. An op on values runs at once; an op on any symbol
builds a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from .array_methods import ArrayMethods
from .configuration import default_float
from .device import array_module, module_of, to_numpy
from .diagnostics import (
    Diagnostic,
    Fault,
    Span,
    TensorTypeError,
    TulleError,
    caller_span,
)
from .dim import Dim
from .kinds import shown
from .node import Constant, Node, Unique
from .operand import Operand
from .registry import OPS
from .trace import current_trace
from .types import I32, DType, DTypeLike, TensorType, dtype_of
from .uncalled_layers import is_layer, not_applied

DLPACK_CUDA = 2  # the number of CUDA among DLPack's devices


class Value(ArrayMethods, Operand):
    """What tensors and symbolic tensors share."""

    __slots__ = ()

    type: TensorType

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with None for a symbolic size; `type` is the full truth."""
        return self.type.static_shape

    @property
    def dtype(self) -> str:
        """The dtype by its NumPy name, for example `float32`."""
        return self.type.dtype.name

    @property
    def ndim(self) -> int:
        return self.type.rank

    __hash__ = Operand.__hash__  # where `__eq__` is, Python makes none

    def __eq__(self, other: object) -> Any:
        return OPS["equal"](self, other)

    def __ne__(self, other: object) -> Any:
        return OPS["not_equal"](self, other)

    def __array_function__(
        self, function: Any, types: Any, args: Any, kwargs: Any
    ) -> Any:
        """NumPy's functions see NumPy's arrays, whatever methods a tensor has."""
        return function(*_as_arrays(args), **_as_arrays(kwargs))

    def astype(self, dtype: DTypeLike) -> Any:
        """The elements converted to another dtype; `ops.cast` by NumPy's name."""
        return OPS["cast"](self, dtype)

    def __len__(self) -> int:
        if not self.type.shape:
            raise TypeError("a scalar tensor has no length")
        size = self.type.shape[0].value
        if size is None:
            raise TensorTypeError(
                Diagnostic(
                    "T0503",
                    "a symbolic size is no length before the model runs",
                    caller_span(),
                    label=f"{self.type} here",
                    help=("`ops.scan` and `ops.map` go along the first axis",),
                )
            )
        return size

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))


def _as_arrays(nest: Any) -> Any:
    """A nest of arguments with NumPy arrays for tensors."""
    if isinstance(nest, Value):
        return np.asarray(nest)
    if isinstance(nest, dict):
        return {key: _as_arrays(item) for key, item in nest.items()}
    if isinstance(nest, (list, tuple)) and not hasattr(nest, "_fields"):
        return type(nest)(map(_as_arrays, nest))
    return nest


@lru_cache(4096)
def array_type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> TensorType:
    """The type of an array."""
    return TensorType(dtype_of(dtype), tuple(map(Dim.of, shape)))


class Tensor(Value):
    """A value: a NumPy or CuPy array with its type."""

    __slots__ = ("array", "type", "mark", "_keras_mask", "__weakref__")

    def __init__(self, array: Any):
        # A number of NumPy's has no memory that a program could read.
        self.array: Any = np.asarray(array) if isinstance(array, np.generic) else array
        self.mark: Any = None  # what stands for it on tapes
        try:
            self.type = array_type(array.dtype, array.shape)
        except (AttributeError, TypeError, Fault):
            raise NoTensorError.of_value(array) from None
        self._keras_mask: Any = None

    @property
    def node(self) -> Node | None:
        """What a tape saw it come from; None if no tape did."""
        return None if self.mark is None else self.mark.node

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a NumPy array."""
        return to_numpy(self.array)

    def as_node(self) -> Node:
        """The value as a constant of a graph."""
        return constant_node(to_numpy(self.array))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = to_numpy(self.array)
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        found: tuple[int, int] = self.array.__dlpack_device__()
        return found

    def __contains__(self, element: Any) -> bool:
        return bool(np.any(self.numpy() == np.asarray(element)))

    def __copy__(self) -> Tensor:
        return self._with(self.array)

    def __deepcopy__(self, known: Any) -> Tensor:
        return self._with(self.array.copy())

    def __reduce__(self) -> Any:
        """What is unpickled is a value that no tape knows."""
        return Tensor, (self.array,), (None, {"_keras_mask": self._keras_mask})

    def _with(self, array: Any) -> Tensor:
        """The same value on the same tapes, in another array."""
        made = Tensor(array)
        made.mark, made._keras_mask = self.mark, self._keras_mask
        return made

    def item(self) -> Any:
        """The only element as a Python number."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """The elements as Python numbers, in lists of lists."""
        return self.numpy().tolist()

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self.array.size)

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        if not self.type.rank:
            return f"<Tensor {self.type}: {np.asarray(self.numpy())}>"
        return f"<Tensor {self.type}>\n{self.numpy()}"


def apart(value: Any, operands: Sequence[Any]) -> Any:
    """What an op gave, in memory that later assignments to variables leave alone."""
    homed = [o.array for o in operands if getattr(o, "homed", False)]
    if not homed:
        return value
    if isinstance(value, (tuple, list)):
        return type(value)([apart(item, operands) for item in value])
    owners = [_owner(array) for array in homed]
    shared = any(_owner(value.array) is owner for owner in owners)
    return Tensor(value.array.copy()) if shared else value


def _owner(array: Any) -> Any:
    """The array whose memory an array is in."""
    return array if array.base is None else array.base


class SymbolicTensor(Value):
    """A handle on a node, with what Keras lets a tensor carry.

    A shape in place of the node makes a symbol of its own.

    >>> SymbolicTensor((None, 3), dtype="int32").shape
    (None, 3)
    """

    __slots__ = ("node", "type", "_keras_mask", "__weakref__")

    def __init__(self, node: Any, dtype: DTypeLike | None = None, name: Any = None):
        if isinstance(node, (tuple, list)):  # a shape, as Keras makes a `KerasTensor`
            from .network import Input

            first = ["batch" if size is None else size for size in node[:1]]
            node = Input(None, None, dtype, (*first, *node[1:]), name).node
        if not isinstance(node, Node):
            fault = Fault("T0204", f"`shape` is a tuple of sizes, not {shown(node)}")
            raise TensorTypeError.of(fault, caller_span())
        self.node: Node = node
        self.type = node.tensor_type
        self._keras_mask: Any = None

    @property
    def name(self) -> str | None:
        return self.node.name

    def as_node(self) -> Node:
        return self.node

    def _refuse(self, wanted: str, instead: str) -> NoReturn:
        raise TensorTypeError(
            Diagnostic(
                "T0503",
                f"a symbolic tensor has no {wanted} before the model runs",
                caller_span(),
                label=f"{self.type} here",
                help=(instead,),
            )
        )

    def __deepcopy__(self, known: dict[int, Any]) -> SymbolicTensor:
        """Itself within a trace; else with copies of the variables that it reads."""
        if current_trace() is not None:
            return self
        copied = SymbolicTensor(deepcopy(self.node, known))
        copied._keras_mask = deepcopy(self._keras_mask, known)
        return copied

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it always refuses
        self._refuse("truth value", "use `ops.where`, or decide on static values")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse("values", "use ops from `tulle.ops` in place of NumPy's")

    def numpy(self) -> NoReturn:
        """Refused: there are no values yet."""
        self._refuse("values", "use ops from `tulle.ops` in place of NumPy's")

    def __contains__(self, element: Any) -> bool:
        self._refuse("elements to look through", "use `ops.any(x == element)`")

    def __float__(self) -> float:
        self._refuse("number", "keep it a tensor")

    __int__ = __float__

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"<SymbolicTensor{name}: {self.type}>"


KerasTensor = SymbolicTensor


def constant_node(array: Any) -> Node:
    """The constant node of a NumPy array."""
    constant = Constant(np.asarray(array))
    return OPS["constant"].apply((), {"value": constant})


def input_node(name: str, type: TensorType, span: Span | None = None) -> Node:
    """A fresh input of a graph."""
    node = OPS["input"].apply((), {"symbol": Unique(name), "type": type}, name=name)
    object.__setattr__(node, "span", span)
    return node


def literal(value: bool | int | float, like: TensorType) -> Node:
    """A number as a scalar constant of another tensor's dtype."""
    return constant_node(held(value, like.dtype))


def held(value: bool | int | float, dtype: DType) -> np.ndarray[Any, Any]:
    """A number in a dtype; refuses one that the dtype cannot hold."""
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(value, dtype.numpy)
        fits = not np.isfinite(value) or bool(np.isfinite(array))
    except (OverflowError, ValueError):  # NumPy's words for infinity, and for NaN
        fits = False
    if not fits:
        raise Fault(
            "T0404",
            f"{value} is out of the range of {dtype}",
            help=["write a smaller number, or compute in a wider dtype"],
        )
    return array


def convert_to_tensor(
    x: Any,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
) -> Any:
    """A tensor of a value: Python numbers become int32 and `floatx`.

    Tensors and symbolic tensors pass through, cast if another dtype is asked for.
    Arrays of other libraries come in through DLPack or `__array__`, where they lie if
    that device is in force. All tensors are dense: `sparse` and `ragged` are Keras's.

    >>> convert_to_tensor([[5, 2], [1, 3]]).dtype
    'int32'
    """
    if dtype is not None and dtype.__class__ is not DType:
        try:
            dtype = dtype_of(dtype)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
    if isinstance(x, Operand):
        if isinstance(x, Value):
            found: Any = x
        elif isinstance(x, Node):
            found = SymbolicTensor(x)
        else:
            found = x.value  # type: ignore[attr-defined]
        if dtype is None or found.type.dtype == dtype:
            return found
        return OPS["cast"](found, dtype)
    if _holds_operands(x):
        found = OPS["stack"]([convert_to_tensor(item) for item in x])
        return found if dtype is None else convert_to_tensor(found, dtype)
    array = x if module_of(x) is not np else _as_array(x)
    xp = array_module() if module_of(array) is np else module_of(array)
    if isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic)):
        kind = dtype or ("int32" if isinstance(x, int) else default_float())
        try:
            return Tensor(xp.asarray(held(x, dtype_of(kind))))
        except Fault as fault:
            error = NoTensorError.of(fault, caller_span())
            error.value = x
            raise error from None
    if dtype is not None:
        return Tensor(xp.asarray(array, dtype_of(dtype).numpy))
    native = isinstance(x, (bool, int, float, list, tuple))
    if native and not isinstance(x, np.generic) and array.dtype.kind in "if":
        wanted = default_float() if array.dtype.kind == "f" else I32
        array = array.astype(wanted.numpy)
    return Tensor(xp.asarray(array))


def _holds_operands(value: Any) -> bool:
    """Whether a nested list has a tensor somewhere."""
    try:
        return _among(value)
    except RecursionError:  # a list that holds itself
        raise NoTensorError.of_value(value) from None


def _among(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(
        isinstance(item, Operand) or _among(item) for item in value
    )


def _as_array(value: Any) -> Any:
    """A NumPy array, or a CuPy array of what lies on a GPU; of the machine's order."""
    try:
        array = _taken_over(value)
    except TulleError:
        raise
    except UNREADABLE as error:
        raise NoTensorError.of_value(value, error) from None
    if module_of(array) is not np:
        return array
    if array.dtype.kind == "O":
        layer = next(filter(is_layer, array.flat), None)
        if layer is not None:
            raise TensorTypeError.of(not_applied(layer), caller_span())
    if array.dtype.kind not in "buif" and array.dtype.name != "bfloat16":
        raise NoTensorError.of_value(value)
    try:
        dtype_of(array.dtype)
    except Fault:  # of NumPy's long doubles
        raise NoTensorError.of_value(value) from None
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


# What NumPy, and what other libraries' arrays raise that do not let it read them.
UNREADABLE = (TypeError, ValueError, OverflowError, BufferError, RuntimeError)


def _taken_over(value: Any) -> Any:
    if hasattr(value, "__dlpack_device__") and not isinstance(value, np.ndarray):
        on_gpu = value.__dlpack_device__()[0] == DLPACK_CUDA
        try:
            return array_module("gpu:0" if on_gpu else "cpu").from_dlpack(value)
        except (BufferError, RuntimeError):  # a dtype, say, that DLPack has no word for
            if on_gpu:
                raise
    return np.asarray(value)


class NoTensorError(TensorTypeError):
    """A value that no tensor can be made of; ops say which of their arguments it is."""

    value: Any = None

    @classmethod
    def of_value(cls, value: Any, reason: Exception | None = None) -> NoTensorError:
        """The error of what holds no numbers, or of what does not give them."""
        kept = isinstance(reason, (BufferError, RuntimeError))
        error = cls(
            Diagnostic(
                "T0401",
                f"a tensor holds numbers, and this is {shown(value)}",
                caller_span(),
                notes=(f"it does not give its numbers: {reason}",) if kept else (),
                help=("give numbers, or lists of numbers of equal lengths",),
            )
        )
        error.value = value
        return error

    def tell_argument(self, op: str, given: Mapping[str, Any]) -> None:
        """Name the argument of an op that the value stands in, if it is one."""
        for name, value in given.items():
            items = value if isinstance(value, (list, tuple)) else ()
            if any(one is self.value for one in (value, *items)):
                first, *others = self.diagnostics
                told = f"`{name}` of `{op}`"
                if first.code == "T0401":
                    message = f"{told} holds numbers, and this is {shown(self.value)}"
                else:
                    rest = first.message.rpartition("out of ")[2]
                    message = f"{told} is {shown(self.value)}, out of {rest}"
                self.diagnostics = (replace(first, message=message), *others)
                return


def constant(
    value: Any, dtype: DTypeLike | None = None, shape: Sequence[int] | None = None
) -> Any:
    """A tensor of fixed values; a single number fills `shape`, others take it.

    >>> constant(1.0, shape=(2, 2)).numpy().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    return OPS["broadcast_to" if tensor.ndim == 0 else "reshape"](tensor, shape)


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """The value as a NumPy array."""
    if isinstance(x, Operand) or _holds_operands(x):
        return np.asarray(convert_to_tensor(x).numpy())
    return to_numpy(_as_array(x))
