"""Layers called on symbols: a call is one node, and what is known of its results."""

from __future__ import annotations

from typing import Any

from . import tree
from .calling import told
from .diagnostics import Fault, TensorTypeError, caller_span
from .layer_calls import LayerCall, first_argument, placeholders
from .node import Unique
from .registry import OPS
from .tensor import SymbolicTensor
from .trace import Trace, tracing
from .types import TupleType


class CalledOnSymbols:
    """What a layer has because it can be called on symbols."""

    _first_call: tuple[Any, Any] | None
    name: Any
    ensure_built: Any
    run_call: Any

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A node for the call, and its results arranged as `call` returns them."""
        self.ensure_built(args, kwargs)
        operands, structure = tree.flatten((args, kwargs))
        invocation = LayerCall(self, structure, caller_span())  # type: ignore[arg-type]
        nodes = tuple(operand.as_node() for operand in operands)
        node = OPS["layer_call"].apply(
            nodes, {"call": invocation, "symbol": Unique(self.name)}, name=self.name
        )
        object.__setattr__(node, "span", invocation.span)
        if isinstance(node.type, TupleType):
            count = range(len(node.type.items))
            items = [OPS["item"].apply((node,), {"index": i}) for i in count]
            result = tree.unflatten(invocation.result, map(SymbolicTensor, items))
        else:
            result = SymbolicTensor(node)
        if self._first_call is None:
            self._first_call = first_argument(args, kwargs), result
        return result

    def _of_first_call(self, place: int, what: str) -> Any:
        if self._first_call is None:
            fault = Fault(
                "T0505",
                f"`{self.name}` has no {what} before it is called on a symbolic tensor",
                help=[f"call it first: `{self.name}(Input(…))`"],
            )
            raise TensorTypeError.of(fault, caller_span())
        return self._first_call[place]

    @property
    def input(self) -> Any:
        """The symbolic input of the first call: for a model that ends here, say."""
        return self._of_first_call(0, "input")

    @property
    def output(self) -> Any:
        """The symbolic output of the first call."""
        return self._of_first_call(1, "output")

    @told
    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for shapes of the inputs, None for unknown sizes.

        Shapes come in the order of `call`, or by name: `<argument>_shape`.
        """
        given, named = placeholders(self, args, kwargs)  # type: ignore[arg-type]
        found = self.compute_output_spec(*given, **named)
        return tree.map_leaves(lambda t: t.shape, found)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer returns for symbolic arguments, without keeping a node."""
        with tracing(Trace(training=False)):
            return self.run_call(args, kwargs)
