"""`function`: a Python function traced once for a signature of types, then compiled.

Gradients, optimizer updates, assignments, added losses, metrics and random draws in
the function become effects of one program. Numbers and other plain arguments are part
of the signature; a size that changes between calls becomes symbolic, so it costs one
more trace and then none.
"""

from __future__ import annotations

import array
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np

from ..graph import tree
from ..graph.calling import told
from ..graph.cyclic_nests import fields_of, is_record, refuses_cyclic_nests
from ..graph.device import current_device
from ..graph.diagnostics import Fault, TensorTypeError, TulleError, caller_span
from ..graph.dim import Dim, Symbol
from ..graph.graph import Graph
from ..graph.kinds import shown
from ..graph.layer_state import LayerState
from ..graph.operand import Operand
from ..graph.recording import recording
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from ..graph.trace import Trace, current_trace, tracing
from ..graph.types import DType, TensorType
from ..graph.watching import ByIdentity
from . import compile_graph
from .program import Program

Shapes: TypeAlias = "tuple[tuple[int, ...], ...]"
Pattern: TypeAlias = "tuple[tuple[int | str, ...], ...]"

FAMILIES = 256  # arrangements of arguments for which traces are kept
TRACES = 32  # kept for one arrangement
PLAIN = {bool, int, float, str, bytes, type(None)}  # kinds that are told apart by value


@dataclass
class Traced:
    """A program with the arrangement of its results."""

    program: Program
    structure: Any
    names: tuple[str, ...]

    def __call__(self, arrays: Sequence[Any]) -> Any:
        found = self.program(arrays)
        if self.structure is tree.LEAF:
            return Tensor(found[self.names[0]])
        return tree.unflatten(self.structure, (Tensor(found[n]) for n in self.names))


@dataclass
class Family:
    """The traces of one arrangement of arguments, by the sizes they were made for."""

    traces: dict[Pattern, Traced]
    seen: list[Shapes]

    def fitting(self, shapes: Shapes) -> Traced | None:
        """A trace that takes these shapes."""
        exact = self.traces.get(shapes)
        if exact is not None:
            return exact
        return next((t for p, t in self.traces.items() if fits(p, shapes)), None)

    def pattern(self, shapes: Shapes) -> Pattern:
        """The shapes, with a name for each size that was another one before.

        Sizes that have always been equal have the same name.
        """
        ranks = [len(shape) for shape in shapes]
        seen = [s for s in self.seen if [len(shape) for shape in s] == ranks]
        names: dict[tuple[int, ...], str] = {}

        def place(index: int, axis: int) -> int | str:
            history = tuple(s[index][axis] for s in (*seen, shapes))
            if len(set(history)) == 1 or not history[-1]:
                return history[-1]
            return names.setdefault(history, f"size{len(names)}")

        return tuple(
            tuple(place(index, axis) for axis in range(rank))
            for index, rank in enumerate(ranks)
        )

    def keep(self, pattern: Pattern, shapes: Shapes, traced: Traced) -> None:
        """Remember a trace; the oldest goes when there are many."""
        if len(self.traces) >= TRACES:
            del self.traces[next(iter(self.traces))]
        self.traces[pattern] = traced
        self.seen = [*self.seen[1 - TRACES :], shapes]


def fits(pattern: Pattern, shapes: Shapes) -> bool:
    """Whether shapes have the fixed sizes, and equal ones where names are equal."""
    found: dict[str, int] = {}
    return all(
        len(sizes) == len(shape)
        and all(
            # An empty axis is not among the sizes that a symbol stands for.
            (size > 0 and found.setdefault(wanted, size) == size)
            if isinstance(wanted, str)
            else wanted == size
            for wanted, size in zip(sizes, shape, strict=True)
        )
        for sizes, shape in zip(pattern, shapes, strict=True)
    )


def _checked_signature(given: Any) -> Any:
    """The argument `input_signature`: None, or symbolic tensors in a list."""
    listed = isinstance(given, (list, tuple))
    if given is None or (listed and all(isinstance(s, SymbolicTensor) for s in given)):
        return given
    fault = Fault(
        "T0204",
        f"`input_signature` is a list of tensors from `Input`, not {shown(given)}",
        help=['`input_signature=[Input((3,), name="x")]` takes any number of rows'],
    )
    raise TensorTypeError.of(fault, caller_span())


class _OfInstance(dict["Function", "Function"]):
    """The functions of one instance; a copy of that has none yet."""

    def __init__(self, instance: Any = None):
        self.instance = instance

    def __reduce__(self) -> Any:
        return _OfInstance, ()


