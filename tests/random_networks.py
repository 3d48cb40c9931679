"""Random networks: pictures, sequences and rows through layers that know each other.

A seed chooses sizes, layers and what they follow, the loss, the optimizer, the batches.
Layers that do not fit where they are drawn are left out.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

import tulle
from tulle import layers
from tulle.graph.diagnostics import TulleError

WIDTHS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 24, 32, 33, 48, 64)
BATCHES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 32)
ACTIVATIONS = (None, None, "relu", "tanh", "gelu", "sigmoid", "elu", "silu", "softmax")
OPTIMIZERS = (
    "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion Muon Nadam RMSprop SGD"
    " ScheduleFreeAdamW"
).split()
LOSSES = "MeanSquaredError MeanAbsoluteError Huber LogCosh CosineSimilarity".split()
LARGE = 1 << 15  # elements of one sample
Draw = Callable[[Random, Any], Any]


class Maker:
    """The tensors of a network while it is made."""

    def __init__(self, random: Random, shape: tuple[int, ...]):
        self.random = random
        self.input = tulle.Input(shape)
        self.now = self.input
        self.before: list[Any] = [self.input]
        self.said: list[str] = []

    def add(self, layer: Callable[[Any], Any]) -> None:
        """One more layer, if it fits."""
        try:
            found = layer(self.now)
        except TulleError:
            return
        if not 0 < np.prod([int(size) for size in found.shape[1:]]) <= LARGE:
            return
        self.before.append(found)
        self.now = found
        self.said.append(described(layer))


def described(layer: Any) -> str:
    """A layer in words."""
    config = getattr(layer, "get_config", dict)()
    dull = (None, "channels_last", 1, True, False, "float32")
    told = {
        key: value
        for key, value in config.items()
        if key != "name" and isinstance(value, (int, float, str, tuple, list))
        and value not in dull and "initializer" not in key
    }  # fmt: skip
    return f"{getattr(layer, 'name', 'joined')} {told}"


# ---- pictures of one, two or three axes


def window(random: Random, space: int) -> dict[str, Any]:
    """How a kernel moves."""
    found: dict[str, Any] = {
        "kernel_size": [random.choice((1, 2, 3, 3, 5)) for _ in range(space)],
        "padding": random.choice(("same", "valid")),
    }
    match random.randrange(4):
        case 0:
            found["strides"] = random.choice((2, 3))
        case 1:
            found["dilation_rate"] = random.choice((2, 3))
    return found


def convolution(random: Random, x: Any) -> Any:
    space, width = x.ndim - 2, int(x.shape[-1])
    more = window(random, space)
    more["activation"] = random.choice(ACTIVATIONS)
    more["use_bias"] = random.random() < 0.7
    if random.random() < 0.2:
        groups = random.choice([n for n in (1, 2, 3, 4, width) if width % n == 0])
        filters = groups * random.choice((1, 2, 5, 8))
        return getattr(layers, f"Conv{space}D")(filters, groups=groups, **more)
    return getattr(layers, f"Conv{space}D")(random.choice(WIDTHS), **more)


def apart(random: Random, x: Any) -> Any:
    space = min(2, x.ndim - 2)
    more = window(random, space)
    more["activation"] = random.choice(ACTIVATIONS)
    multiplier = random.choice((1, 1, 2, 3))
    if random.random() < 0.5:
        return getattr(layers, f"DepthwiseConv{space}D")(
            depth_multiplier=multiplier, **more
        )
    return getattr(layers, f"SeparableConv{space}D")(random.choice(WIDTHS), **more)


def transposed(random: Random, x: Any) -> Any:
    more = window(random, x.ndim - 2)
    kind = getattr(layers, f"Conv{x.ndim - 2}DTranspose")
    return kind(random.choice(WIDTHS[:9]), **more)


def pooling(random: Random, x: Any) -> Any:
    space, kind = x.ndim - 2, random.choice(("Max", "Max", "Average"))
    if random.random() < 0.1:
        size = random.choice((1, 2, 3))
        return getattr(layers, f"Adaptive{kind}Pooling{space}D")(size)
    size = random.choice((2, 2, 3))
    strides = random.choice((None, None, 1, 2, 3))
    padding = random.choice(("same", "valid"))
    return getattr(layers, f"{kind}Pooling{space}D")(size, strides, padding)


def resized(random: Random, x: Any) -> Any:
    space = x.ndim - 2
    match random.randrange(3):
        case 0:
            return getattr(layers, f"UpSampling{space}D")(2)
        case 1:
            return getattr(layers, f"ZeroPadding{space}D")(random.choice((1, 2)))
    return getattr(layers, f"Cropping{space}D")(1)


# ---- sequences


def recurrent(random: Random, x: Any) -> Any:
    kind = getattr(layers, random.choice(("LSTM", "GRU", "SimpleRNN")))
    more = {"return_sequences": True, "go_backwards": random.random() < 0.2}
    if random.random() < 0.2:
        more["recurrent_dropout" if random.random() < 0.5 else "dropout"] = 0.3
    made = kind(random.choice(WIDTHS), **more)
    return layers.Bidirectional(made) if random.random() < 0.3 else made


def attention(random: Random, x: Any) -> Any:
    size, causal = random.choice((1, 4, 8, 15, 16, 32)), random.random() < 0.4
    if random.random() < 0.3:
        shared = random.choice((1, 2))
        made: Any = layers.GroupQueryAttention(size, shared * 2, shared)
    else:
        dropout = random.choice((0.0, 0.0, 0.2))
        made = layers.MultiHeadAttention(
            random.choice((1, 2, 3)), size, dropout=dropout
        )
    return lambda x: made(x, x, use_causal_mask=causal)


# ---- anything


def normalized(random: Random, x: Any) -> Any:
    width = int(x.shape[-1])
    groups = random.choice([n for n in (1, 2, 3, 4, width) if width % n == 0])
    kinds = [
        layers.BatchNormalization, layers.BatchNormalization, layers.LayerNormalization,
        layers.RMSNormalization, lambda: layers.GroupNormalization(groups),
        layers.UnitNormalization,
    ]  # fmt: skip
    return random.choice(kinds)()


def activated(random: Random, x: Any) -> Any:
    kinds = [
        layers.ReLU, layers.PReLU, layers.LeakyReLU, layers.Softmax,
        lambda: layers.Activation(random.choice(ACTIVATIONS[2:])),
        lambda: layers.Dropout(0.3), lambda: layers.GaussianNoise(0.1),
        lambda: layers.GaussianDropout(0.2), lambda: layers.AlphaDropout(0.1),
    ]  # fmt: skip
    return random.choice(kinds)()


def dense(random: Random, x: Any) -> Any:
    return layers.Dense(random.choice(WIDTHS), activation=random.choice(ACTIVATIONS))


COMMON: list[Draw] = [normalized, activated, activated, dense]
SPACE: list[Draw] = (
    [convolution] * 6 + [pooling] * 4 + [apart, apart, transposed, resized]
)
TIME: list[Draw] = [recurrent] * 2 + [attention] * 3 + [convolution, pooling]


def network(random: Random) -> tuple[Any, list[str]]:
    """A model, and its layers in words."""
    axes = random.choice((0, 1, 1, 2, 2, 2, 2, 3))
    longest = {0: 1, 1: 70, 2: 30, 3: 9}[axes]
    shape = [random.randint(1, longest) for _ in range(axes)]
    maker = Maker(random, (*shape, random.choice(WIDTHS)))
    kinds = {0: [dense] * 4, 1: TIME}.get(axes, SPACE) + COMMON
    wanted = random.randint(2, 9)
    for _ in range(4 * wanted):
        if len(maker.said) == wanted:
            break
        if random.random() < 0.1:
            join(maker)
        else:
            maker.add(random.choice(kinds)(random, maker.now))
    finish(maker)
    return tulle.Model(maker.input, maker.now), maker.said


def join(maker: Maker) -> None:
    """What came before, of the same shape, joined to what is there."""
    shape = tuple(maker.now.shape)
    others = [x for x in maker.before[:-1] if tuple(x.shape) == shape]
    if others:
        other = maker.random.choice(others)
        kind = maker.random.choice((layers.Add, layers.Multiply, layers.Concatenate))
        maker.add(lambda x: kind()([x, other]))


def finish(maker: Maker) -> None:
    """From places to a row of numbers, at times."""
    space = maker.now.ndim - 2
    if space > 0 and maker.random.random() < 0.6:
        kind = maker.random.choice(("GlobalMaxPooling", "GlobalAveragePooling"))
        maker.add(getattr(layers, f"{kind}{space}D")())
    elif space > 0 and maker.random.random() < 0.5:
        maker.add(layers.Flatten())
    maker.add(layers.Dense(maker.random.choice((1, 3, 10))))


def optimizer(random: Random) -> Any:
    more: dict[str, Any] = {}
    match random.randrange(8):
        case 0:
            more = {"clipnorm": 0.5}
        case 1:
            more = {"global_clipnorm": 0.5}
        case 2:
            more = {"use_ema": True, "ema_overwrite_frequency": 2}
        case 3:
            more = {"gradient_accumulation_steps": 2}
    return getattr(tulle.optimizers, random.choice(OPTIMIZERS))(**more)


def trained(seed: int) -> tuple[Callable[[], list[Any]], str]:
    """What trains a random network and predicts with it, and the network in words."""
    random = Random(seed)
    tulle.utils.set_random_seed(seed)
    said = network(random)[1]
    batches = [random.choice(BATCHES) for _ in range(random.randint(1, 3))]

    def run() -> list[Any]:
        tulle.utils.set_random_seed(seed)
        random, numbers = Random(seed), np.random.default_rng(seed)
        model, _ = network(random)
        loss = getattr(tulle.losses, random.choice(LOSSES))()
        model.compile(optimizer(random), loss)
        found: list[Any] = []
        shape = model.inputs[0].shape[1:]
        for batch in [*batches, *batches]:
            x = numbers.standard_normal((batch, *map(int, shape)), np.float32)
            y = numbers.random(
                (batch, *map(int, model.outputs[0].shape[1:])), np.float32
            )
            found.append(model.train_on_batch(x, y))
        found.append(model.predict(x, verbose=0))
        return found + model.get_weights()

    return run, f"{batches} of {said}"
