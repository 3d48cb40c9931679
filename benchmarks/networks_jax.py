"""The networks in JAX, with optax. Weights stand in Keras's order and layout.

`apply(weights, state, x, mode)` gives the output, a loss of the network's own, and the
state after it (the moving averages of batch normalization).
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import nn


class Mode(NamedTuple):
    """Whether it trains, and the key of what is drawn; without one nothing is."""

    training: bool
    key: Any = None


class Net(NamedTuple):
    """A network, its first weights and how it is trained."""

    weights: list[Any]
    apply: Callable[..., Any]
    loss: Callable[[Any, Any], Any]
    optimizer: tuple[str, dict[str, float]]  # its name in optax and its settings
    state: Any = ()

    def optax(self) -> Any:
        """The optimizer."""
        name, settings = self.optimizer
        return getattr(optax, name)(**settings)


class Ones(int):
    """A vector that starts with ones."""


def started(shapes: list[Any]) -> list[Any]:
    """Weights: kernels by the number of inputs, vectors with zeros."""
    random = np.random.default_rng(1)

    def start(shape: Any) -> Any:
        if isinstance(shape, Ones):
            return jnp.ones(int(shape))
        if isinstance(shape, int):
            return jnp.zeros(shape)
        scale = np.prod(shape[:-1]) ** -0.5
        return jnp.asarray(random.normal(0.0, scale, shape), jnp.float32)

    return [start(shape) for shape in shapes]


def dense(*sizes: int) -> list[Any]:
    """The shapes of dense layers one after the other."""
    return [shape for a, b in pairwise(sizes) for shape in ((a, b), b)]


def entropy(logits: Any, y: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def binary(logits: Any, y: Any) -> Any:
    return optax.sigmoid_binary_cross_entropy(logits, y).mean()


def square(output: Any, y: Any) -> Any:
    return jnp.mean((output - y) ** 2)


def adam(rate: float = 1e-3) -> tuple[str, dict[str, float]]:
    return "adam", {"learning_rate": rate, "eps": 1e-7}


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """An `apply` without a loss or a state of its own."""

    def apply(weights: Any, state: Any, x: Any, mode: Mode) -> Any:
        return function(weights, x, mode), 0.0, state

    return apply


def layers_of(sizes: list[int]) -> Net:
    def apply(weights, x, mode):
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = nn.relu(x @ kernel + bias)
        return x @ weights[-2] + weights[-1]

    return Net(started(dense(*sizes)), plain(apply), entropy, adam())


def mlp() -> Net:
    return layers_of([784, 32, 32, 10])


def bigmlp() -> Net:
    return layers_of([784, 1024, 1024, 10])


def deepmlp() -> Net:
    return layers_of([784] + [64] * 20 + [10])


def vae() -> Net:
    shapes = [*dense(784, 64), *dense(64, 32), *dense(64, 32), *dense(32, 64, 784)]

    def apply(weights, state, x, mode):
        we, be, wc, bc, wl, bl, wd, bd, wp, bp = weights
        seen = nn.relu(x @ we + be)
        center, log_var = seen @ wc + bc, seen @ wl + bl
        drawn = 0.5 if mode.key is None else jax.random.normal(mode.key, center.shape)
        code = center + jnp.exp(0.5 * log_var) * drawn
        pixels = nn.sigmoid(nn.relu(code @ wd + bd) @ wp + bp)
        own = -0.5 * jnp.mean(log_var - center**2 - jnp.exp(log_var) + 1.0)
        return pixels, own, state

    return Net(started(shapes), apply, square, adam())


def hyper() -> Net:
    first, second = 784 * 64, 784 * 64 + 64

    def apply(weights, x, mode):
        wi, bi, wm, bm = weights
        made = nn.sigmoid(nn.relu(x @ wi + bi) @ wm + bm)[0]
        hidden = nn.relu(x @ made[:first].reshape(784, 64) + made[first:second])
        return (
            hidden @ made[second : second + 640].reshape(64, 10) + made[second + 640 :]
        )

    shapes = dense(784, 16, second + 650)
    return Net(started(shapes), plain(apply), entropy, adam())


def convolved(x: Any, kernel: Any, padding: Any = "SAME", **options: Any) -> Any:
    """A convolution, channels last, over as many axes as the kernel has."""
    space = "DHW"[5 - kernel.ndim :]
    names = (f"N{space}C", f"{space}IO", f"N{space}C")
    strides = options.pop("strides", (1,) * len(space))
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=names, **options
    )


def pooled(x: Any) -> Any:
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def conv() -> Net:
    def apply(weights, x, mode):
        w1, b1, w2, b2, wd, bd = weights
        x = pooled(nn.relu(convolved(x, w1, "VALID") + b1))
        x = pooled(nn.relu(convolved(x, w2, "VALID") + b2))
        x = x.reshape(x.shape[0], -1)
        if mode.training and mode.key is not None:
            x = jnp.where(jax.random.bernoulli(mode.key, 0.5, x.shape), x * 2.0, 0.0)
        return x @ wd + bd

    shapes = [(3, 3, 1, 32), 32, (3, 3, 32, 64), 64, *dense(1600, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def lstm() -> Net:
    def apply(weights, x, mode):
        kernel, recurrent, bias, wd, bd = weights
        moved = jnp.swapaxes(x @ kernel + bias, 0, 1)

        def cell(carry, given):
            h, c = carry
            i, f, g, o = jnp.split(given + h @ recurrent, 4, -1)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            return (nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((x.shape[0], 128))
        (h, _), _ = jax.lax.scan(cell, (zeros, zeros), moved)
        return h @ wd + bd

    shapes = [(28, 512), (128, 512), 512, *dense(128, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def normalized(x: Any, gamma: Any, beta: Any) -> Any:
    """Layer normalization with Keras's epsilon."""
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-3) * gamma + beta


