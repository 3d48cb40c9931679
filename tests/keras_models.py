"""Models written with Keras's names: both libraries build and save them."""

from collections.abc import Callable
from typing import Any

import numpy as np

Built = tuple[Any, Any, Any]  # a model, what it is called on, targets or None


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def branches(k: Any) -> Built:
    """Two inputs, a shared layer, ops between layers, a nested model, two outputs."""
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    shared = k.layers.Dense(3, activation="relu", name="shared")
    one, two = shared(left), shared(right)
    joined = k.ops.concatenate([one * 0.5 + two, one[:, ::-1]], axis=-1)
    joined = k.layers.BatchNormalization(name="norm")(joined)
    inner_x = k.Input((6,), name="inner_x")
    inner_y = k.layers.Dense(2, kernel_regularizer="l2", name="deep")(inner_x)
    inner = k.Model(inner_x, inner_y, name="inner")
    first = inner(joined)
    second = inner(k.layers.Add(name="sum")([joined, joined]))
    last = k.layers.Dense(1, name="last")(k.ops.mean(second, axis=-1, keepdims=True))
    model = k.Model([left, right], {"first": first, "last": last}, name="branches")
    model.compile(
        optimizer=k.optimizers.Adam(0.01, clipnorm=1.0),
        loss={"first": "mse", "last": k.losses.Huber()},
        loss_weights={"first": 1.0, "last": 0.5},
        metrics={"first": ["mae"], "last": [k.metrics.MeanAbsoluteError(name="far")]},
    )
    given = [numbers(6, 4), numbers(6, 4, seed=2)]
    targets = {"first": numbers(6, 2, seed=3), "last": numbers(6, 1, seed=4)}
    model.fit(given, targets, epochs=2, batch_size=3, verbose=0, shuffle=False)
    return model, given, targets


def sequence(k: Any) -> Built:
    """Masks, recurrent layers of all kinds, one above the other."""
    cells = [k.layers.GRUCell(3), k.layers.LSTMCell(2)]
    model = k.Sequential(
        [
            k.Input((5,), dtype="int32", name="words"),
            k.layers.Embedding(7, 4, mask_zero=True, name="table"),
            k.layers.Bidirectional(
                k.layers.LSTM(2, return_sequences=True), name="both"
            ),
            k.layers.SimpleRNN(3, return_sequences=True, name="simple"),
            k.layers.RNN(cells, name="stack"),
            k.layers.Dense(2, activation="softmax", name="scores"),
        ],
        name="sequence",
    )
    model.compile(
        optimizer=k.optimizers.SGD(
            k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.9
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    words = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 2], [3, 0, 0, 0, 0]], "int32")
    classes = np.array([0, 1, 1], "int32")
    model.fit(words, classes, verbose=0, shuffle=False)
    return model, words, classes


def attention(k: Any) -> Built:
    """Preprocessing with statistics, attention, layers around layers."""
    x = k.Input((6, 4), name="x")
    norm = k.layers.Normalization(name="scale")
    norm.adapt(numbers(10, 6, 4))
    h = norm(x)
    h = k.layers.MultiHeadAttention(2, 3, name="attend")(h, h, use_causal_mask=True)
    h = k.layers.TimeDistributed(k.layers.Dense(3), name="each")(h)
    h = k.layers.LayerNormalization(name="level")(h + 1.0)
    h = k.layers.Dropout(0.3, name="drop")(h)
    h = k.layers.GlobalAveragePooling1D(name="pool")(h)
    return k.Model(x, h, name="attention"), numbers(3, 6, 4, seed=5), None


def images(k: Any) -> Built:
    """A small convolutional network with nested sequences, partly frozen."""
    base = k.Sequential(
        [
            k.Input((8, 8, 3)),
            k.layers.Rescaling(0.5, name="rescale"),
            k.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            k.layers.BatchNormalization(name="norm"),
            k.layers.MaxPooling2D(name="shrink"),
            k.layers.SeparableConv2D(5, 3, name="separable"),
        ],
        name="base",
    )
    base.trainable = False
    x = k.Input((8, 8, 3), name="image")
    h = base(x)
    h = k.layers.Flatten(name="flat")(h)
    y = k.layers.Dense(3, name="classes")(h)
    model = k.Model(x, y, name="images")
    model.compile("adamw", k.losses.CategoricalCrossentropy(from_logits=True))
    given, targets = numbers(4, 8, 8, 3), np.eye(4, 3, dtype="float32")
    model.fit(given, targets, verbose=0, shuffle=False)
    return model, given, targets


def own(k: Any) -> Built:
    """A subclass with layers in attributes, lists and dictionaries."""

    class Own(k.Model):
        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.output_dense = k.layers.Dense(2, name="end")
            self.blocks = [k.layers.Dense(3), k.layers.Dense(3)]
            self.extra = {"a": k.layers.Dense(3), "b": [k.layers.LayerNormalization()]}
            self._hidden = k.layers.Dense(3)

        def call(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            x = self.extra["b"][0](self.extra["a"](x))
            return self.output_dense(self._hidden(x))

    model, given = Own(name="own"), numbers(2, 3)
    model(given)
    return model, given, None


MODELS: dict[str, Callable[[Any], Built]] = {
    "attention": attention,
    "branches": branches,
    "images": images,
    "own": own,
    "sequence": sequence,
}
