"""A recurrent layer run in both directions."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..diagnostics import Fault
from ..layer import Layer
from ..operand import Operand
from ..registry import call
from .recurrent_cells import tree_sizes
from .wrappers import checked_layer

__all__ = ["Bidirectional"]

MERGES = ("concat", "sum", "mul", "ave", None)
NEEDED = ("go_backwards", "return_sequences", "return_state", "stateful")


class Bidirectional(Layer):
    """A recurrent layer and its mirror image, which starts at the end of the sequence.

    `layer` is made anew from its configuration as `forward_layer`, and with
    `go_backwards` turned as `backward_layer`, unless that is given. The outputs of the
    second are put in the order of the first, and then `merge_mode` says what becomes of
    both: "concat" along the last axis, "sum", "mul", "ave", or None for a tuple. With
    `return_state` the states of the first follow, then those of the second; an
    `initial_state` has them in this order. Where sequences are returned, masked steps
    give 0. `weights` are the first values, in the order of `weights`. Raises T0204 for
    layers that do not fit together. Source: Schuster and Paliwal 1997.

    >>> import numpy as np
    >>> from .recurrent import LSTM
    >>> Bidirectional(LSTM(4))(np.ones((2, 5, 3), "float32")).shape
    (2, 8)
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if merge_mode not in MERGES:
            raise Fault(
                "T0204",
                "`merge_mode` of `Bidirectional` is `concat`, `sum`, `mul`, `ave` or "
                f"None, not {merge_mode!r}",
                argument="merge_mode",
            )
        self.merge_mode, self._first = merge_mode, weights
        _recurrent(self, "layer", layer)
        self.forward_layer: Any = _renamed(layer, "forward")
        self.backward_layer: Any = (
            _renamed(layer, "backward", go_backwards=not layer.go_backwards)
            if backward_layer is None
            else _recurrent(self, "backward_layer", backward_layer)
        )
        self._check_pair()
        both: list[Any] = [self.forward_layer, self.backward_layer]
        for one in both:
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.return_sequences = layer.return_sequences
        self.return_state, self.stateful = layer.return_state, layer.stateful

    def _check_pair(self) -> None:
        one, two = self.forward_layer, self.backward_layer
        if one.go_backwards == two.go_backwards:
            raise Fault(
                "T0204",
                "both layers of `Bidirectional` go in one direction: `go_backwards` is "
                f"{one.go_backwards} in each",
                argument="backward_layer",
                help=["set `go_backwards=True` in `backward_layer`"],
            )
        for name in NEEDED[1:]:
            if getattr(one, name) != getattr(two, name):
                raise Fault(
                    "T0204",
                    f"`{name}` is {getattr(one, name)} in `layer` and "
                    f"{getattr(two, name)} in `backward_layer` of `Bidirectional`",
                    argument="backward_layer",
                    help=[f"give both the same `{name}`"],
                )

    def build(self, sequences_shape: Any) -> None:
        for one in (self.forward_layer, self.backward_layer):
            if not one.built:
                one.build(sequences_shape)
        if self._first is not None:
            self.set_weights(list(self._first))

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        first, second = self._halves(initial_state)
        options = {"mask": mask, "training": training}
        one = self.forward_layer(sequences, initial_state=first, **options)
        two = self.backward_layer(sequences, initial_state=second, **options)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*one[1:], *two[1:])
            one, two = one[0], two[0]
        if self.return_sequences:
            two = call("flip", two, 1)
        merged = self._merged(one, two)
        if not self.return_state:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merged(self, one: Any, two: Any) -> Any:
        if self.merge_mode is None:
            return one, two
        if self.merge_mode == "concat":
            return call("concatenate", [one, two], axis=-1)
        if self.merge_mode == "mul":
            return one * two
        return one + two if self.merge_mode == "sum" else (one + two) / 2

    def _halves(self, states: Any) -> tuple[Any, Any]:
        """The first states of both layers."""
        if states is None:
            return None, None
        nest = [states] if isinstance(states, Operand) else list(states)
        if len(nest) % 2:
            raise Fault(
                "T0203",
                f"`{self.name}` starts with the states of both of its layers, and "
                f"`initial_state` has {len(nest)}",
                argument="initial_state",
            )
        half = len(nest) // 2
        return nest[:half], nest[half:]

    # State between calls.

    @property
    def states(self) -> Any:
        """The states kept by both layers; None without `stateful`, or unbuilt."""
        one, two = self.forward_layer.states, self.backward_layer.states
        return (*one, *two) if one and two else None

    def reset_state(self) -> None:
        """Set the states kept between calls to 0."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        leaves = tree.flatten(previous_mask)[0]
        mask = leaves[0] if leaves and self.return_sequences else None
        both = [mask] if self.merge_mode is not None else [mask, mask]
        if self.return_state:
            sizes = getattr(self.forward_layer, "state_size", ())
            both += [None] * (2 * len(tree_sizes(sizes)))
        return both if len(both) > 1 else mask

    @property
    def makes_mask(self) -> bool:
        """No: the mask of the output is that of the input."""
        return False


def _recurrent(holder: Layer, argument: str, layer: Any) -> Any:
    """A layer that goes along sequences; refuses another."""
    checked_layer(holder, argument, layer)
    lacking = [name for name in NEEDED if not hasattr(layer, name)]
    if not lacking:
        return layer
    cell = hasattr(layer, "state_size")
    raise Fault(
        "T0204",
        f"`{argument}` of `Bidirectional` is a recurrent layer, and "
        f"`{type(layer).__name__}` has no `{lacking[0]}`",
        argument=argument,
        help=["a cell needs a loop around it: `RNN(cell)`"] if cell else [],
    )


def _renamed(layer: Any, direction: str, **settings: Any) -> Layer:
    """A layer of the same configuration, under a name that says its direction."""
    config = layer.get_config()
    name = f"{direction}_{layer.name.removeprefix(f'{direction}_')}"
    made: Layer = type(layer).from_config({**config, **settings, "name": name})
    return made
