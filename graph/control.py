"""Loops and branches by Keras's names.

On values they run in Python, and tapes record what happens. On symbols, and while
something is traced, each becomes one node that holds its functions as bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .bodies import sizes_of, trace_bodies
from .body_results import (
    check_same,
    listing,
    shape_of,
    symbols,
    types_of,
)
from .calling import told
from .conversion import is_symbolic
from .decide import equal as equal_dims
from .diagnostics import Fault
from .dim import Dim
from .kinds import FUNCTION, POSITION, Size, wrong_value
from .nested_tensors import leaves_as_tensors
from .node import Node
from .ops.control import branch_node, items_of, loop_node
from .registry import OPS, call
from .tensor import SymbolicTensor, Tensor
from .types import BOOL, TensorType

__all__ = [
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]

Function = Callable[..., Any]

CARRIED = "a step of `{}` takes {} and gives back {}"
BRANCHES = "the branches of `{}` give {} and {}"


@told
def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """The result of `true_fn()` if a scalar holds, else that of `false_fn()`.

    Both give the same types. On symbols only the chosen one is computed when the
    program runs. Raises T0321 if the types differ.

    >>> float(cond(True, lambda: 1.0, lambda: 2.0))
    1.0
    """
    flag = leaves_as_tensors(pred)
    if flag.type.rank:
        raise Fault(
            "T0306",
            f"`cond` decides by one truth value, not by {flag.type}",
            help=["choose element by element with `where`"],
        )
    if flag.type.dtype != BOOL:
        flag = call("not_equal", flag, 0)
    if not is_symbolic([flag]):
        return leaves_as_tensors(true_fn() if bool(flag) else false_fn())
    return _branches("cond", flag, (false_fn, true_fn), ())


@told
def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """The result of `branches[index](*operands)`; an index outside is cut.

    >>> float(switch(1, [lambda x: x, lambda x: x * 2], 3.0))
    6.0
    """
    place = leaves_as_tensors(index)
    if not isinstance(branches, (list, tuple)):
        raise wrong_value("switch", "branches", "a list of functions", branches)
    if not branches:
        raise Fault("T0204", "`switch` needs a branch", argument="branches")
    for branch in branches:
        FUNCTION.read("branches", branch, "switch")
    if place.type.rank or place.type.dtype.is_float:
        raise Fault("T0306", f"`switch` picks by one integer, not by {place.type}")
    given = leaves_as_tensors(operands)
    if not is_symbolic([place, *tree.flatten(given)[0]]):
        chosen = min(max(int(place), 0), len(branches) - 1)
        return leaves_as_tensors(branches[chosen](*given))
    return _branches("switch", place, branches, given)


def _branches(name: str, index: Any, functions: Sequence[Function], given: Any) -> Any:
    leaves, structure = tree.flatten(given)
    traced = trace_bodies(name, functions, structure, types_of(leaves), draws=True)
    results = [
        ([n.tensor_type for n in body.outputs], form)
        for body, form in zip(traced.bodies, traced.structures, strict=True)
    ]
    for other in results[1:]:
        check_same(name, BRANCHES, results[0], other)
    nodes = [leaf.as_node() for leaf in leaves]
    if not results[0][0]:
        return tree.unflatten(traced.structures[0], iter(()))
    operands = (*nodes, *traced.captured)
    found = branch_node(index.as_node(), traced.bodies, operands)
    return symbols(traced.structures[0], found)


@told
def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: Size | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> Any:
    """`carry, y = f(carry, x)` for each slice x of xs: the last carry, all y stacked.

    `init` and `xs` are tensors or nests of them; the slices are along the first axis.
    A carry keeps its type (T0321). `unroll` changes nothing.

    >>> carry, ys = scan(lambda c, x: (c + x, c * x), 0, [1, 2, 3])
    >>> int(carry), ys.numpy().tolist()
    (6, [0, 2, 9])
    """
    return scanned("scan", f, init, xs, length, reverse)


def scanned(
    name: str,
    f: Function,
    init: Any,
    xs: Any,
    length: Any = None,
    reverse: bool = False,
) -> Any:
    """What `scan` does, told under a name: in Python on values, else as one node."""
    start, slices = leaves_as_tensors(init), leaves_as_tensors(stacked(xs))
    leaves = tree.flatten((start, slices))[0]
    count = _length(name, tree.flatten(slices)[0], length)
    if is_symbolic(leaves) or not count.value:
        return _scan(name, f, start, slices, count, reverse)
    carry, outputs = start, []
    types, form = shape_of(start)
    order = range(count.value)
    for step in reversed(order) if reverse else order:
        carry, y = f(carry, _slice(slices, step))
        carry = leaves_as_tensors(carry)
        check_same(name, CARRIED, (types, form), shape_of(carry))
        outputs.append(leaves_as_tensors(y))
    return carry, _stack(outputs[::-1] if reverse else outputs)


def _slice(nest: Any, step: int) -> Any:
    return tree.map_leaves(lambda x: x[step], nest)


def stacked(xs: Any) -> Any:
    """A list of plain numbers as one array."""
    if isinstance(xs, list) and not any(
        isinstance(x, (Tensor, SymbolicTensor)) or hasattr(x, "shape") for x in xs
    ):
        return leaves_as_tensors(call("cast", xs, _dtype(xs)))
    return xs


def _dtype(values: Any) -> str:
    found: str = OPS["stop_gradient"](values).dtype
    return found


def _stack(steps: Sequence[Any]) -> Any:
    columns = [tree.flatten(step)[0] for step in steps]
    _, structure = tree.flatten(steps[0])
    rows = [call("stack", list(row)) for row in zip(*columns, strict=True)]
    return tree.unflatten(structure, iter(rows))


def _length(name: str, leaves: Sequence[Any], length: Any) -> Dim:
    counts = [] if length is None else [Dim.of(length)]
    for leaf in leaves:
        if not leaf.type.rank:
            raise Fault("T0306", f"`{name}` has no axis to go along in {leaf.type}")
        counts.append(leaf.type.shape[0])
    if not counts:
        raise Fault(
            "T0203", f"`{name}` needs `xs` or `length`", help=["give one of them"]
        )
    for other in counts[1:]:
        if not equal_dims(counts[0], other):
            raise Fault(
                "T0302",
                f"`{name}` goes along axes of different sizes: {counts[0]} and {other}",
                dims=(counts[0], other),
            )
    return counts[0]


def _scan(
    name: str, f: Function, start: Any, slices: Any, count: Dim, reverse: bool
) -> Any:
    """A scan as one node."""
    carries, scanned = tree.flatten(start)[0], tree.flatten(slices)[0]
    parts = [leaf.type.with_shape(leaf.type.shape[1:]) for leaf in scanned]
    structure = tree.flatten((start, slices))[1]
    traced = trace_bodies(name, [f], structure, [*types_of(carries), *parts])
    (body,), (form,) = traced.bodies, traced.structures
    if not isinstance(form, tuple) or len(form) != 2:
        raise Fault("T0204", f"the function of `{name}` returns a carry and an output")
    found = [node.tensor_type for node in body.outputs]
    going = tree.count_leaves(form[0])
    given = (types_of(carries), structure[0])
    check_same(name, CARRIED, given, (found[:going], form[0]))
    if not found:
        return tree.unflatten(form, iter(()))
    results = loop_node(
        body,
        [leaf.as_node() for leaf in carries],
        [leaf.as_node() for leaf in scanned],
        traced.captured,
        count,
        bool(reverse),
    )
    if is_symbolic([*carries, *scanned]):
        return symbols(form, results)
    return _empty(form, results, carries)


def _empty(form: Any, results: Sequence[Node], carries: Sequence[Any]) -> Any:
    """What a scan over nothing gives, as values."""
    stacked = [
        call("zeros", node.shape, node.dtype.name) for node in results[len(carries) :]
    ]
    return tree.unflatten(form, iter([*carries, *stacked]))


@told
def map(f: Function, xs: Any) -> Any:
    """`f` of each slice along the first axis, stacked.

    >>> map(lambda x: x * x, [1.0, 2.0, 3.0]).numpy().tolist()
    [1.0, 4.0, 9.0]
    """
    _, ys = scanned("map", lambda carry, x: (carry, f(x)), (), xs)
    return ys


@told
def vectorized_map(function: Function, elements: Any) -> Any:
    """`function` of each slice of `elements` along the first axis, stacked.

    The slices are done one after the other, as by `map`.

    >>> vectorized_map(lambda x: x + 1, [1, 2]).numpy().tolist()
    [2, 3]
    """
    _, ys = scanned(
        "vectorized_map", lambda carry, x: (carry, function(x)), (), elements
    )
    return ys


@told
def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """`value = body_fun(i, value)` for i from `lower` up to `upper`, exclusive.

    Bounds are integers or sizes; with a tensor for a bound there is no gradient.

    >>> int(fori_loop(0, 4, lambda i, total: total + i, 0))
    6
    """
    if all(isinstance(bound, (int, Dim)) for bound in (lower, upper)):
        lower = POSITION.read("lower", lower, "fori_loop")
        upper = POSITION.read("upper", upper, "fori_loop")
        places = call("arange", lower, upper)
        value, _ = scanned(
            "fori_loop", lambda v, i: (body_fun(i, v), None), init_val, places
        )
        return value
    ends = _end("lower", lower), _end("upper", upper)
    _, _, value = while_loop(
        lambda i, last, v: i < last,
        lambda i, last, v: (i + 1, last, body_fun(i, v)),
        (*ends, init_val),
    )
    return value


def _end(argument: str, bound: Any) -> Any:
    """A bound of a loop as a tensor; refuses one that is no single integer."""
    found = leaves_as_tensors(bound)
    if found.type.rank or not found.type.dtype.is_integer:
        words = "an integer, a size or a tensor of one integer"
        raise wrong_value("fori_loop", argument, words, bound)
    return found


@told
def while_loop(
    cond: Function,
    body: Function,
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds.

    A gradient needs `maximum_iterations`: memory goes with that number. The variables
    keep their types (T0321).

    >>> int(while_loop(lambda i: i < 10, lambda i: (i * 2,), (3,))[0])
    12
    """
    alone = not isinstance(loop_vars, (tuple, list))
    state = leaves_as_tensors((loop_vars,) if alone else tuple(loop_vars))
    types, form = shape_of(state)

    def again(*values: Any) -> Any:
        found = leaves_as_tensors(body(*values))
        return (
            (found,) if alone or not isinstance(found, (tuple, list)) else tuple(found)
        )

    if is_symbolic(tree.flatten(state)[0]):
        state = _while(cond, again, state, maximum_iterations)
    else:
        done = 0
        while (maximum_iterations is None or done < maximum_iterations) and _holds(
            cond(*state)
        ):
            state = again(*state)
            check_same("while_loop", CARRIED, (types, form), shape_of(state))
            done += 1
    return state[0] if alone else type(loop_vars)(state)


