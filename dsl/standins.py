"""What stands for a model whose body has a mistake, so that its training is checked.

It has the inputs and outputs that the model declares, and no parameters.
"""

from __future__ import annotations

from typing import Any

from ..graph.layer import Layer
from ..graph.network import Network
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.types import TensorType
from . import declared
from . import syntax as s
from .expressions import Evaluator


class Unknown(Layer):
    """What stands for a layer that is not known: it has the declared results."""

    def __init__(self, title: str, name: str | None = None):
        super().__init__(name=name)
        self.kind_name, self.results = title, tuple[TensorType, ...]()

    def call(self, *inputs: Any) -> Any:
        made = [SymbolicTensor(input_node("extern", type)) for type in self.results]
        return made if len(made) > 1 else made[0]

    def cast_inputs(self, arguments: Any) -> Any:
        """The arguments as they are: nothing is computed with them."""
        return arguments


def stand_in(evaluator: Evaluator, item: s.ModelItem) -> Network | None:
    """A network of the declared types; None if some of them are at fault themselves."""
    before = len(evaluator.checker.faults)
    asked = [p.type for p in item.parameters.items]
    asked += [output.type for output in item.result.outputs]
    types = [declared.tensor_type(evaluator, one) for one in asked]
    # They were looked at before, and what is wrong with them was told.
    del evaluator.checker.faults[before:]
    known = [type for type in types if type is not None]
    count = len(item.parameters.items)
    if len(known) < len(types) or not count:
        return None
    inputs = [
        SymbolicTensor(input_node(p.name.text, type, p.name.span))
        for p, type in zip(item.parameters.items, known, strict=False)
    ]
    layer = Unknown(item.name.text)
    layer.results = tuple(known[count:])
    made = layer(*inputs)
    results = list(made) if isinstance(made, (list, tuple)) else [made]
    names = [output.name.text for output in item.result.outputs if output.name]
    outputs: Any = results if len(results) > 1 else results[0]
    if len(names) == len(results):
        outputs = dict(zip(names, results, strict=True))
    ends = inputs if len(inputs) > 1 else inputs[0]
    return Network(ends, outputs, name=item.name.text)
