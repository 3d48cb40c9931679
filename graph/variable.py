"""`Variable`, state with a lazy first value, and the seeds of random numbers."""

from __future__ import annotations

import secrets
from math import prod
from typing import Any

import numpy as np

from .autocasting import autocast_dtype, autocasting
from .calling import held_to_signature, told_with
from .configuration import default_float
from .device import array_module, module_of, moved, to_numpy
from .diagnostics import (
    DataError,
    Diagnostic,
    Fault,
    TensorTypeError,
    caller_span,
)
from .dim import Dim, DimLike, Origin
from .initializers import Initializer
from .initializers import get as get_initializer
from .kinds import CALLS, plain_scalar, shown
from .node import Node
from .operand import Operand
from .recording import forget, noted, recording
from .registry import OPS
from .remembered import VALUES
from .tensor import SymbolicTensor, Tensor, Value, convert_to_tensor
from .trace import current_trace
from .types import DType, DTypeLike, TensorType, dtype_of
from .variable_substitution import replacements


class SeedGenerator:
    """A counter-based stream of random keys: seed and number of draws so far.

    The same seed and count give the same numbers on every device, eager or compiled.
    """

    def __init__(self, seed: int | None = None, name: str = "seed_generator"):
        self.seed = new_seed() if seed is None else _checked_seed(seed)
        self.count = 0
        self.name = name

    def get_config(self) -> dict[str, Any]:
        """The seed, for JSON; what has been drawn is not part of it.

        >>> SeedGenerator(7).get_config()
        {'name': 'seed_generator', 'seed': 7}
        """
        return {"name": self.name, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator of the seed that `get_config` told, at its beginning.

        >>> SeedGenerator.from_config({"seed": 7}).seed
        7
        """
        return cls(**config)

    def next(self) -> np.ndarray[Any, Any]:
        """The next key as u32[4]: seed and count, low word first."""
        key = self.key(0)
        self.count += 1
        return key

    def key(self, draw: int) -> np.ndarray[Any, Any]:
        """The key of a draw counted from now."""
        count = self.count + draw
        words = (self.seed, self.seed >> 32, count, count >> 32)
        return np.array([word & 0xFFFFFFFF for word in words], np.uint32)


def _checked_seed(seed: Any) -> int:
    plain = plain_scalar(seed)
    whole = isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())
    if whole and not isinstance(plain, bool):
        return int(plain)
    words = f"`seed` is a whole number or None, not {shown(seed)}"
    raise TensorTypeError.of(Fault("T0204", words, argument="seed"), caller_span())


class _Global:
    """The process-wide seed: where seeds that nobody gave come from."""

    seed = secrets.randbits(63)
    drawn = 0
    times = 0  # that somebody set it


@told_with(CALLS)
def set_random_seed(seed: int) -> None:
    """Make everything random from here on repeat for the same seed.

    >>> set_random_seed(7)
    """
    _Global.seed, _Global.drawn = seed, 0
    _Global.times += 1
    DEFAULT_GENERATOR.seed, DEFAULT_GENERATOR.count = seed, 0


def times_seeded() -> int:
    """How often `set_random_seed` was called: what began before began otherwise."""
    return _Global.times


MOST_ELEMENTS = 2**40
_MASK = 0xFFFFFFFFFFFFFFFF


def new_seed() -> int:
    """A seed of 63 bits, the next one after `set_random_seed` (SplitMix64)."""
    _Global.drawn += 1
    word = (_Global.seed + _Global.drawn * 0x9E3779B97F4A7C15) & _MASK
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _MASK
    return (word ^ (word >> 31)) >> 1


DEFAULT_GENERATOR = SeedGenerator(name="default")
AGGREGATIONS = ("none", "mean", "sum", "only_first_replica")


def _aggregation(value: Any) -> str:
    """How Keras joins copies of a variable, one of a few words."""
    if value is None:
        return "none"
    if isinstance(value, str) and value in AGGREGATIONS:
        return value
    words = ", ".join(f"`{word}`" for word in AGGREGATIONS)
    told = f"`aggregation` is None or one of {words}, not {shown(value)}"
    raise TensorTypeError.of(Fault("T0204", told), caller_span())


class Variable(Operand):
    """State of a model: a value that can be assigned, made when first needed.

    `initializer` is an array, a name, or a callable of shape and dtype; the last two
    need `shape`. Sizes must be numbers. `aggregation` is Keras's and changes nothing: a
    variable has one copy.

    >>> v = Variable([[1.0, 2.0]])
    >>> v.assign_add([[1.0, 1.0]]).numpy().tolist()
    [[2.0, 3.0]]
    """

    moves = 0  # how often any variable went to another array; programs look at it
    writes = 0  # how often one whose value is kept elsewhere was written
    arena: Any = None  # the backend's home of trained variables
    casts: Any = None  # what programs keep of the value, by dtype
    watched = False  # whether they do
    watching = False  # whether they do so for any variable
    shared = False  # whether others may write into the array

    def __init__(
        self,
        initializer: Any,
        shape: tuple[DimLike, ...] | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        name: str | None = None,
        regularizer: Any = None,
        constraint: Any = None,
    ):
        self.aggregation = _aggregation(aggregation)
        self.name, self.autocast = name or "variable", autocast
        self.path = self.name
        self.trainable = self.made_trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.initializer: Initializer | None = None
        self._array: Any = None
        self._homed = False
        if isinstance(initializer, str) or callable(initializer):
            if shape is None:
                diagnostic = Diagnostic(
                    "T0203",
                    "a variable that an initializer makes needs a `shape`",
                    caller_span(),
                    help=('`Variable("zeros", shape=(3,))`',),
                )
                raise TensorTypeError(diagnostic)
            sizes = tuple(map(self._told, shape))
            kind = default_float() if dtype is None else dtype_of(dtype)
            self.kept = TensorType(kind, sizes)
            self._check_sizes()
            self.initializer = get_initializer(initializer)
            self._seed = new_seed()
        else:
            tensor: Tensor = convert_to_tensor(initializer, dtype)
            self.kept = tensor.type
            self._array = tensor.array.copy()
        self.node: Node = OPS["variable"].apply(
            (), {"variable": self, "type": self.kept}, name=self.name
        )

    @property
    def seen_as(self) -> DType | None:
        """The other dtype that a layer under way reads this variable in, if any."""
        dtype = autocast_dtype()
        if dtype is None or not self.autocast or not self.kept.dtype.is_float:
            return None
        return None if dtype == self.kept.dtype else dtype

    def read(self) -> Any:
        """What an op computes on: the variable, what stands for it, or it cast."""
        return self._seen((replacements() or {}).get(self, self))

    def _seen(self, found: Any) -> Any:
        """A value, in the dtype that this variable is read in."""
        dtype = self.seen_as
        if dtype is None:
            return found
        with autocasting(None):
            return OPS["cast"](found, dtype.name)

    @property
    def type(self) -> TensorType:
        """The type as it is read: within a layer, of the layer's compute dtype."""
        dtype = self.seen_as
        return self.kept if dtype is None else self.kept.with_dtype(dtype)

    def _told(self, size: DimLike) -> Dim:
        """A size that knows which variable's it is."""
        dim = Dim.of(size)
        if dim.origin is not None or dim.value is None:
            return dim
        text = f"{dim} is in the shape of `{self.name}`"
        return dim.born(Origin(text, caller_span()))

    def _check_sizes(self) -> None:
        symbolic = [dim for dim in self.kept.shape if dim.value is None]
        if symbolic:
            raise TensorTypeError(
                Diagnostic(
                    "T0306",
                    f"a weight needs sizes that are numbers, and `{symbolic[0]}` is "
                    f"symbolic in {self.kept}",
                    caller_span(),
                    help=("give the input's last axis a number",),
                )
            )

        elements = self.kept.size.value or 0
        if elements > MOST_ELEMENTS:
            raise TensorTypeError(
                Diagnostic(
                    "T0907",
                    f"`{self.name}` would have {elements} elements, {self.kept}",
                    caller_span(),
                    help=(f"a weight has at most {MOST_ELEMENTS}: take smaller sizes",),
                )
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size for dim in self.kept.shape if (size := dim.value) is not None)

    @property
    def dtype(self) -> str:
        return self.type.dtype.name

    @property
    def ndim(self) -> int:
        return self.kept.rank

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def array(self) -> Any:
        """The array that holds the value; made by the initializer when first read."""
        if self._array is None:
            assert self.initializer is not None
            value = self.initializer.values(self.shape, self.kept.dtype, self._seed)
            self._array = array_module().asarray(value)
        return self._array

    def rehome(self, array: Any) -> None:
        """Keep the value in another array from now on, an arena's view for example."""
        array[...] = moved(self.array, module_of(array))
        self._array, self._homed = array, True
        Variable.moves += 1

    @property
    def homed(self) -> bool:
        """Whether assignments write into the array instead of replacing it."""
        return self._homed

    def snapshot(self) -> Tensor:
        """The value as a tensor that later assignments leave alone."""
        return Tensor(self.array.copy() if self._homed else self.array)

    @property
    def value(self) -> Value:
        """A snapshot of the value, or a symbol inside a trace."""
        found: Value = self._seen(self._own_value())
        return found

    def _own_value(self) -> Any:
        given = (replacements() or {}).get(self)
        if given is not None:
            return given
        trace = current_trace()
        if trace is not None:
            return SymbolicTensor(noted(self, trace.read(self)))
        if recording():  # the tapes see that this value is the variable's
            with autocasting(None):
                return OPS["isolate"](self)
        return Tensor(self.array.copy())

    def as_node(self) -> Node:
        node: Node = self._seen(self._own_node())
        return node

    def _own_node(self) -> Node:
        given = (replacements() or {}).get(self)
        if given is not None:
            node: Node = given.as_node()
            return node
        trace = current_trace()
        return self.node if trace is None else noted(self, trace.read(self))

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy of the value as a NumPy array."""
        return np.array(to_numpy(self.array))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            self._share()
        return Tensor(self.array).__array__(dtype, copy=copy is not False)

    @held_to_signature
    def assign(self, value: Any) -> Variable:
        """Replace the value; inside a trace, when the compiled program runs.

        Raises `DataError` if the shape differs.
        """
        trace = current_trace()
        tensor = convert_to_tensor(value, self.kept.dtype)
        if tensor.type.shape != self.kept.shape:
            raise DataError(
                Diagnostic(
                    "T0701",
                    f"`{self.path}` is {self.kept} and cannot take {tensor.type}",
                    caller_span(),
                )
            )
        given = replacements()
        if given is not None and self in given:
            given[self] = tensor
        elif trace is not None:
            trace.updates[self] = tensor.as_node()
        else:
            self._put(tensor.array)
        return self

    def _put(self, array: Any) -> None:
        """Take a value; an arena's view is written into, else the array is replaced."""
        xp = module_of(self.array)
        if self._homed:
            self.array[...] = moved(array, xp)
        else:
            self._array = xp.array(moved(array, xp))
        self.written()
        forget(self)

    def written(self) -> None:
        """Let programs know that what they keep of the value is no longer true."""
        if self.watched:
            Variable.writes += 1

    def _share(self) -> None:
        self.shared = True
        self.written()

    @held_to_signature
    def assign_add(self, value: Any) -> Variable:
        """Add to the value."""
        return self.assign(self + value)

    @held_to_signature
    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value."""
        return self.assign(self - value)

    def astype(self, dtype: DTypeLike) -> Any:
        """The value converted to another dtype, as a tensor."""
        return OPS["cast"](self, dtype)

    def __eq__(self, other: object) -> Any:
        """By identity among variables, so that lists of them can be searched; element
        by element with anything else."""
        if isinstance(other, Variable) or other is None or isinstance(other, str):
            return self is other
        return OPS["equal"](self, other)

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Variable) or other is None or isinstance(other, str):
            return self is not other
        return OPS["not_equal"](self, other)

    __hash__ = Operand.__hash__  # where `__eq__` is, Python makes none

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar variable has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __contains__(self, element: Any) -> bool:
        return element in self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)  # type: ignore[call-overload, no-any-return]

    def __float__(self) -> float:
        return float(self.value)  # type: ignore[arg-type]

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __dlpack__(self, **options: Any) -> Any:
        self._share()
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        found: tuple[int, int] = self.array.__dlpack_device__()
        return found

    def __reduce__(self) -> Any:
        """A copy, and what is unpickled, is a variable of the same value and names."""
        state = {key: v for key, v in vars(self).items() if key not in MADE_ANEW}
        values = self.numpy(), self.kept.dtype.name, self.name
        return _made_again, (type(self), *values), state

    def __repr__(self) -> str:
        return f"<Variable {self.path}: {self.kept}>"


# Attributes of a variable that each copy makes for itself.
MADE_ANEW = frozenset(
    "kept initializer node casts watched shared _array _homed _seed".split()
)


def _made_again(kind: type[Variable], value: Any, dtype: str, name: str) -> Variable:
    found = kind.__new__(kind)
    Variable.__init__(found, value, None, dtype, name=name)
    return found


VALUES[Variable] = True