def attention(weights: Any, x: Any, heads: int, causal: bool = False) -> Any:
    wq, bq, wk, bk, wv, bv, wo, bo = weights
    batch, steps, width = x.shape

    def split(kernel, bias):
        moved = (x @ kernel + bias).reshape(batch, steps, heads, width // heads)
        return moved.transpose(0, 2, 1, 3)

    query, key, value = split(wq, bq), split(wk, bk), split(wv, bv)
    scores = query @ key.transpose(0, 1, 3, 2) * (width // heads) ** -0.5
    if causal:
        scores = jnp.where(jnp.tri(steps, dtype=bool), scores, -jnp.inf)
    found = (nn.softmax(scores, -1) @ value).transpose(0, 2, 1, 3)
    return found.reshape(batch, steps, width) @ wo + bo


def block() -> Net:
    def apply(weights, x, mode):
        g1, h1, w1, b1, w2, b2, g2, h2, wd, bd = weights[8:]
        x = normalized(x + attention(weights[:8], x, 4), g1, h1)
        fed = nn.gelu(x @ w1 + b1, approximate=False) @ w2 + b2
        return normalized(x + fed, g2, h2).mean(1) @ wd + bd

    shapes = dense(128, 128) * 4 + [Ones(128), 128, *dense(128, 512, 128)]
    shapes += [Ones(128), 128, *dense(128, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def gru() -> Net:
    def apply(weights, x, mode):
        kernel, recurrent, bias, wd, bd = weights
        moved = jnp.swapaxes(x @ kernel + bias[0], 0, 1)

        def cell(h, given):
            zx, rx, nx = jnp.split(given, 3, -1)
            zh, rh, nh = jnp.split(h @ recurrent + bias[1], 3, -1)
            z, r = nn.sigmoid(zx + zh), nn.sigmoid(rx + rh)
            return z * h + (1.0 - z) * jnp.tanh(nx + r * nh), None

        h, _ = jax.lax.scan(cell, jnp.zeros((x.shape[0], 96)), moved)
        return h @ wd + bd

    shapes = [(16, 288), (96, 288), (2, 288), *dense(96, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def resnet() -> Net:
    def normal(x, gamma, beta, state, mode):
        mean, variance = state
        if mode.training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            pairs = zip(state, (mean, variance), strict=True)
            state = tuple(0.99 * old + 0.01 * new for old, new in pairs)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-3) * gamma + beta, state

    def apply(weights, state, x, mode):
        w1, g1, b1, w2, g2, b2, wd, bd = weights
        h, first = normal(convolved(x, w1), g1, b1, state[:2], mode)
        h, second = normal(convolved(nn.relu(h), w2), g2, b2, state[2:], mode)
        return nn.relu(x + h).mean((1, 2)) @ wd + bd, 0.0, [*first, *second]

    shapes = [(3, 3, 32, 32), Ones(32), 32] * 2 + dense(32, 10)
    state = started([32, Ones(32)] * 2)
    optimizer = "sgd", {"learning_rate": 0.01, "momentum": 0.9}
    return Net(started(shapes), apply, entropy, optimizer, state)


def unet() -> Net:
    def double(x, weights):
        for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
            x = nn.relu(convolved(x, kernel) + bias)
        return x

    def apply(weights, x, mode):
        fine = double(x, weights[:4])
        middle = double(pooled(fine), weights[4:8])
        large = middle.repeat(2, 1).repeat(2, 2)
        h = double(jnp.concatenate([large, fine], -1), weights[8:12])
        return convolved(h, weights[12]) + weights[13]

    channels = [(1, 8), (8, 8), (8, 16), (16, 16), (24, 8), (8, 8)]
    shapes = [shape for a, b in channels for shape in ((3, 3, a, b), b)]
    shapes += [(1, 1, 8, 1), 1]
    return Net(started(shapes), plain(apply), binary, adam())


def normed() -> Net:
    def apply(weights, x, mode):
        for place in (0, 4):
            kernel, bias, gamma, beta = weights[place : place + 4]
            x = normalized(x @ kernel + bias, gamma, beta)
            x = nn.gelu(x, approximate=False)
        return x @ weights[8] + weights[9]

    shapes = [*dense(256, 512), Ones(512), 512, *dense(512, 512), Ones(512), 512]
    optimizer = "adamw", {**adam()[1], "weight_decay": 0.004}
    weights = started(shapes + dense(512, 10))
    return Net(weights, plain(apply), entropy, optimizer)


def decoder() -> Net:
    def apply(weights, x, mode):
        words, places, g1, h1, *rest = weights
        g2, h2, w1, b1, w2, b2, g3, h3, wd, bd = rest[8:]
        x = words[x] + places
        x = x + attention(rest[:8], normalized(x, g1, h1), 4, causal=True)
        fed = nn.gelu(normalized(x, g2, h2) @ w1 + b1, approximate=False)
        return normalized(x + fed @ w2 + b2, g3, h3) @ wd + bd

    normal = [Ones(64), 64]
    shapes = [(1000, 64), (64, 64), *normal, *dense(64, 64) * 4, *normal]
    shapes += [*dense(64, 256, 64), *normal, *dense(64, 1000)]
    return Net(started(shapes), plain(apply), entropy, adam())


def series() -> Net:
    def apply(weights, x, mode):
        w1, b1, w2, b2, wd, bd = weights
        x = nn.relu(convolved(x, w1, [(4, 0)]) + b1)
        x = nn.relu(convolved(x, w2, "VALID", strides=(2,)) + b2)
        return x.mean(1) @ wd + bd

    shapes = [(5, 8, 32), 32, (5, 32, 64), 64, *dense(64, 1)]
    optimizer = "rmsprop", {"learning_rate": 1e-3, "decay": 0.9, "eps": 1e-7}
    return Net(started(shapes), plain(apply), square, optimizer)


def text() -> Net:
    def apply(weights, x, mode):
        words, w1, b1, wd, bd = weights
        return nn.relu(words[x].mean(1) @ w1 + b1) @ wd + bd

    shapes = [(5000, 32), *dense(32, 64, 1)]
    return Net(started(shapes), plain(apply), binary, adam())


def separable() -> Net:
    def apply(weights, x, mode):
        kernel, bias, *pairs, wd, bd = weights
        x = nn.relu(convolved(x, kernel, strides=(2, 2)) + bias)
        for place in (0, 4):
            deep, b1, wide, b2 = pairs[place : place + 4]
            channels = x.shape[-1]
            deep = deep.reshape(3, 3, 1, channels)
            x = nn.relu(convolved(x, deep, feature_group_count=channels) + b1)
            x = nn.relu(convolved(x, wide) + b2)
        return x.mean((1, 2)) @ wd + bd

    shapes = [(3, 3, 3, 16), 16]
    for a, b in ((16, 32), (32, 64)):
        shapes += [(3, 3, a, 1), a, (1, 1, a, b), b]
    return Net(started(shapes + dense(64, 10)), plain(apply), entropy, adam())


def chain(depth: int) -> Net:
    """So many residual layers of 64, which start near nothing: it stays finite."""

    def apply(weights, x, mode):
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = x + nn.relu(x @ kernel + bias)
        return x @ weights[-2] + weights[-1]

    weights = started(dense(*[64] * (depth + 1), 10))
    small = [w * 1e-3 for w in weights[:-2]]
    return Net([*small, *weights[-2:]], plain(apply), entropy, adam(1e-6))


NETWORKS = {
    make.__name__: make
    for make in (
        *(mlp, vae, hyper, conv, lstm, block, bigmlp, deepmlp),
        *(gru, resnet, unet, normed, decoder, series, text, separable),
    )
}
