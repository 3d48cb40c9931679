"""`GradientTape`: eager ops recorded as nodes with values.

The gradient is taken on the nodes, by the same rules as everywhere, and evaluated by
running those ops on the recorded values; so an outer tape records it in turn. Inside a
trace everything is a node already, and a tape only asks for the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import tree
from .calling import held_to_signature
from .derivatives import evaluated, jacobian_rows
from .diagnostics import Fault, TensorTypeError, caller_span
from .differentiate import gradients, gradients_of
from .kinds import shown
from .network import replay
from .node import Node, topological
from .operand import Operand
from .pulling import asked, slopes, total
from .recording import Mark, Recorder
from .registry import call
from .tensor import SymbolicTensor, Tensor, input_node


class GradientTape(Recorder):
    """Records what happens to watched tensors, to differentiate it.

    Trainable variables are watched unless `watch_accessed_variables` is False. A tape
    gives one gradient, or any number if `persistent`. Tapes nest for higher orders.

    >>> from tulle.graph.variable import Variable
    >>> x = Variable(3.0)
    >>> with GradientTape() as tape:
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self.persistent = persistent
        super().__init__(watch_accessed_variables)

    def reset(self) -> None:
        super().reset()
        self.used = False

    @held_to_signature
    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """The gradient of a target, or of the sum of several, for each source.

        `sources` is a tensor, a variable or a nest of them, and so is the result; a
        source that the target does not depend on gives None, or zeros if
        `unconnected_gradients` is "zero". `output_gradients` weighs the elements of
        the target.
        """
        zeros = _asks_zeros(unconnected_gradients)
        self._use()
        leaves, structure = _operands("sources", sources)
        with self.listening():
            weighed = _weighed(target, output_gradients)
        try:
            found = self._gradients(weighed, leaves)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        if zeros:
            pairs = zip(leaves, found, strict=True)
            found = [_zeros(leaf) if part is None else part for leaf, part in pairs]
        return tree.unflatten(structure, iter(found))

    @held_to_signature
    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """All derivatives of a tensor: the shape of the target, then of each source.

        It takes one backward pass for each element of the target.
        """
        zeros = _asks_zeros(unconnected_gradients)
        self._use()
        leaves, structure = _operands("sources", sources)
        found = self._rows(_one("target", target), leaves, False)
        return tree.unflatten(structure, _connected(found, zeros))

    @held_to_signature
    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each row of a batch by the same row of the source.

        The result is [batch, target sizes, source sizes]. Rows of the target must not
        depend on other rows of the source.
        """
        zeros = _asks_zeros(unconnected_gradients)
        self._use()
        found = self._rows(_one("target", target), [_one("source", source)], True)
        return next(_connected(found, zeros))

    def _use(self) -> None:
        if self.used and not self.persistent:
            fault = Fault(
                "T0506",
                "this tape has given its one gradient",
                help=["use `GradientTape(persistent=True)`"],
            )
            raise TensorTypeError.of(fault, caller_span())
        self.used = True

    def _rows(self, target: Any, leaves: list[Any], batched: bool) -> list[Any]:
        """Pairs of a Jacobian, and whether the target depends on that source."""
        symbolic = isinstance(target, SymbolicTensor)
        groups = [self._nodes(leaf, symbolic) for leaf in leaves]
        seed = input_node("cotangent", target.type)
        reached = {} if target.node is None else {target.node: seed}
        known = {} if symbolic else self.known

        def pull(cotangent: Any) -> list[Any]:
            found = iter(evaluated(sums, known, {seed: cotangent}, symbolic))
            pairs = zip(sums, leaves, strict=True)
            return [_zeros(leaf) if s is None else next(found) for s, leaf in pairs]

        try:
            parts = iter(gradients_of(reached, [n for group in groups for n in group]))
            sums = [total([next(parts) for _ in group]) for group in groups]
            rows = jacobian_rows(pull, target.type, batched)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        return [(row, s is not None) for row, s in zip(rows, sums, strict=True)]

    def _gradients(self, target: Any, leaves: list[Any]) -> list[Any]:
        symbolic = isinstance(target, SymbolicTensor)
        if target is None or (not symbolic and target.mark is None):
            return [None] * len(leaves)
        if not symbolic:
            marks = [self._marks(leaf) for leaf in leaves]
            found = asked(self, target.mark, marks)
            if found is not None:
                return found.derive(slopes, (), leaves[0] if leaves else None)
        nodes = [self._nodes(leaf, symbolic) for leaf in leaves]
        parts = iter(gradients(target.node, [n for group in nodes for n in group]))
        sums = [total([next(parts) for _ in group]) for group in nodes]
        wanted = [node for node in sums if node is not None]
        if symbolic:
            values = iter([SymbolicTensor(node) for node in wanted])
        else:
            values = iter(self._evaluate(wanted))
        return [None if node is None else next(values) for node in sums]

    def _marks(self, leaf: Any) -> list[Mark]:
        """What stands for a source here: a variable is one at each read."""
        known = [leaf.mark] if isinstance(leaf, Tensor) else self.reads.get(leaf, [])
        return [mark for mark in known if mark in self.followed]

    def _nodes(self, leaf: Any, symbolic: bool) -> list[Node]:
        """The nodes whose gradients add up to that of a source."""
        if symbolic:
            apart = isinstance(leaf, Tensor | SymbolicTensor)
            return ([] if apart else self.noted.get(leaf, [])) or [leaf.as_node()]
        return [mark.node for mark in self._marks(leaf)]

    def _evaluate(self, wanted: list[Node]) -> list[Any]:
        """Run gradient nodes on the recorded values, for outer tapes to record."""
        known = self.known
        with self.stop_recording():
            return replay(topological(wanted, known), wanted, known, {})


def _asks_zeros(given: Any) -> bool:
    """The argument `unconnected_gradients`: whether zeros are wanted."""
    if given is None or (isinstance(given, str) and given in ("none", "zero")):
        return bool(given == "zero")
    told = f"`unconnected_gradients` is `none` or `zero`, not {shown(given)}"
    raise TensorTypeError.of(Fault("T0204", told), caller_span())


ADVICE = {
    "target": "what NumPy or Python computes, no tape sees: `ops` has the functions",
    "sources": "a tape follows variables, and the tensors that it watches",
}


def _operands(argument: str, given: Any) -> tuple[list[Any], Any]:
    """The tensors and variables of a nest, and its structure; refuses other leaves.

    None stays: a gradient that is not there is a target as well.
    """
    leaves, structure = tree.flatten(
        given, lambda item: item is not None and not tree.is_nest(item)
    )
    wrong = [leaf for leaf in leaves if not isinstance(leaf, Operand)]
    if not wrong:
        return leaves, structure
    help = ADVICE[argument]
    if hasattr(wrong[0], "trainable_weights"):
        help = "its weights are a list: `trainable_weights`"
    what = "a tensor, a variable or a nest of them"
    told = f"`{argument}` is {what}, not {shown(wrong[0])}"
    raise TensorTypeError.of(Fault("T0204", told, help=[help]), caller_span())


def _one(argument: str, given: Any) -> Any:
    """A target or source that is a single tensor."""
    if isinstance(given, Operand):
        return given
    told = f"`{argument}` is a tensor or a variable, not {shown(given)}"
    raise TensorTypeError.of(Fault("T0204", told), caller_span())


def _connected(found: list[Any], zeros: bool) -> Iterator[Any]:
    """Jacobians, and None for what is not connected, unless zeros are asked for."""
    return iter([row if connected or zeros else None for row, connected in found])


def _weighed(target: Any, weights: Any) -> Any:
    """The scalar whose gradient is asked for: the weighed sum over all targets."""
    targets = _operands("target", target)[0]
    given = tree.flatten(weights)[0] or [None] * len(targets)
    if len(targets) == 1 and given[0] is None and targets[0].__class__ is Tensor:
        if not targets[0].type.shape and targets[0].type.dtype.is_float:
            return targets[0]
    pairs = zip(targets, given, strict=True)
    return total([call("sum", t if w is None else t * w) for t, w in pairs])


def _zeros(leaf: Any) -> Any:
    return call("full", leaf.type.shape, 0, leaf.type.dtype.name)
