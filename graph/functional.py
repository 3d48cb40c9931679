"""Layers as functions of their weights: `functional_call` and `stateless_call`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import tree
from .calling import told_with
from .conversion import is_symbolic
from .diagnostics import Fault
from .kinds import CALLS, DICTIONARY, LISTING, either
from .layer import Layer
from .nearest import nearest_of
from .nested_tensors import lists_as_tensors
from .tensor import convert_to_tensor
from .trace import Trace, current_trace, current_training, tracing
from .variable import Variable
from .variable_substitution import replacing


@told_with(CALLS)
def functional_call(layer: Layer, weights: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer with tensors in the place of its weights.

    `weights` is a dictionary from paths (`kernel`, `dense/kernel`), which may leave
    some out, or a sequence for all weights or all trainable ones. Gradients flow into
    the tensors; the layer's own weights stay as they are.

    >>> from .layers import Dense
    >>> layer = Dense(1, use_bias=False)
    >>> found = functional_call(layer, {"kernel": [[2.0], [3.0]]}, [[1.0, 1.0]])
    >>> found.numpy().tolist()
    [[5.0]]
    """
    args, kwargs = lists_as_tensors((args, kwargs))
    layer.ensure_built(args, kwargs)
    return _call(layer, _values(layer, weights), args, kwargs)


@told_with(CALLS)
def stateless_call(
    layer: Layer,
    trainable_variables: Sequence[Any],
    non_trainable_variables: Sequence[Any],
    *args: Any,
    return_losses: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a layer on given state, and change nothing.

    Returns the outputs and the new values of the variables that are not trained, and
    with `return_losses` the losses.
    """
    args, kwargs = lists_as_tensors((args, kwargs))
    layer.ensure_built(args, kwargs)
    values: dict[Variable, Any] = {}
    for variables, given in (
        (layer.trainable_variables, trainable_variables),
        (layer.non_trainable_variables, non_trainable_variables),
    ):
        values.update(_paired(layer, variables, given))
    losses: list[Any] = []
    result = _call(layer, values, args, kwargs, losses if return_losses else None)
    state = [values[variable] for variable in layer.non_trainable_variables]
    return (result, state, losses) if return_losses else (result, state)


def _call(
    layer: Layer,
    values: dict[Variable, Any],
    args: Any,
    kwargs: Any,
    losses: Any = None,
) -> Any:
    operands = [*tree.flatten((args, kwargs))[0], *values.values()]
    trace = current_trace()
    if trace is None and is_symbolic(operands):
        trace = Trace(training=current_training())
    with tracing(trace), replacing(values):
        result = layer(*args, **kwargs)
        if losses is not None:
            losses += layer.losses
    return result


def _values(layer: Layer, weights: Any) -> dict[Variable, Any]:
    """The tensor for each variable that has one."""
    if not isinstance(weights, Mapping):
        wanted = either((DICTIONARY, LISTING))
        given = list(wanted.read("weights", weights, "functional_call"))
        short = len(given) == len(layer.trainable_variables)
        return _paired(
            layer, layer.trainable_variables if short else layer.variables, given
        )
    known = {variable.path: variable for variable in layer.variables}
    known.update(layer.named_variables())
    for path in weights:
        if path not in known:
            near = nearest_of(path, known)
            raise Fault(
                "T0201",
                f"`{layer.name}` has no weight `{path}`",
                help=[f"did you mean `{near[0]}`?"] if near else [],
                notes=[f"its weights are {', '.join(layer.named_variables())}"],
            )
    return _paired(layer, [known[path] for path in weights], list(weights.values()))


def _paired(
    layer: Layer, variables: Sequence[Variable], given: Sequence[Any]
) -> dict[Variable, Any]:
    if len(variables) != len(given):
        raise Fault(
            "T0203",
            f"`{layer.name}` has {len(variables)} weights and got {len(given)} values",
        )
    found: dict[Variable, Any] = {}
    for variable, value in zip(variables, given, strict=True):
        tensor = convert_to_tensor(value, variable.type.dtype)
        if tensor.type.shape != variable.type.shape:
            raise Fault(
                "T0302",
                f"the weight `{variable.path}` is {variable.type}, and its value "
                f"{tensor.type}",
            )
        found[variable] = tensor
    return found
