"""Layers around another layer: `Wrapper`, their base, and `TimeDistributed`."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call
from ..tensor import SymbolicTensor, input_node
from ..trace import Trace, current_training, tracing
from .core import MOST_TURNS

__all__ = [
    "TimeDistributed",
    "Wrapper",
]


class Wrapper(Layer):
    """The base of layers that hold another one in `layer`; by itself it just calls it.

    The weights are those of `layer`. Raises T0204 for what is no layer.

    >>> class Twice(Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(Layer(name="inner")).layer.name
    'inner'
    """

    def __init__(self, layer: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.layer = checked_layer(self, "layer", layer)

    @property  # where other layers have a constant
    def takes_ids(self) -> bool:  # type: ignore[override]
        """Whether the layer within may take floats for ids."""
        return self.layer.takes_ids

    def call(self, inputs: Any) -> Any:
        return self.layer(inputs)


def checked_layer(holder: Layer, argument: str, value: Any) -> Layer:
    """A layer that is an argument of another; refuses anything else."""
    if isinstance(value, Layer):
        return value
    made = isinstance(value, type) and issubclass(value, Layer)
    raise Fault(
        "T0204",
        f"`{argument}` of `{type(holder).__name__}` is a layer, not {value!r}",
        argument=argument,
        help=[f"make one of the class: `{value.__name__}(…)`"] if made else [],
    )


class TimeDistributed(Wrapper):
    """A layer applied to each step of a sequence by itself.

    Input [batch, steps, ...], output [batch, steps, ...] with what `layer` makes of
    [batch, ...] at each step, for each of its outputs. All steps are computed at once,
    as one larger batch; only where the layer updates weights of its own in a call, as
    batch normalization does in training, one after the other. A mask [batch, steps]
    goes on to the output; one of more axes goes to the layer as well. Raises T0306 for
    an input without steps.

    >>> import numpy as np
    >>> from .core import Dense
    >>> TimeDistributed(Dense(4))(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 4)
    """

    supports_masking = True

    def __init__(self, layer: Any, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self._updating: dict[bool, bool] = {}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        for leaf in tree.flatten(inputs)[0]:
            self._check(leaf)
        self._check_mask(inputs, mask)
        if self._updates(inputs):
            return self._one_by_one(inputs, mask)
        batch, steps = tree.flatten(inputs)[0][0].type.shape[:2]

        def merged(x: Any) -> Any:
            return call("reshape", x, (batch * steps, *x.type.shape[2:]))

        def parted(x: Any) -> Any:
            return call("reshape", x, (batch, steps, *x.type.shape[1:]))

        options = {} if mask is None else self._options(merged(mask))
        result = self.layer(tree.map_leaves(merged, inputs), **options)
        return tree.map_leaves(parted, result)

    def _check(self, leaf: Any) -> None:
        if leaf.ndim >= 3:
            return
        raise Fault(
            "T0306",
            f"`{self.name}` goes along the steps of (batch, steps, …), and its input "
            f"{leaf.type} has {leaf.ndim} axes",
            operands={0: str(leaf.type)},
            help=[f"call `{self.layer.name}` itself on what has no steps"],
        )

    def _check_mask(self, inputs: Any, mask: Any) -> None:
        """A mask says of each step, or of parts of it, whether it counts."""
        if mask is None:
            return
        shape = tree.flatten(inputs)[0][0].type.shape[:2]
        if mask.ndim < 2 or mask.type.shape[:2] != shape:
            sizes = ", ".join(map(str, shape))
            raise Fault(
                "T0302",
                f"a mask of `{self.name}` has the batch and steps of its input, "
                f"[{sizes}, …], and this is {mask.type}",
                argument="mask",
            )

    def _options(self, mask: Any) -> dict[str, Any]:
        """The mask for the layer inside, if there is one for parts of a step."""
        wanted = self.layer.wants_mask and mask.ndim > 1
        return {"mask": mask} if wanted else {}

    def _updates(self, inputs: Any) -> bool:
        """Whether a call of the layer changes its variables, in the mode in force."""
        training = current_training()
        if training not in self._updating:
            trace = Trace(training)
            with tracing(trace):
                self.layer(tree.map_leaves(_step_of, inputs))
            self._updating[training] = bool(trace.updates)
        return self._updating[training]

    def _one_by_one(self, inputs: Any, mask: Any) -> Any:
        steps = tree.flatten(inputs)[0][0].type.shape[1].value
        if steps is None:
            raise Fault(
                "T0306",
                f"`{self.layer.name}` updates weights at each step, for which "
                f"`{self.name}` needs a known number of steps",
                operands={0: str(tree.flatten(inputs)[0][0].type)},
                help=["give `Input` the number of steps"],
            )
        if steps > MOST_TURNS:
            raise Fault(
                "T0306",
                f"`{self.name}` has {steps} steps, and {MOST_TURNS} are the "
                "most that are written out one by one",
                help=["take shorter sequences"],
            )
        found = []
        for step in range(steps):
            options = {} if mask is None else self._options(mask[:, step])
            found.append(self.layer(_part(inputs, step), **options))
        columns = zip(*(tree.flatten(one)[0] for one in found), strict=True)
        stacked = iter([call("stack", list(column), axis=1) for column in columns])
        return tree.unflatten(tree.flatten(found[0])[1], stacked)


def _part(inputs: Any, step: int) -> Any:
    return tree.map_leaves(lambda x: x[:, step], inputs)


def _step_of(operand: Any) -> SymbolicTensor:
    """A symbol for one step of a sequence."""
    shape = operand.type.shape
    return SymbolicTensor(
        input_node("step", operand.type.with_shape((shape[0], *shape[2:])))
    )
