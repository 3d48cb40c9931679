"""The network of decoder.net in Python: the same names, the same graph."""

from typing import Any

import numpy as np

from tulle import Input, Model, layers, ops

WORDS = 12


def decoder(x: Any, heads: int, name: str) -> Any:
    """One causal block as one layer."""
    width = int(x.shape[-1])
    inside = Input(x.type.shape[1:], name="x")
    attention = layers.MultiHeadAttention(heads, width // heads, name="attention")
    normal = layers.LayerNormalization()(inside)
    seen = inside + attention(normal, normal, use_causal_mask=True)
    y = layers.LayerNormalization()(seen)
    y = layers.Dense(4 * width, activation="gelu")(y)
    return Model(inside, seen + layers.Dense(width)(y), name=name)(x)


def build(width: int = 32) -> Model:
    token = Input(("T",), dtype="int32", name="token")
    place = layers.Embedding(256, width, name="places")(ops.arange(token.type.shape[1]))
    x = layers.Embedding(WORDS, width, name="meanings")(token) + place
    x = decoder(x, 4, "block")
    x = layers.LayerNormalization()(x)
    return Model(token, layers.Dense(WORDS, name="logits")(x), name="Language")


def arrays() -> dict[str, np.ndarray]:
    """Texts that count up or down by a step of their own, modulo the words."""
    random = np.random.default_rng(0)
    start, step = random.integers(WORDS, size=(2, 600, 1))
    text = (start + step * np.arange(13)) % WORDS
    return {"token": text[:, :-1].astype("int32"), "next": text[:, 1:].astype("int32")}
