"""What nodes cost: operations on numbers, as polynomials in the sizes.

`Op.flops` is the rule of each op. A product and a sum count as two, any function of a
number (`exp`, a comparison) as one, moving elements as none. Composites cost what their
expansion costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .dim import Dim
from .evaluate import expanded
from .node import Node, normalize, topological

if TYPE_CHECKING:
    from .bodies import Body


def flops_of(outputs: Iterable[Node]) -> Dim:
    """The operations that outputs take, all below them included, each once.

    >>> from .tensor import input_node
    >>> from .types import F32, TensorType
    >>> x = input_node("x", TensorType(F32, (Dim.of(3), Dim.of(4))))
    >>> print(flops_of([x * x + x]))
    24
    """
    roots = list(outputs)
    final = normalize(roots, expanded)
    nodes = topological([final[node] for node in roots])
    return sum((node.op.flops(node) for node in nodes), Dim.of(0))


def flops_of_body(body: Body, sizes: Iterable[Dim]) -> Dim:
    """The operations of a turn of a loop, or of a branch."""
    values = dict(zip(body.symbols, map(Dim.of, sizes), strict=True))
    return flops_of(body.outputs).substitute(values)
