"""Functions of tensors to functions of tensors: gradients, directions, Jacobians.

They work on values, where outer tapes and transforms see what they do, and on symbols,
inside `function` and layers. `derivatives.py` runs the function and differentiates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from . import tree
from .call_programs import kept_with
from .calling import told, told_with
from .conversion import is_symbolic
from .derivatives import Record, raising, selected
from .diagnostics import TensorTypeError
from .function_programs import FunctionPrograms
from .kinds import CALLS
from .layer import VALUES_WANTED, Layer
from .nested_tensors import arrays_as_tensors
from .ops.random import draw_key
from .registry import OPS
from .staging import CustomCall, RematCall, carry_out, play, variable_of
from .trace import current_trace

Function = Callable[..., Any]


@told
def grad(
    function: Function, wrt: Any = None, has_aux: bool = False, *, argnums: Any = 0
) -> Function:
    """The gradient of a function that returns a float scalar.

    `wrt` says with respect to what: the number or the name of an argument, a variable,
    or a sequence of these; `argnums` is the same for numbers. An argument may be a nest
    of tensors, and so is its gradient. With `has_aux` the function returns a pair, and
    so does this one: the gradient, then what else the function returned.

    >>> float(grad(lambda x: x * x)(3.0))
    6.0
    """
    whole = value_and_grad(function, wrt, has_aux, argnums=argnums)

    @functools.wraps(function, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = whole(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


@told
def value_and_grad(
    function: Function, wrt: Any = None, has_aux: bool = False, *, argnums: Any = 0
) -> Function:
    """The value of a function beside its gradient; see `grad`.

    >>> value, gradient = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """

    def made(function: Function, *args: Any, **kwargs: Any) -> Any:
        record = Record(function, args, kwargs, selected(wrt, argnums), has_aux)
        found = record.gradient()
        return ((record.value, record.aux) if has_aux else record.value), found

    programs = FunctionPrograms(made)
    wrt, argnums = _as_given(wrt), _as_given(argnums)

    @functools.wraps(function, updated=())
    @raising
    def both(*args: Any, **kwargs: Any) -> Any:
        return programs.call(function, args, kwargs)

    return both


def _as_given(names: Any) -> Any:
    """What `wrt` or `argnums` named, whatever becomes of a list."""
    return list(names) if isinstance(names, list) else names


@told
def vjp(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its pullback.

    The pullback takes cotangents, a nest like the value, to the gradients of the
    arguments, a tuple.

    >>> value, pullback = vjp(lambda x: x * 3.0, [1.0, 2.0])
    >>> pullback([1.0, 1.0])[0].numpy().tolist()
    [3.0, 3.0]
    """
    record = Record(function, primals, {}, tuple(range(len(primals))), has_aux)
    pullback = raising(record.pull)
    return (record.value, pullback, record.aux) if has_aux else (record.value, pullback)


@told_with(CALLS)
def jvp(
    function: Function,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """The value of a function and its derivative in a direction.

    `primals` is the sequence of arguments, `tangents` one direction for each.

    >>> value, slope = jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    >>> float(value), float(slope)
    (6.0, 3.0)
    """
    given = tuple(primals), tuple(tangents), has_aux
    if not isinstance(function, FunctionType):
        return _pushed(function, *given)
    programs = kept_with(
        function, _pushed, functools.partial(FunctionPrograms, _pushed)
    )
    return programs.call(function, given, {})


def _pushed(
    function: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool
) -> Any:
    record = Record(function, primals, {}, tuple(range(len(primals))), has_aux)
    slope = record.push(tangents)
    return (record.value, slope, record.aux) if has_aux else (record.value, slope)


@told
def jacobian(
    function: Function, wrt: Any = None, has_aux: bool = False, *, argnums: Any = 0
) -> Function:
    """All derivatives of a function: the shape of the value, then of the argument.

    The result is a nest like the value, of nests like what `wrt` names; see `grad`. It
    takes one backward pass for each element of the value, whose sizes are numbers.

    >>> jacobian(lambda x: x * x)([1.0, 2.0]).numpy().tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(function, updated=())
    @raising
    def whole(*args: Any, **kwargs: Any) -> Any:
        record = Record(function, args, kwargs, selected(wrt, argnums), has_aux)
        found = record.jacobian()
        return (found, record.aux) if has_aux else found

    return whole


@told
def hessian(
    function: Function, wrt: Any = None, has_aux: bool = False, *, argnums: Any = 0
) -> Function:
    """The second derivatives of a function that returns a float scalar; see `grad`.

    >>> hessian(lambda x: x[0] * x[1])([1.0, 2.0]).numpy().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    first = grad(function, wrt, has_aux, argnums=argnums)
    return jacobian(first, wrt, has_aux, argnums=argnums)


@told
def custom_gradient(function: Function) -> Function:
    """A function with a gradient of its own.

    It returns its value and a gradient function. That takes a cotangent for each tensor
    in the value, by position, and returns a gradient for each argument. What it reads
    is differentiated in turn for higher orders.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x, lambda upstream: OPS["clip"](upstream, -1.0, 1.0)
    >>> float(grad(lambda x: clipped(x) * 5.0)(2.0))
    1.0
    """

    @functools.wraps(function, updated=())
    @raising
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = arrays_as_tensors(args), arrays_as_tensors(kwargs)
        operands, structure = tree.flatten((args, kwargs))
        found = CustomCall(function, structure, operands)
        try:
            stage, results, arrangement, rules = found.staged(found.operands)
            values = play(stage, [*results, *rules.captured], operands)
        except TensorTypeError as error:
            if is_symbolic(operands) or error.diagnostics[0].code != VALUES_WANTED:
                raise
            values, arrangement = found.run(args, kwargs)
        count = tree.count_leaves(arrangement)
        outputs = OPS["custom_call"].dispatch(
            [*values[:count], *operands, *values[count:]],
            {"call": found, "results": count},
        )
        return tree.unflatten(arrangement, iter(outputs))

    return wrapped


@told
def remat(function: Function) -> Function:
    """A function, or a layer, whose inside is computed again in the backward pass.

    Only arguments and results are kept in between. What it assigns, the losses it adds
    and the random numbers it draws are those of a plain call, once.

    >>> float(grad(remat(lambda x: x * x * x))(2.0))
    12.0
    """

    @functools.wraps(function, updated=())
    @raising
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = arrays_as_tensors(args), arrays_as_tensors(kwargs)
        operands, structure = tree.flatten((args, kwargs))
        if current_trace() is None and is_symbolic(operands):
            return Remat(function)(*args, **kwargs)
        return _again(function, operands, structure)

    return wrapped


class Remat(Layer):
    """A layer or function that is computed again in the backward pass; see `remat`."""

    def __init__(self, function: Function, **options: Any):
        super().__init__(**options)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        operands, structure = tree.flatten((args, kwargs))
        return _again(self.function, operands, structure)


def _again(function: Function, operands: list[Any], structure: Any) -> Any:
    """Call a function as one op, whose gradient computes it again."""
    found = RematCall(function, structure, len(operands))
    body = found.body([operand.type for operand in operands])
    read = [_read(node) for node in body.read]
    results = OPS["remat_call"].dispatch([*operands, *read], {"call": found})
    count = tree.count_leaves(body.structure)
    carry_out(body.stage, results[count:])
    return tree.unflatten(body.structure, iter(results[:count]))


def _read(node: Any) -> Any:
    """What a function reads besides its arguments: a variable, or a fresh key."""
    variable = variable_of(node)
    if variable is not None:
        return variable
    return draw_key(node.attributes["generator"])
