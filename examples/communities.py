"""The network of communities.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np

from tulle import Input, Model, Variable, ops

N = 24


def graph_conv(x: Any, edges: Any, units: int, name: str) -> Any:
    """A graph convolution as one layer."""
    inside = [
        Input(x.type.shape[1:], name="x"),
        Input(edges.type.shape[1:], name="edge"),
    ]
    known = (x.shape[-1], units)
    kernel = Variable("glorot_uniform", known, name="kernel")
    bias = Variable("zeros", (units,), name="bias")
    degree = ops.sum(inside[1], axis=-1, keepdims=True)
    y = (inside[1] / degree) @ (inside[0] @ kernel) + bias
    return Model(inside, y, name=name)([x, edges])


def build() -> Model:
    x, edges = Input(("N", 4), name="x"), Input(("N", "N"), name="edges")
    h = ops.relu(graph_conv(x, edges, 16, "first"))
    y = graph_conv(h, edges, 1, "second")
    return Model([x, edges], y[:, :, 0], name="Communities")


def arrays() -> dict[str, np.ndarray]:
    """Friends within two camps; of each node a hint of its own, mostly noise."""
    random = np.random.default_rng(0)
    member = random.integers(2, size=(300, N))
    alike = member[:, :, None] == member[:, None, :]
    drawn = random.random(alike.shape) < np.where(alike, 0.5, 0.1)
    edges = np.triu(drawn, 1)
    edges = edges + edges.transpose(0, 2, 1) + np.eye(N)
    x = random.normal(0, 1, (300, N, 4))
    x[:, :, 0] += 2 * member - 1
    named = {"x": x, "edges": edges, "member": member}
    return {name: array.astype("float32") for name, array in named.items()}
