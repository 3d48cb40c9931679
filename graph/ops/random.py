"""Random numbers from counters: a key and a position give the same bits everywhere.

The generator is Philox4x32-10 (Salmon et al. 2011), written once for NumPy and CuPy.
A key is u32[4]: the seed and the number of the draw, low words first.
"""

from __future__ import annotations

import math
from typing import Any

from ..calling import told_with
from ..configuration import default_float
from ..conversion import convert
from ..diagnostics import Fault, TensorTypeError, caller_span
from ..dim import Dim
from ..kinds import CALLS
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..sizes import as_shape
from ..tensor import SymbolicTensor, Tensor, convert_to_numpy
from ..trace import current_trace
from ..types import DTypeLike, TensorType, dtype_of
from ..variable import DEFAULT_GENERATOR, SeedGenerator
from .reduce import normal_axis

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF


def philox(xp: Any, key: Any, count: int) -> Any:
    """`count` random words as uint32: block i holds the words 4i to 4i + 3."""
    words = [int(word) for word in key.tolist()]
    blocks = -(-count // 4)
    index = xp.arange(blocks, dtype=xp.uint64)
    c0, c1 = index & MASK, index >> 32
    c2 = xp.full(blocks, words[2], xp.uint64)
    c3 = xp.full(blocks, words[3], xp.uint64)
    k0, k1 = words[0], words[1]
    for _ in range(ROUNDS):
        low, high = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1 = (high >> 32) ^ c1 ^ k0, high & MASK
        c2, c3 = (low >> 32) ^ c3 ^ k1, low & MASK
        k0, k1 = (k0 + INCREMENTS[0]) & MASK, (k1 + INCREMENTS[1]) & MASK
    found = xp.stack((c0, c1, c2, c3), axis=1).astype(xp.uint32)
    return found.reshape(-1)[:count]


def unit(xp: Any, key: Any, count: int, dtype: Any) -> Any:
    """Numbers in [0, 1), each a multiple of the dtype's spacing below 1."""
    if dtype.size == 8:
        words = philox(xp, key, 2 * count).astype(xp.float64)
        high, low = xp.floor(words[0::2] / 32), xp.floor(words[1::2] / 64)
        return (high * 67108864.0 + low) * 2.0**-53
    bits = {"f16": 11, "bf16": 8}.get(dtype.short, 24)
    words = philox(xp, key, count) >> (32 - bits)
    return (words.astype(xp.float32) * xp.float32(2.0**-bits)).astype(dtype.numpy)


class Draw(Op):
    """A tensor of random numbers from a key."""

    public = False

    def arguments(self, key: Any, shape: Any, dtype: DTypeLike | None = None) -> Any:
        kind = default_float() if dtype is None else dtype_of(dtype)
        return (key,), {"shape": as_shape(shape, self.name), "dtype": kind}

    def canonical(
        self, types: tuple[TensorType, ...], attributes: dict[str, Any]
    ) -> dict[str, Any]:
        shape = tuple(Dim.of(size) for size in attributes["shape"])
        if not attributes["dtype"].is_float:
            raise Fault(
                "T0401",
                f"random numbers are floats, not {attributes['dtype'].name}",
                argument="dtype",
                help=["integers come from `random.randint`"],
            )
        return {**attributes, "shape": shape}

    def infer(self, key: TensorType, shape: tuple[Dim, ...], dtype: Any) -> TensorType:
        return TensorType(dtype, shape)

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (None,)


@register
class RandomUniform(Draw):
    """Numbers in [0, 1), all equally likely."""

    name = "random_uniform"

    def run(self, xp: Any, key: Any, *, shape: Any, dtype: Any, out: Any = None) -> Any:
        return unit(xp, key, math.prod(shape), dtype).reshape(shape)


@register
class RandomNormal(Draw):
    """Standard normal numbers, by Box and Muller (1958) in float64."""

    name = "random_normal"

    def run(self, xp: Any, key: Any, *, shape: Any, dtype: Any, out: Any = None) -> Any:
        count = math.prod(shape)
        pairs = -(-count // 2)
        words = philox(xp, key, 2 * pairs).astype(xp.float64)
        radius = xp.sqrt(-2.0 * xp.log((words[0::2] + 1.0) * 2.0**-32))
        angle = words[1::2] * (2.0 * math.pi * 2.0**-32)
        both = xp.stack((radius * xp.cos(angle), radius * xp.sin(angle)), axis=1)
        return both.reshape(-1)[:count].reshape(shape).astype(dtype.numpy)


def draw_key(seed: int | SeedGenerator | None = None) -> Any:
    """The key of the next draw; an integer seed always gives the same one."""
    if isinstance(seed, int):
        return Tensor(SeedGenerator(seed).next())
    generator = DEFAULT_GENERATOR if seed is None else seed
    trace = current_trace()
    if trace is None:
        return Tensor(generator.next())
    attributes = {"generator": generator, "draw": trace.draw(generator)}
    return SymbolicTensor(OPS["random_key"].apply((), attributes))


@told_with(CALLS)
def uniform(
    shape: Any,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Random numbers from `minval` up to `maxval`, all equally likely.

    >>> uniform((2, 3), seed=1).shape
    (2, 3)
    """
    found = call("random_uniform", draw_key(seed), shape, dtype)
    if isinstance(minval, (int, float)) and (minval, maxval) == (0.0, 1.0):
        return found
    return found * (maxval - minval) + minval


@told_with(CALLS)
def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Normal random numbers of a mean and a standard deviation.

    In a layer's `call` and in a `function` each run draws anew. Elsewhere the numbers
    are drawn at once, and what is made of them, a model too, has them as constants.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    found = call("random_normal", draw_key(seed), shape, dtype)
    if isinstance(mean, (int, float)) and (mean, stddev) == (0.0, 1.0):
        return found
    return found * stddev + mean


@told_with(CALLS)
def randint(
    shape: Any,
    minval: int,
    maxval: int,
    dtype: DTypeLike = "int32",
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Random integers from `minval` up to `maxval`, exclusive.

    >>> randint((4,), 3, 4, seed=1).numpy().tolist()
    [3, 3, 3, 3]
    """
    if not maxval > minval:
        fault = Fault("T0204", f"no integer lies from {minval} below {maxval}")
        raise TensorTypeError.of(fault, caller_span())
    wide = call("random_uniform", draw_key(seed), shape, "float64")
    steps = call("floor", wide * (maxval - minval))
    return call("cast", steps + minval, dtype)


@told_with(CALLS)
def bernoulli(
    shape: Any,
    probability: Any = 0.5,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """1 with a probability, else 0.

    >>> bernoulli((2,), 1.0, seed=1).numpy().tolist()
    [1.0, 1.0]
    """
    hit = call("random_uniform", draw_key(seed), shape) < probability
    return call("cast", hit, dtype or default_float().name)


@told_with(CALLS)
def binomial(
    shape: Any,
    counts: Any,
    probabilities: Any,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """How many of `counts` trials succeed, each with its probability.

    `counts` are values; for each result the largest of them many numbers are drawn.

    >>> binomial((3,), 4, [0.0, 1.0, 1.0], seed=1).numpy().tolist()
    [0.0, 4.0, 4.0]
    """
    known = convert_to_numpy(counts)
    most, kind = int(known.max(initial=0)), dtype or default_float().name
    sizes = as_shape(shape, "binomial")
    draws = call("random_uniform", draw_key(seed), (most, *sizes), "float32")
    trial = call("reshape", call("arange", most), (most, *(1 for _ in sizes)))
    hit = call("logical_and", draws < probabilities, trial < known)
    return call("cast", call("sum", call("cast", hit, "int32"), axis=0), kind)


ROUNDS_OF_GAMMA = 8  # each gives a number with a chance of 95 % or more


def _log_gammas(draws: Any, alpha: Any) -> Any:
    """Logarithms of gamma numbers, from uniform ones with an axis of draws in front.

    Marsaglia and Tsang (2000), for alpha + 1, and their way back to alpha.
    """
    count = ROUNDS_OF_GAMMA
    angle, high, limit = (
        draws[i * count : (i + 1) * count] * -1.0 + 1.0 for i in range(3)
    )
    bell = call("sqrt", call("log", high) * -2.0) * call("cos", angle * (2 * math.pi))
    d = alpha + 2.0 / 3.0
    root = bell / call("sqrt", d * 9.0) + 1.0
    cube = call("maximum", root * root * root, 1e-30)
    bound = bell * bell * 0.5 + d - d * cube + d * call("log", cube)
    taken = call("logical_and", root > 0.0, call("log", limit) < bound)
    first = call("argmax", call("cast", taken, "int32"), axis=0, keepdims=True)
    chosen = call("squeeze", call("take_along_axis", cube, first, axis=0), 0)
    return call("log", d * chosen) + call("log", 1.0 - draws[3 * count]) / alpha


@told_with(CALLS)
def gamma(
    shape: Any,
    alpha: Any,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Random numbers of the gamma distribution of shape `alpha` and scale 1.

    >>> gamma((2, 3), 1.0, seed=1).shape
    (2, 3)
    """
    kind = default_float().name if dtype is None else dtype
    wide = (3 * ROUNDS_OF_GAMMA + 1, *as_shape(shape, "gamma"))
    draws = uniform(wide, dtype=kind, seed=seed)
    return call("exp", _log_gammas(draws, call("cast", alpha, kind)))


@told_with(CALLS)
def beta(
    shape: Any,
    alpha: Any,
    beta: Any,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Random numbers from 0 to 1 of the beta distribution.

    >>> beta((2, 3), 1.0, 1.0, seed=1).shape
    (2, 3)
    """
    kind = default_float().name if dtype is None else dtype
    wide = (2, 3 * ROUNDS_OF_GAMMA + 1, *as_shape(shape, "beta"))
    draws = uniform(wide, dtype=kind, seed=seed)
    one, two = (
        _log_gammas(draws[i], call("cast", x, kind))
        for i, x in enumerate((alpha, beta))
    )
    return call("sigmoid", one - two)


@told_with(CALLS)
def shuffle(x: Any, axis: int = 0, seed: int | SeedGenerator | None = None) -> Any:
    """The slices along an axis in a random order, all orders equally likely.

    >>> sorted(shuffle([3, 1, 2], seed=1).numpy().tolist())
    [1, 2, 3]
    """
    given = convert(x)
    axis = normal_axis("shuffle", axis, given.type.rank, given.type)
    size = given.type.shape[axis]
    draws = call("random_uniform", draw_key(seed), (size,), "float64")
    if size.value is not None and size.value <= FEW:
        return call("take", given, call("argsort", draws), axis=axis)
    return call("take", given, _order(draws), axis=axis)


FEW = 1 << 10  # numbers that are sorted soon as they are


def _order(draws: Any) -> Any:
    """The rising order of numbers in [0, 1): by their last 22 bits, then by the first.

    Orders of integers of 32 bits have code of their own.
    """
    wide = draws * 2.0**31
    top = call("floor", wide)
    rest = call("cast", (wide - top) * 2.0**22, "int32")
    order = call("argsort", rest)
    return call(
        "take",
        order,
        call("argsort", call("take", call("cast", top, "int32"), order, axis=0)),
        axis=0,
    )


@told_with(CALLS)
def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate.

    `noise_shape` has None or 1 for axes: those of size 1 share one decision. Source:
    Srivastava et al. 2014.

    >>> dropout([1.0, 1.0], 0.0).numpy().tolist()
    [1.0, 1.0]
    """
    x = call("cast", inputs, getattr(inputs, "dtype", default_float().name))
    kept = bernoulli(shared_sizes(x.type, noise_shape), 1.0 - rate, "bool", seed)
    return call("where", kept, x / (1.0 - rate), 0.0)


def shared_sizes(type: TensorType, noise_shape: Any) -> tuple[Any, ...]:
    """The shape of decisions about a tensor: its own, or 1 for axes that share one."""
    if noise_shape is None:
        return type.shape
    found = [
        dim if size is None else size
        for size, dim in zip(noise_shape, type.shape, strict=False)
    ]
    pairs = zip(found, type.shape, strict=False)
    if len(noise_shape) != type.rank or any(n != 1 and n != dim for n, dim in pairs):
        fault = Fault(
            "T0303",
            f"`noise_shape` has for each axis 1, None or its size, and "
            f"{tuple(noise_shape)} does not fit {type}",
            argument="noise_shape",
        )
        raise TensorTypeError.of(fault, caller_span())
    return tuple(found)