class Function:
    """A callable that traces, compiles and runs; see `function`."""

    def __init__(
        self,
        python_function: Any,
        input_signature: Sequence[SymbolicTensor] | None = None,
    ):
        if not callable(python_function):
            fault = Fault(
                "T0204", f"a function is compiled, not {shown(python_function)}"
            )
            raise TensorTypeError.of(fault, caller_span())
        self.python_function = python_function
        self.input_signature = _checked_signature(input_signature)
        self.traces = 0  # how often Python ran
        self._families: dict[Any, Family] = {}
        self._known: dict[Any, Traced] = {}  # by `_seen`
        self._lock = threading.RLock()  # for what is traced, and for families
        functools.update_wrapper(self, python_function)

    def __reduce__(self) -> Any:
        """A function of a module is found by its name; others are made anew, with
        nothing traced."""
        found: Any = sys.modules.get(self.__module__)
        name: str = self.__dict__["__qualname__"]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        return Function, (self.python_function, self.input_signature)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A function of its own for each instance, kept with the instance."""
        if instance is None:
            return self
        kept = instance.__dict__.get("_compiled_functions")
        if kept is None or kept.instance is not instance:  # that of what was copied
            kept = instance.__dict__["_compiled_functions"] = _OfInstance(instance)
        if self not in kept:
            method = functools.partial(self.python_function, instance)
            functools.update_wrapper(method, self.python_function)
            kept[self] = Function(method, self.input_signature)
        return kept[self]

    @refuses_cyclic_nests
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current_trace() is not None:
            return self.python_function(*args, **kwargs)
        if recording():
            return self._op_by_op(args, kwargs)
        arrays: list[Any] = []
        known = _seen((args, kwargs) if kwargs else args, arrays)
        if known is None or current_device() != "cpu":
            traced, arrays = self._looked_up(args, kwargs)
            if traced is None:
                return self.python_function(*args, **kwargs)
            return traced(arrays)
        found = self._known.get(known)
        if found is None:
            found, _ = self._looked_up(args, kwargs)
            assert found is not None
            if len(self._known) >= FAMILIES:
                self._known.clear()
            self._known[known] = found
        return found(arrays)

    def _op_by_op(self, args: Any, kwargs: Any) -> Any:
        """A call that a tape follows: a program's results would have no gradients."""
        leaves, structure = _split((args, kwargs))
        args, kwargs = tree.unflatten(structure, iter(leaves))
        found, arrangement = tree.flatten(self.python_function(*args, **kwargs))
        return tree.unflatten(arrangement, map(convert_to_tensor, found))

    def _looked_up(self, args: Any, kwargs: Any) -> tuple[Traced | None, list[Any]]:
        """The trace for a call, none with symbolic tensors, and the arrays in it."""
        leaves, structure = _split((args, kwargs))
        dtypes = tuple(leaf.type.dtype for leaf in leaves)
        key = (_key(structure), dtypes, current_device())
        shapes = tuple(leaf.array.shape for leaf in leaves)
        with self._lock:
            if key not in self._families:
                given = tree.flatten((args, kwargs))[0]
                if any(isinstance(item, SymbolicTensor) for item in given):
                    return None, []
                if len(self._families) >= FAMILIES:
                    del self._families[next(iter(self._families))]
            family = self._families.setdefault(key, Family({}, []))
            if self.input_signature is not None:
                traced = self._declared(family, structure, shapes)
            else:
                traced = family.fitting(shapes) or self._trace(
                    family, structure, dtypes, shapes
                )
        return traced, [leaf.array for leaf in leaves]

    @property
    def programs(self) -> list[Program]:
        """What was compiled so far, one for each signature."""
        with self._lock:
            families = self._families.values()
            return [t.program for family in families for t in family.traces.values()]

    @told
    def source(self) -> str:
        """What is compiled, as text for people: empty before the first call."""
        return "\n".join(program.source() for program in self.programs)

    def _trace(
        self, family: Family, structure: Any, dtypes: Sequence[DType], shapes: Shapes
    ) -> Traced:
        pattern = family.pattern(shapes)
        try:
            traced = self._compile(structure, _types(dtypes, pattern))
        except TulleError:
            if pattern == shapes:
                raise
            # It asks for numbers where a size changes: one trace for each size then.
            pattern = shapes
            traced = self._compile(structure, _types(dtypes, shapes))
        family.keep(pattern, shapes, traced)
        return traced

    def _declared(self, family: Family, structure: Any, shapes: Shapes) -> Traced:
        """The one trace that an input signature asks for."""
        assert self.input_signature is not None
        if len(shapes) != len(self.input_signature):
            fault = Fault(
                "T0203",
                f"`input_signature` tells of {len(self.input_signature)} tensors, and "
                f"the call gives {len(shapes)}",
            )
            raise TensorTypeError.of(fault, caller_span())
        if not family.traces:
            types = [tensor.type for tensor in self.input_signature]
            family.keep((), shapes, self._compile(structure, types))
        return family.traces[()]

    def _compile(self, structure: Any, types: Sequence[TensorType]) -> Traced:
        nodes = [input_node(f"argument_{i}", type) for i, type in enumerate(types)]
        args, kwargs = tree.unflatten(structure, map(SymbolicTensor, nodes))
        trace = Trace(forgetful=True)
        self.traces += 1
        with tracing(trace):
            result = self.python_function(*args, **kwargs)
            leaves, arrangement = tree.flatten(result)
            outputs = {f"result_{i}": leaf.as_node() for i, leaf in enumerate(leaves)}
        graph = Graph(tuple(nodes), outputs, tuple(trace.updates.items()))
        return Traced(compile_graph(graph), arrangement, tuple(outputs))


