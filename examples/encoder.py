"""The network of encoder.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np

from tulle import Input, Model, layers

WORDS = 20


def encoder(x: Any, heads: int, rate: float, name: str) -> Any:
    """One block as one layer."""
    width = int(x.shape[-1])
    inside = Input(x.type.shape[1:], name="x")
    attention = layers.MultiHeadAttention(heads, width // heads, name="attention")
    found = layers.Dropout(rate)(attention(inside, inside))
    seen = layers.LayerNormalization()(inside + found)
    thought = layers.Dense(2 * width, activation="relu")(seen)
    thought = layers.Dropout(rate)(layers.Dense(width)(thought))
    y = layers.LayerNormalization()(seen + thought)
    return Model(inside, y, name=name)(x)


def build(width: int = 32, depth: int = 2, rate: float = 0.1) -> Model:
    token = Input(("T",), dtype="int32", name="token")
    x = layers.Embedding(WORDS, width, name="meanings")(token)
    for turn in range(depth):
        x = encoder(x, 4, rate, f"block[{turn}]")
    x = layers.GlobalAveragePooling1D()(x)
    score = layers.Dense(1, name="score")(x)
    return Model(token, score[:, 0], name="More")


def arrays() -> dict[str, np.ndarray]:
    """Texts with 1 and 2 in unequal numbers."""
    random = np.random.default_rng(0)
    token = random.choice(WORDS, (1200, 15), p=[0.0, 0.3, 0.3, *[0.4 / 17] * 17])
    ones, twos = (np.sum(token == word, axis=1) for word in (1, 2))
    kept = ones != twos
    more = (ones > twos)[kept].astype("float32")
    return {"token": token[kept].astype("int32"), "more": more}
