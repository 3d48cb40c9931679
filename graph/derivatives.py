"""A function run once with what it is differentiated by followed, and what follows.

On values the ops are recorded as on a tape, so Python may look at values; inside a
trace everything is a node already. Either way derivatives are nodes, evaluated on the
values or returned as symbols.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import tree
from .conversion import is_symbolic
from .diagnostics import Fault, TensorTypeError, caller_span
from .differentiate import added, gradients_of, refuse_curved
from .nested_tensors import arrays_as_tensors, lists_as_tensors
from .network import replay
from .node import Node, substituted, topological
from .ops.movement import full_node
from .pulling import Asked, asked, pullback, pushforward, slopes
from .recording import Mark, Recorder
from .registry import OPS, call
from .staging import name_of
from .tensor import SymbolicTensor, Tensor, convert_to_tensor, input_node
from .trace import Trace, current_trace, current_training, tracing
from .types import TensorType
from .variable import Variable

Function = Callable[..., Any]
Parts = Sequence[Node | None]


def raising(function: Function) -> Function:
    """The function with faults told at the caller's line."""

    @functools.wraps(function)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    return told


def selected(wrt: Any, argnums: Any) -> Any:
    """What `wrt` names, or `argnums` where it is not given."""
    return argnums if wrt is None else wrt


