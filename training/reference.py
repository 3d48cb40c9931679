"""A program that runs op by op, without compiling: what `run_eagerly=True` asks for.

It computes what the compiled program computes and is what that is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.differentiate import gradients
from ..graph.dim import Dim, Symbol
from ..graph.evaluate import evaluate
from ..graph.graph import Graph
from ..graph.listing import listing
from ..graph.match import match_types
from ..graph.node import Node, topological
from ..graph.tensor import SymbolicTensor
from ..graph.trace import Trace, tracing
from ..graph.types import TensorType, dtype_of
from ..graph.variable import Variable


class ReferenceProgram:
    """A graph evaluated node by node with the ops' own `run` bodies."""

    def __init__(self, graph: Graph):
        self.inputs = graph.inputs
        self.outputs = dict(graph.outputs)
        self.updates: dict[Variable, Node] = dict(graph.updates)
        if graph.objective is not None:
            self._differentiate(graph)
        self.draws = _draws([*self.outputs.values(), *self.updates.values()])

    def source(self) -> str:
        """The ops in their order, as text."""
        return listing(Graph(self.inputs, self.outputs, tuple(self.updates.items())))

    def _differentiate(self, graph: Graph) -> None:
        objective = graph.objective
        assert objective is not None
        sources = [variable.node for variable in objective.variables]
        found = gradients(graph.outputs[objective.loss], sources)
        pairs = [
            (SymbolicTensor(gradient), variable)
            for gradient, variable in zip(found, objective.variables, strict=True)
            if gradient is not None
        ]
        trace = Trace(training=True)
        # The optimizer starts from what the forward pass assigned.
        trace.updates.update(self.updates)
        with tracing(trace):
            objective.apply(pairs)
        self.updates = trace.updates

    def __call__(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """Run once; updates go to the variables in place."""
        values = dict(zip(self.inputs, arrays, strict=True))
        roots = [*self.outputs.values(), *self.updates.values()]
        found = evaluate(roots, values, self._sizes(arrays))
        # An output may be an input, or the array of a variable.
        results = {n: v.copy() for n, v in zip(self.outputs, found, strict=False)}
        after = found[len(self.outputs) :]
        for variable, value in zip(self.updates, after, strict=True):
            variable.assign(np.asarray(value))
        for generator, count in self.draws.items():
            generator.count += count
        return results

    def _sizes(self, arrays: Sequence[Any]) -> dict[Symbol, int]:
        names = [node.name or "input" for node in self.inputs]
        declared = [node.tensor_type for node in self.inputs]
        actual = [
            TensorType(dtype_of(a.dtype), tuple(map(Dim.of, a.shape))) for a in arrays
        ]
        sizes = match_types(names, declared, actual)
        return {symbol: dim.evaluate({}) for symbol, dim in sizes.items()}


def _draws(roots: Sequence[Node]) -> dict[Any, int]:
    """How often each generator is drawn from."""
    found: dict[Any, int] = {}
    for node in topological(roots):
        if node.op.name == "random_key":
            generator, draw = node.attributes["generator"], node.attributes["draw"]
            found[generator] = max(found.get(generator, 0), draw + 1)
    return found