def function(
    python_function: Callable[..., Any] | None = None,
    input_signature: Sequence[SymbolicTensor] | None = None,
    jit_compile: bool | None = None,
) -> Any:
    """Compile a function of tensors: traced once for a signature, then one program.

    Tensors and arrays, of other libraries too, are inputs, also within lists, tuples,
    dictionaries and dataclasses; anything else is part of the signature. Arrays that
    another object holds are constants. What the function does besides computing
    (assigning variables, an optimizer's step, random draws) happens at every call; what
    plain Python does happens once a trace. Python may not branch on a value: use
    `ops.where`. Where a tape or `grad` follows a call from outside, the function runs
    op by op, so that its results have gradients: a tape inside, or `function` around
    the whole step, is compiled. `input_signature`, one `Input` for each tensor, fixes
    the types beforehand; `jit_compile` changes nothing, since every function is
    compiled.

    >>> @function
    ... def double(x):
    ...     return x * 2.0
    >>> double(np.ones(2, "float32")).numpy().tolist()
    [2.0, 2.0]
    """
    if python_function is None:
        return functools.partial(function, input_signature=input_signature)
    return Function(python_function, input_signature)


def _types(dtypes: Sequence[DType], pattern: Pattern) -> list[TensorType]:
    """Types with a symbol for each name in a pattern."""
    symbols: dict[str, Dim] = {}

    def size(wanted: int | str) -> Dim:
        if isinstance(wanted, int):
            return Dim.of(wanted)
        return symbols.setdefault(wanted, Dim.from_symbol(Symbol(wanted)))

    return [
        TensorType(dtype, tuple(map(size, sizes)))
        for dtype, sizes in zip(dtypes, pattern, strict=True)
    ]


def _seen(value: Any, arrays: list[Any]) -> Any:
    """A key of arguments that are arrays and plain values, whose arrays are collected.

    None if there is anything else among them. Equal keys have equal traces.
    """
    kind = type(value)
    if kind is Tensor:
        value = value.array
        kind = type(value)
    if kind is np.ndarray:
        if not value.dtype.isnative:
            return None
        arrays.append(value)
        return value.shape, value.dtype
    if kind is tuple or kind is list:
        parts = [_seen(part, arrays) for part in value]
        return None if None in parts else (kind, *parts)
    if kind is dict:
        parts = [_seen(part, arrays) for part in value.values()]
        return None if None in parts else (kind, *value, *parts)
    return _key(value) if kind in PLAIN else None


def _split(value: Any) -> tuple[list[Tensor], Any]:
    """The tensors among arguments, arrays included, and the rest as it is."""
    leaves, structure = tree.flatten(value, _is_array)
    return [convert_to_tensor(leaf) for leaf in leaves], structure


def _is_array(item: Any) -> bool:
    """Whether something holds numbers that may change, of any library."""
    kind = type(item)
    if isinstance(item, (Tensor, np.ndarray, np.generic, memoryview, array.array)):
        return True
    foreign = hasattr(kind, "__array__") or hasattr(kind, "__dlpack__")
    return foreign and not isinstance(item, Operand)


def _key(structure: Any) -> Any:
    """A hashable stand-in for arguments without their tensors."""
    if isinstance(structure, (list, tuple)):
        return (type(structure), *map(_key, structure))
    if isinstance(structure, dict):
        return ("dict", *((key, _key(value)) for key, value in structure.items()))
    if isinstance(structure, float):
        return ("float", structure.hex())  # keeps -0.0 apart and NaN together
    if isinstance(structure, (bool, int, str, bytes, type(None))):
        return (type(structure).__name__, structure)
    if isinstance(structure, (set, frozenset)):
        return ("set", frozenset(map(_key, structure)))
    if is_record(structure):
        fields = fields_of(structure).items()
        return (type(structure), *((name, _key(value)) for name, value in fields))
    if isinstance(structure, (type, FunctionType, Operand, LayerState)):
        return ByIdentity(structure)
    return ByIdentity(structure), *_settings(structure)


def _settings(item: Any) -> Iterator[Any]:
    """What plain values an object has for attributes, and which arrays."""
    for name, value in getattr(item, "__dict__", {}).items():
        if isinstance(value, (bool, int, float, str, bytes, type(None))):
            yield name, _key(value)
        elif _is_array(value):
            yield name, ByIdentity(value)
