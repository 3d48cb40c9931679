"""What layers add to the loss: values until the next forward pass, nodes in a trace."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from .calling import told
from .tensor import SymbolicTensor, convert_to_tensor
from .trace import current_trace

HOLDING: WeakSet[Any] = WeakSet()  # layers to which losses have been added


class AddingLosses:
    """What a layer that adds to the loss has."""

    _losses: list[Any]
    sublayers: Any
    trainable_weights: Any

    @told
    def add_loss(self, loss: Any) -> None:
        """Add a scalar to what training minimizes; kept for the last forward pass."""
        tensor = convert_to_tensor(loss)
        if (trace := current_trace()) is not None:
            trace.add_loss(tensor.as_node(), self)  # type: ignore[arg-type]
        else:
            self.hold_loss(tensor)

    def hold_loss(self, loss: Any) -> None:
        """Keep the value of a loss until the next forward pass."""
        self._losses.append(loss)
        HOLDING.add(self)

    @property
    def losses(self) -> list[Any]:
        """The losses added in the last forward pass, and weight regularization."""
        layers, added = [self, *self.sublayers], list[Any]()
        if (trace := current_trace()) is None:
            added += [loss for layer in layers for loss in layer._losses]
        else:
            added += map(SymbolicTensor, trace.losses_of(set(layers)))
        variables = [v for v in self.trainable_weights if v.regularizer is not None]
        return added + [v.regularizer(v) for v in variables]

    def _forget_losses(self) -> None:
        """A forward pass begins: the losses of the last one are forgotten."""
        trace = current_trace()
        if trace is None and not HOLDING:
            return
        layers = (self, *self.sublayers)
        if trace is not None:
            trace.forget_losses(set(layers))
        for layer in layers:
            layer._losses.clear()
            HOLDING.discard(layer)
