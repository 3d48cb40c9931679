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


def wrapped(k: Any) -> Built:
    """Layers that hold others and see their weights, and one that trains by itself."""
    x = k.Input((6, 6, 3), name="image")
    h = k.layers.RandomSharpness([0.3, 0.3], value_range=[0, 1], name="sharp")(x)
    inside = [k.layers.Rescaling(2.0, name="twice")]
    inside += [k.layers.Dense(n, name=f"to{n}") for n in (4, 3)]
    h = k.layers.Pipeline(inside, name="line")(h)
    divided = k.layers.Conv2D(4, 3, activation="relu", name="conv")
    h = k.layers.SpectralNormalization(divided, name="divided")(h)
    h = k.layers.GlobalAveragePooling2D(name="pool")(h)
    last = k.layers.Dense(2, name="last")
    y = k.layers.SpectralNormalization(last, power_iterations=2, name="end")(h)
    model = k.Model(x, y, name="wrapped")
    model.compile("adam", "mse")
    given, targets = numbers(4, 6, 6, 3) / 2 + 0.5, numbers(4, 2, seed=2)
    model.fit(given, targets, epochs=2, verbose=0, shuffle=False)
    return model, given, None  # Keras itself trains it otherwise on each backend


def lookups(k: Any) -> Built:
    """What preprocessing learned: words of a vocabulary, their weights, bounds."""
    codes = k.Input((3,), dtype="int64", name="codes")
    learned = k.layers.IntegerLookup(name="learned")
    learned.adapt(np.array([7, 7, 7, 9, 9, -3]))
    masked = k.layers.IntegerLookup(mask_token=0, num_oov_indices=2, name="masked")
    masked.adapt(np.array([[4, 0, 4], [12, 5, 4]]))
    told = k.layers.IntegerLookup(
        vocabulary=[12, 7, 100, 3], num_oov_indices=1, name="told"
    )
    rare = k.layers.IntegerLookup(output_mode="tf_idf", max_tokens=4, name="rare")
    rare.adapt(np.array([[7, 9, 9], [7, 4, 4], [7, 7, 4]]))
    amounts = k.Input((2,), name="amounts")
    bins = k.layers.Discretization(num_bins=4, name="bins")
    bins.adapt(np.linspace(-1, 1, 41, dtype="float32"))
    layers = [learned, masked, told, rare]
    found = {layer.name: layer(codes) for layer in layers}
    found["bins"] = bins(amounts)
    model = k.Model([codes, amounts], found, name="lookups")
    given = [np.array([[7, 9, 4], [12, 5, 0], [-3, 7, 100]]), numbers(3, 2)]
    return model, given, None


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
    "lookups": lookups,
    "own": own,
    "sequence": sequence,
    "wrapped": wrapped,
}
