"""`function`: a Python function traced once for a signature of types, then compiled.

Gradients, optimizer updates, assignments, added losses, metrics and random draws in
the function become effects of one program. Numbers and other plain arguments are part
of the signature; a size that changes between calls becomes symbolic, so it costs one
more trace and then none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import tree
from ..graph.device import current_device
from ..graph.diagnostics import TulleError
from ..graph.dim import Dim, Symbol
from ..graph.graph import Graph
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from ..graph.trace import Trace, current_trace, tracing
from ..graph.types import DType, TensorType
from . import compile_graph
from .program import Program

Sizes = tuple["int | None", ...]


@dataclass
class Traced:
    """A program with the arrangement of its results."""

    program: Program
    structure: Any
    names: tuple[str, ...]

    def __call__(self, arrays: Sequence[Any]) -> Any:
        found = self.program(arrays)
        return tree.unflatten(self.structure, (Tensor(found[n]) for n in self.names))


@dataclass
class Family:
    """The traces of one arrangement of arguments, by the sizes they were made for."""

    traces: dict[tuple[Sizes, ...], Traced]
    seen: list[tuple[tuple[int, ...], ...]]

    def fitting(self, shapes: tuple[tuple[int, ...], ...]) -> Traced | None:
        """A trace that takes these shapes."""
        exact = self.traces.get(shapes)
        if exact is not None:
            return exact
        return next((t for p, t in self.traces.items() if _fits(p, shapes)), None)

    def pattern(self, shapes: tuple[tuple[int, ...], ...]) -> tuple[Sizes, ...]:
        """The shapes with None where earlier calls had other sizes."""
        for earlier in reversed(self.seen):
            if all(len(a) == len(b) for a, b in zip(earlier, shapes, strict=True)):
                return tuple(
                    tuple(x if x == y else None for x, y in zip(a, b, strict=True))
                    for a, b in zip(earlier, shapes, strict=True)
                )
        return shapes


def _fits(pattern: tuple[Sizes, ...], shapes: tuple[tuple[int, ...], ...]) -> bool:
    return all(
        len(sizes) == len(shape)
        and all(s if p is None else p == s for p, s in zip(sizes, shape, strict=True))
        for sizes, shape in zip(pattern, shapes, strict=True)
    )


class Function:
    """A callable that traces, compiles and runs; see `function`."""

    def __init__(self, python_function: Callable[..., Any]):
        self.python_function = python_function
        self.traces = 0  # how often Python ran
        self._families: dict[Any, Family] = {}
        functools.update_wrapper(self, python_function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        bound = self.__dict__.setdefault("_bound", {})
        if id(instance) not in bound:
            method = functools.partial(self.python_function, instance)
            functools.update_wrapper(method, self.python_function)
            bound[id(instance)] = (instance, Function(method))
        return bound[id(instance)][1]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current_trace() is not None:
            return self.python_function(*args, **kwargs)
        leaves, structure = _split((args, kwargs))
        types = tuple(leaf.type.dtype for leaf in leaves)
        key = (_key(structure), types, current_device())
        shapes = tuple(leaf.array.shape for leaf in leaves)
        family = self._families.setdefault(key, Family({}, []))
        traced = family.fitting(shapes) or self._trace(family, structure, types, shapes)
        return traced([leaf.array for leaf in leaves])

    def _trace(
        self, family: Family, structure: Any, dtypes: Any, shapes: Any
    ) -> Traced:
        pattern = family.pattern(shapes)
        try:
            traced = self._compile(structure, dtypes, pattern, shapes)
        except TulleError:
            if pattern == shapes:
                raise
            # It asks for numbers where a size changes: one trace for each size then.
            pattern = shapes
            traced = self._compile(structure, dtypes, shapes, shapes)
        family.traces[pattern] = traced
        family.seen.append(shapes)
        return traced

    def _compile(
        self,
        structure: Any,
        dtypes: Sequence[DType],
        pattern: tuple[Sizes, ...],
        shapes: tuple[tuple[int, ...], ...],
    ) -> Traced:
        nodes = list(_inputs(dtypes, pattern, shapes))
        args, kwargs = tree.unflatten(structure, map(SymbolicTensor, nodes))
        trace = Trace(forgetful=True)
        self.traces += 1
        with tracing(trace):
            result = self.python_function(*args, **kwargs)
            leaves, arrangement = tree.flatten(result)
            outputs = {f"result_{i}": leaf.as_node() for i, leaf in enumerate(leaves)}
        graph = Graph(tuple(nodes), outputs, tuple(trace.updates.items()))
        return Traced(compile_graph(graph), arrangement, tuple(outputs))


def function(python_function: Callable[..., Any] | None = None, **ignored: Any) -> Any:
    """Compile a function of tensors: traced once for a signature, then one program.

    Tensors and arrays are inputs; anything else is part of the signature. What the
    function does besides computing (assigning variables, an optimizer's step, random
    draws) happens at every call; what plain Python does happens once a trace. Python
    may not branch on a value: use `ops.where`.

    >>> @function
    ... def double(x):
    ...     return x * 2.0
    >>> double(np.ones(2, "float32")).numpy().tolist()
    [2.0, 2.0]
    """
    if python_function is None:
        return function
    return Function(python_function)


def _inputs(
    dtypes: Sequence[DType],
    pattern: tuple[Sizes, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> Iterator[Node]:
    """Input nodes; sizes that change and are equal now are one symbol."""
    symbols: dict[int, Dim] = {}
    for index, (dtype, sizes, shape) in enumerate(
        zip(dtypes, pattern, shapes, strict=True)
    ):
        dims = []
        for size, actual in zip(sizes, shape, strict=True):
            if size is None and actual not in symbols:
                symbols[actual] = Dim.from_symbol(Symbol(f"size{len(symbols)}"))
            dims.append(Dim.of(size) if size is not None else symbols[actual])
        yield input_node(f"argument_{index}", TensorType(dtype, tuple(dims)))


def _split(value: Any) -> tuple[list[Tensor], Any]:
    """The tensors among arguments, arrays included, and the rest as it is."""
    leaves: list[Tensor] = []

    def strip(item: Any) -> Any:
        if isinstance(item, (Tensor, np.ndarray, np.generic)):
            leaves.append(convert_to_tensor(item))
            return tree.LEAF
        if isinstance(item, (list, tuple)) and not hasattr(item, "_fields"):
            return type(item)(map(strip, item))
        if isinstance(item, dict):
            return {key: strip(part) for key, part in item.items()}
        return item

    return leaves, strip(value)


def _key(structure: Any) -> Any:
    """A hashable stand-in for arguments without their tensors."""
    if isinstance(structure, (list, tuple)):
        return (type(structure).__name__, *map(_key, structure))
    if isinstance(structure, dict):
        return ("dict", *((key, _key(value)) for key, value in structure.items()))
    if isinstance(structure, (bool, int, float, str, bytes, type(None))):
        return (type(structure).__name__, structure)
    return _Same(structure)


class _Same:
    """An object as a key by identity, kept alive so that its identity stays its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