def _holds(condition: Any) -> bool:
    flag = leaves_as_tensors(condition)
    if flag.type.rank:
        raise Fault(
            "T0306",
            f"`cond` of `while_loop` gives one truth value, not {flag.type}",
            argument="cond",
        )
    return bool(flag)


def _while(cond: Function, body: Function, state: Any, limit: int | None) -> Any:
    leaves, structure = tree.flatten(state)
    functions = (lambda *values: (cond(*values),), body)
    traced = trace_bodies("while_loop", functions, structure, types_of(leaves))
    condition, step = traced.bodies
    found = [node.tensor_type for node in step.outputs]
    given = (types_of(leaves), structure)
    check_same("while_loop", CARRIED, given, (found, traced.structures[1]))
    flags = [node.tensor_type for node in condition.outputs]
    if len(flags) != 1 or flags[0] != TensorType(BOOL, ()):
        raise Fault(
            "T0306",
            f"`cond` of `while_loop` gives one truth value, not {listing(flags)}",
            argument="cond",
        )
    nodes = [leaf.as_node() for leaf in leaves]
    attributes = {
        "condition": condition,
        "body": step,
        "limit": limit,
        "sizes": sizes_of((condition, step)),
    }
    results = items_of(OPS["while"].apply((*nodes, *traced.captured), attributes))
    return symbols(structure, results)
