"""`InputLayer`, the beginning of a model among its layers, and the order of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .diagnostics import Fault
from .dim import Dim
from .layer import Layer
from .node import Node
from .tensor import SymbolicTensor


class InputLayer(Layer):
    """An input of a model as a layer: `output` is its symbol. It computes nothing.

    A `Sequential` may begin with one; `Input` is the usual form. It may stand for an
    `input_tensor`; raises T0204 for one that is not symbolic.

    >>> InputLayer(shape=(3,)).output.shape
    (None, 3)
    """

    def __init__(
        self,
        shape: Sequence[int | str | Dim | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | str | Dim | None] | None = None,
        input_tensor: Any = None,
        name: str | None = None,
    ):
        from .network import Input

        super().__init__(name=name)
        if input_tensor is None:
            input_tensor = Input(shape, batch_size, dtype, batch_shape, name)
        if not isinstance(input_tensor, SymbolicTensor):
            raise Fault(
                "T0204",
                f"`input_tensor` is what `Input` gives, not {input_tensor!r}",
                argument="input_tensor",
            )
        self.symbol, self.built = input_tensor, True
        self._first_call = input_tensor, input_tensor

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """The shape of the input, with None for sizes that are not fixed."""
        return self.symbol.shape

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self.symbol.dtype

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "name": self.name,
        }


def is_input(layer: Layer) -> bool:
    """Whether a layer is an input of a model."""
    return isinstance(layer, InputLayer)


def keras_order(outputs: Sequence[Node]) -> list[Node]:
    """The inputs and layer calls behind outputs, as Keras orders a model's layers.

    Those farther from the outputs come first; those equally far as a walk from the
    outputs meets them. A layer that is called several times stands where its farthest
    call is.
    """
    met: dict[Any, int] = {}
    walked = _walk(outputs, met)
    farthest: dict[Any, int] = {}
    away: dict[Node, int] = {}
    for node in reversed(walked):
        step = 0 if node.op.name == "item" else 1
        own = max(away.get(node, 0), farthest.get(_owner(node), 0))
        farthest[_owner(node)] = away[node] = own
        for source in node.inputs:
            away[source] = max(away.get(source, 0), own + step)
    shown = [n for n in walked if n.op.name in ("input", "layer_call")]
    first = {_owner(node): node for node in reversed(shown)}
    return sorted(first.values(), key=lambda n: (-farthest[_owner(n)], met[_owner(n)]))


def _owner(node: Node) -> Any:
    """What is one thing in the order: a layer for all its calls, else a node."""
    return node.attributes["call"].layer if node.op.name == "layer_call" else node


def _walk(outputs: Sequence[Node], met: dict[Any, int]) -> list[Node]:
    """All nodes, operands first; `met` numbers owners as a walk down meets them."""
    walked: list[Node] = []
    seen: set[Node] = set()
    for output in outputs:
        stack: list[tuple[Node, bool]] = [(output, False)]
        while stack:
            node, left = stack.pop()
            if left:
                walked.append(node)
                continue
            if node in seen:
                continue
            seen.add(node)
            met.setdefault(_owner(node), len(met))
            stack.append((node, True))
            stack += [(source, False) for source in reversed(node.inputs)]
    return walked