class Record:
    """One run of a function, and its derivatives."""

    def __init__(
        self,
        function: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        wrt: Any,
        has_aux: bool = False,
    ):
        self.name = name_of(function)
        args, kwargs = list(map(arrays_as_tensors, args)), dict(kwargs)
        kwargs = {key: arrays_as_tensors(value) for key, value in kwargs.items()}
        places = _places(function, args, kwargs, wrt)
        for where, key in places:
            if where is not None:
                where[key] = lists_as_tensors(where[key], numbers=True)
        self.symbolic = is_symbolic(tree.flatten((args, kwargs))[0])
        self._tape = Recorder(any(where is None for where, _ in places))
        with self._context():
            self._follow(places, isinstance(wrt, (tuple, list)))
            with self._tape:
                if not self.symbolic:  # variables that are not trained too
                    self._tape.watch(self.sources)
                result = function(*args, **kwargs)
            self._keep(result, has_aux)

    def _context(self) -> Any:
        """The trace in force; symbols outside of one get a trace, for layers."""
        known = current_trace()
        fresh = known is None and self.symbolic
        return tracing(Trace(training=current_training()) if fresh else known)

    def _follow(self, places: list[tuple[Any, Any]], several: bool) -> None:
        """Put an isolated value in the place of each source."""
        self.sources: list[Any] = []
        nests = []
        for where, key in places:
            nest = key if where is None else where[key]
            leaves, structure = tree.flatten(nest)
            nests.append(structure)
            if where is not None:
                leaves = [self._isolated(leaf) for leaf in leaves]
                where[key] = tree.unflatten(structure, iter(leaves))
            self.sources += leaves
        for leaf in self.sources:
            if not leaf.type.dtype.is_float:
                raise _not_float(self.name, leaf.type)
        self.structure = tuple(nests) if several else nests[0]

    def _isolated(self, leaf: Any) -> Any:
        return OPS["isolate"](leaf)

    def _keep(self, result: Any, has_aux: bool) -> None:
        """Note what came out: the value's leaves, their nodes, and the rest."""
        self.aux = None
        if has_aux:
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise Fault(
                    "T0209",
                    f"with `has_aux`, `{self.name}` returns two things: what is "
                    "differentiated, and the rest",
                )
            result, self.aux = result
        self.value = lists_as_tensors(result, numbers=True)
        self.outputs, self.arrangement = tree.flatten(self.value)
        if not self.outputs:
            raise Fault("T0502", f"`{self.name}` returns no tensor to differentiate")
        types = [output.type for output in self.outputs]
        self._seeds = [input_node("cotangent", type) for type in types]

    @functools.cached_property
    def _targets(self) -> list[Node | None]:
        """The nodes of the outputs that have a derivative."""
        if self.symbolic:
            floats = [output.type.dtype.is_float for output in self.outputs]
            pairs = zip(self.outputs, floats, strict=True)
            return [output.as_node() if float else None for output, float in pairs]
        marks = map(self._mark, self.outputs)
        return [None if mark is None else mark.node for mark in marks]

    def _mark(self, output: Any) -> Mark | None:
        """What stands for an output on the tape, if that follows it."""
        variable = isinstance(output, Variable)
        mark = self._tape.current.get(output) if variable else output.mark
        followed = output.type.dtype.is_float and mark in self._tape.followed
        return mark if followed else None

    @functools.cached_property
    def _groups(self) -> list[list[Node]]:
        """For each source the nodes that stand for it: a variable has one a read."""
        if self.symbolic:
            return [[source.as_node()] for source in self.sources]
        return [[mark.node for mark in group] for group in self._marks]

    @functools.cached_property
    def _marks(self) -> list[list[Mark]]:
        return [
            self._tape.reads.get(source, [])
            if isinstance(source, Variable)
            else [source.mark]
            for source in self.sources
        ]

    @functools.cached_property
    def _pulled(self) -> list[Node | None]:
        """The gradients of the sources, in terms of the cotangents."""
        pairs = zip(self._targets, self._seeds, strict=True)
        flat = [node for group in self._groups for node in group]
        parts = iter(gradients_of(added(pairs), flat))
        return [_total([next(parts) for _ in group]) for group in self._groups]

    @functools.cached_property
    def _pushed(self) -> tuple[list[Node], list[Node | None]]:
        """Holes for the tangents, and the derivatives of the outputs along them."""
        refuse_curved(self._pulled, self._seeds)
        ways = [input_node("tangent", source.type) for source in self.sources]
        pairs = zip(self._pulled, ways, strict=True)
        return ways, gradients_of(added(pairs), self._seeds)

    def gradient(self) -> Any:
        """The gradient of the value, one float scalar, in the nest of `wrt`."""
        type = self.outputs[0].type
        if len(self.outputs) > 1 or type.shape or not type.dtype.is_float:
            shown = ", ".join(str(output.type) for output in self.outputs)
            whole = not any(output.type.dtype.is_float for output in self.outputs)
            raise Fault(
                "T0502",
                f"a gradient is taken of a float scalar, and `{self.name}` returns "
                f"{shown}",
                help=[
                    "whole numbers and positions do not change little by little: "
                    "return what they were made of"
                    if whole
                    else "reduce it first, with `mean` or `sum`, or take the `jacobian`"
                ],
            )
        found = self._at_once()
        if found is None:
            one = {self._seeds[0]: _full(type, 1.0)}
            found = self._evaluated(self._pulled, one, self.sources)
        return tree.unflatten(self.structure, iter(found))

    @functools.cached_property
    def _asked(self) -> Asked | None:
        """What is asked of the tape, if there is one output that it follows."""
        mark = None if self.symbolic else self._mark(self.outputs[0])
        if mark is None or len(self.outputs) > 1:
            return None
        return asked(self._tape, mark, self._marks)

    def _at_once(self, cotangent: Any = None) -> list[Any] | None:
        """Gradients of the sources as tapes find them, if there is one output.

        What was recorded may ask for the nodes all the same: then there are none here.
        """
        if self._asked is None:
            return None
        rule, given = (slopes, ()) if cotangent is None else (pullback, (cotangent,))
        found = self._asked.derive(rule, given, self.sources[0])
        pairs = zip(found, self.sources, strict=True)
        return [_full(like.type, 0.0) if part is None else part for part, like in pairs]

    def pull(self, cotangents: Any) -> Any:
        """Gradients of the sources, given cotangents of the outputs."""
        given = self._arranged(cotangents, self.outputs, "cotangent")
        known = self._at_once(given[0])
        if known is not None:
            return tree.unflatten(self.structure, iter(known))
        values = dict(zip(self._seeds, given, strict=True))
        found = self._evaluated(self._pulled, values, self.sources)
        return tree.unflatten(self.structure, iter(found))

    def push(self, tangents: Any) -> Any:
        """The derivative of the value, given tangents of the sources."""
        given = self._arranged(tangents, self.sources, "tangent")
        if self._asked is not None and all(self._asked.layout.groups):
            zero = _full(self.outputs[0].type, 0.0)
            (way,) = self._asked.derive(pushforward, [zero, *given], self.sources[0])
            one = zero if way is None else way
            return tree.unflatten(self.arrangement, iter([one]))
        ways, parts = self._pushed
        values = dict(zip(ways, given, strict=True))
        values.update((seed, _full(seed.tensor_type, 0.0)) for seed in self._seeds)
        found = self._evaluated(parts, values, self.outputs)
        return tree.unflatten(self.arrangement, iter(found))

    def _arranged(self, given: Any, wanted: Sequence[Any], what: str) -> list[Any]:
        """One operand for each wanted, of its type."""
        nest = lists_as_tensors(arrays_as_tensors(given), numbers=True)
        leaves = tree.flatten(nest)[0]
        if len(leaves) != len(wanted):
            raise Fault(
                "T0203",
                f"`{self.name}` wants {len(wanted)} {what}s and got {len(leaves)}",
            )
        for leaf, like in zip(leaves, wanted, strict=True):
            if leaf.type.shape != like.type.shape:
                raise Fault("T0302", f"a {what} of {like.type} is {leaf.type}")
        pairs = zip(leaves, wanted, strict=True)
        return [convert_to_tensor(leaf, like.type.dtype) for leaf, like in pairs]

    def jacobian(self) -> Any:
        """The derivatives of each output by each source."""
        whole = []
        for index, output in enumerate(self.outputs):
            found = jacobian_rows(functools.partial(self._row, index), output.type)
            whole.append(tree.unflatten(self.structure, iter(found)))
        return tree.unflatten(self.arrangement, iter(whole))

    def _row(self, index: int, cotangent: Any) -> list[Any]:
        known = self._at_once(cotangent)
        if known is not None:
            return known
        values: dict[Node, Any] = {
            seed: _full(seed.tensor_type, 0.0) for seed in self._seeds
        }
        values[self._seeds[index]] = cotangent
        return self._evaluated(self._pulled, values, self.sources)

    def _evaluated(
        self, parts: Parts, values: dict[Node, Any], likes: Sequence[Any]
    ) -> list[Any]:
        """What nodes are, given what stands for holes; zeros where there is none."""
        known = {} if self.symbolic else self._tape.known
        found = iter(evaluated(parts, known, values, self.symbolic))
        pairs = zip(parts, likes, strict=True)
        return [
            _full(like.type, 0.0) if p is None else next(found) for p, like in pairs
        ]


