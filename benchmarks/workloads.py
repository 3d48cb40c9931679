"""The workloads: what they are called, and the arrays that every system is given.

The networks stand in `networks_keras.py` (Tulle and Keras), `networks_jax.py` and
`networks_torch.py`, under the same names; `further_keras.py` and so on have more kinds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Field:
    """Random arrays of one shape: numbers from 0 to 1, or integers below a bound."""

    shape: tuple[int, ...]
    below: int | None = None

    def draw(self, random: np.random.Generator, rows: int) -> np.ndarray:
        """So many rows of it."""
        shape = (rows, *self.shape)
        if self.below is None:
            return random.random(shape, np.float32)
        return random.integers(0, self.below, shape, np.int32)


@dataclass(frozen=True)
class Workload:
    """A network that is trained; without `y` it is trained to give back `x`."""

    name: str
    words: str
    batch: int
    x: Field
    y: Field | None

    def batches(
        self, count: int = 8, rows: int | None = None
    ) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Different batches, of the usual number of rows or of another one."""
        random = np.random.default_rng(0)
        rows = rows or self.batch
        return [
            (self.x.draw(random, rows), self.y and self.y.draw(random, rows))
            for _ in range(count)
        ]


def itself(x: Any, y: Any) -> Any:
    """The target: without one, the input."""
    return x if y is None else y


def neighbors() -> np.ndarray:
    """Which of 64 nodes are joined in the graph of `gat`; each with itself."""
    return (np.random.default_rng(2).random((64, 64)) < 0.2) | np.eye(64, dtype=bool)


PIXELS, CLASS = Field((784,)), Field((), 10)

EIGHT = (
    Workload("mlp", "784-32-32-10, relu", 64, PIXELS, CLASS),
    Workload("vae", "784-64-32-64-784, a variational autoencoder", 32, PIXELS, None),
    Workload("hyper", "a network that makes the weights of another", 1, PIXELS, CLASS),
    Workload(
        "conv", "28×28, 32 and 64 filters, dropout", 32, Field((28, 28, 1)), CLASS
    ),
    Workload("lstm", "28 steps of 28, 128 units", 64, Field((28, 28)), CLASS),
    Workload(
        "block", "attention and feed-forward, 64×128", 16, Field((64, 128)), CLASS
    ),
    Workload("bigmlp", "784-1024-1024-10, relu", 256, PIXELS, CLASS),
    Workload("deepmlp", "twenty layers of 64, relu", 16, PIXELS, CLASS),
)

# Kinds of networks that the eight do not have, so that no one tunes for these alone.
OTHERS = (
    Workload("gru", "40 steps of 16, 96 units", 32, Field((40, 16)), CLASS),
    Workload(
        "resnet",
        "a residual block with batch normalization, SGD with momentum",
        16,
        Field((16, 16, 32)),
        CLASS,
    ),
    Workload(
        "unet",
        "32×32, two scales, binary mask",
        8,
        Field((32, 32, 1)),
        Field((32, 32, 1), 2),
    ),
    Workload(
        "normed", "256-512-512-10, layer norm, gelu, AdamW", 128, Field((256,)), CLASS
    ),
    Workload(
        "decoder",
        "causal attention over 64 tokens",
        8,
        Field((64,), 1000),
        Field((64,), 1000),
    ),
    Workload(
        "series",
        "convolutions over 128 steps, a number out, RMSprop",
        32,
        Field((128, 8)),
        Field((1,)),
    ),
    Workload(
        "text", "mean of 100 embeddings, dense", 64, Field((100,), 5000), Field((1,), 2)
    ),
    Workload("separable", "depthwise-separable, 32×32", 16, Field((32, 32, 3)), CLASS),
    Workload(
        "bilstm",
        "both ways over 40 embeddings, with a mask",
        32,
        Field((40,), 50),
        Field((1,), 2),
    ),
    Workload("mixer", "MLP-Mixer, 64 tokens of 96", 8, Field((32, 32, 3)), CLASS),
    Workload("experts", "two of eight experts a row", 64, Field((64,)), CLASS),
    Workload("ranks", "sorted, top 16, 256 wide", 32, Field((256,)), Field((1,))),
    Workload(
        "wavenet",
        "gated causal convolutions, dilated",
        8,
        Field((256,), 64),
        Field((256,), 64),
    ),
    Workload(
        "physics", "second derivatives in the loss", 256, Field((2,)), Field((1,))
    ),
    Workload("ode", "ten Runge-Kutta steps in a loop", 64, Field((16,)), CLASS),
    Workload(
        "grouped",
        "group normalization, standardized kernels",
        8,
        Field((16, 16, 32)),
        CLASS,
    ),
    Workload("gp", "a Gaussian process of 64 points", 64, Field((4,)), Field((1,))),
    Workload("kalman", "a Kalman filter over 50 steps", 16, Field((50, 4)), None),
    Workload(
        "selective",
        "a selective state space over 64 steps",
        8,
        Field((64, 32)),
        Field((64,), 10),
    ),
    Workload("crf", "labels in a chain of 30", 16, Field((30,), 500), Field((30,), 12)),
    Workload(
        "gat",
        "attention along the edges of a graph",
        8,
        Field((64, 32)),
        Field((64,), 7),
    ),
    Workload("vqvae", "pixels by way of 64 codes", 16, Field((16, 16, 3)), None),
)

# Those of the eight that are heavy enough for the width of a number to matter.
HALVES = tuple(one for one in EIGHT if one.name in ("conv", "lstm", "block", "bigmlp"))
WORKLOADS = {workload.name: workload for workload in (*EIGHT, *OTHERS)}
