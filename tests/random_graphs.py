"""Graphs of many ops on two inputs, for tests that compare what passes make of them."""

from hypothesis import strategies as st

from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

ROW, COLUMN = Symbol("row"), Symbol("column")
SIZES = {ROW: 3, COLUMN: 5}
UNARY = "negative tanh sigmoid square exp relu abs sin softmax cumulate".split()
BINARY = "add subtract multiply maximum minimum divide".split()
MOVES = ("transpose", "flatten", "column_sum", "row", "where", "matmul", "slice")


@st.composite
def graphs(draw):
    """A graph of up to twenty ops on two inputs, with values used more than once."""
    dims = (Dim.from_symbol(ROW), Dim.from_symbol(COLUMN))
    type = TensorType(dtype_of("float32"), dims)
    inputs = (input_node("a", type), input_node("b", type))
    nodes = list(inputs)
    for _ in range(draw(st.integers(1, 20))):
        x = nodes[draw(st.integers(0, len(nodes) - 1))]
        y = nodes[draw(st.integers(0, len(nodes) - 1))]
        name = draw(st.sampled_from([*UNARY, *BINARY, *MOVES]))
        nodes.append(step(name, x, y))
    count = draw(st.integers(1, 3))
    chosen = [nodes[draw(st.integers(0, len(nodes) - 1))] for _ in range(count)]
    outputs = {f"out_{i}": node for i, node in enumerate([*chosen, nodes[-1]])}
    return Graph(inputs, outputs)


def step(name, x, y):
    """A node of the same type as x and y, by one or a few ops."""
    match name:
        case "transpose":
            turned = call("transpose", x) * 0.5
            return call("transpose", turned) + y
        case "flatten":
            flat = call("reshape", call("transpose", x), (-1,))
            return call("reshape", flat, x.shape) - y
        case "column_sum":
            return x - call("sum", y, axis=0)
        case "row":
            return x + call("broadcast_to", y[0], y.shape)
        case "where":
            return call("where", x > y, x, y * 0.5)
        case "matmul":
            return call("matmul", call("matmul", x, call("transpose", y)), x) * 0.01
        case "slice":
            return x + y[:, :1]
        case "cumulate":
            return x + call("max", x, axis=1, keepdims=True)
        case _:
            return OPS[name](x, y) if name in BINARY else OPS[name](x)