def evaluated(
    parts: Parts, known: Mapping[Node, Any], values: Mapping[Node, Any], symbolic: bool
) -> list[Any]:
    """The nodes that there are, as symbols or run on values, with holes filled."""
    wanted = [part for part in parts if part is not None]
    if symbolic:
        actual = {hole: value.as_node() for hole, value in values.items()}
        return [SymbolicTensor(node) for node in substituted(wanted, actual) if node]
    everything = {**known, **values}
    return replay(topological(wanted, everything), wanted, everything, {})


def jacobian_rows(
    pull: Callable[[Any], list[Any]], type: TensorType, batched: bool = False
) -> list[Any]:
    """All derivatives of an output, by one backward pass an element.

    `pull` takes a cotangent to the gradients of the sources. Where `batched`, rows of
    the batch do not depend on each other, and a pass serves all.
    """
    shape = type.shape[1:] if batched else type.shape
    sizes = [dim.value for dim in shape]
    if any(size is None for size in sizes):
        raise Fault(
            "T0306",
            f"a Jacobian takes one pass for each element, and the number of those of "
            f"{type} is no number",
            help=["give its axes sizes that are numbers, or use `batch_jacobian`"],
        )
    count = math.prod(size for size in sizes if size is not None)
    rows = [pull(one) for one in _units(type, shape, count, batched)]
    if not rows:
        rows = [pull(_full(type, 0.0))]
    axis = 1 if batched else 0
    found = []
    for column in zip(*rows, strict=True):
        whole = call("stack", column, axis=axis)
        own = column[0].type.shape
        front = (*own[:axis], *shape)
        if not count:
            found.append(call("zeros", (*front, *own[axis:]), column[0].dtype))
        else:
            found.append(call("reshape", whole, (*front, *own[axis:])))
    return found


def _units(type: TensorType, shape: Any, count: int, batched: bool) -> Iterator[Any]:
    """Cotangents that are 1 at one element and 0 elsewhere."""
    sizes = [dim.value for dim in shape]
    for index in range(count):
        array = np.zeros(count, type.dtype.numpy)
        array[index] = 1
        one: Any = Tensor(array.reshape([1, *sizes] if batched else sizes))
        yield call("broadcast_to", one, type.shape) if batched else one


def _total(parts: Parts) -> Node | None:
    found = [part for part in parts if part is not None]
    return functools.reduce(lambda a, b: a + b, found) if found else None


def _full(type: TensorType, value: float) -> Any:
    if current_trace() is not None or any(dim.value is None for dim in type.shape):
        return SymbolicTensor(full_node(type, value))
    return call("full", type.shape, value, type.dtype.name)


def _places(
    function: Function, args: list[Any], kwargs: dict[str, Any], wrt: Any
) -> list[tuple[Any, Any]]:
    """Where the sources stand: in a list or dictionary at a key, or as variables."""
    return [
        _place(function, args, kwargs, one)
        for one in (wrt if isinstance(wrt, (tuple, list)) else (wrt,))
    ]


def _place(
    function: Function, args: list[Any], kwargs: dict[str, Any], one: Any
) -> tuple[Any, Any]:
    if isinstance(one, Variable):
        return None, one
    if isinstance(one, str):
        if one in kwargs:
            return kwargs, one
        names = list(inspect.signature(function).parameters)
        index = names.index(one) if one in names else len(args)
        if index < len(args):
            return args, index
        raise Fault("T0202", f"`{name_of(function)}` got no argument `{one}`")
    if isinstance(one, int) and -len(args) <= one < len(args):
        return args, one % len(args)
    raise Fault(
        "T0202",
        f"`{name_of(function)}` got {len(args)} arguments, and the gradient is asked "
        f"with respect to argument {one}",
        help=["`wrt` is the number or name of an argument, or a variable"],
    )


def _not_float(name: str, type: TensorType) -> Fault:
    return Fault(
        "T0502",
        f"a gradient of `{name}` is asked with respect to {type}, which is not float",
        help=["convert it: `cast(x, f32)`"],
    )
