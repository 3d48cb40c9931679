"""How to call an op in Tulle, JAX and PyTorch: the table of the random programs.

A rule's texts are expressions: `{0}`, `{1}` are its operands, other names its settings.
`settings` draws those for the shape of the first operand, or says None where the op
does not fit; `wants` gives the shapes of further operands. `steady` says whether the
operands are far from places where the op jumps or has two derivatives.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

Shape = tuple[int, ...]
MARGIN = 1e-4
POSITIVE = "({0} * {0} + 0.5)"
INSIDE = "({0} / (1.0 + {0} * {0}))"


@dataclass(frozen=True, eq=False)
class Rule:
    """One way to call an op; an empty text says that the peer has it not."""

    tulle: str
    jax: str = ""
    torch: str = ""
    settings: Callable[[Random, Shape], dict[str, Any] | None] = lambda random, s: {}
    wants: Callable[[Random, Shape, dict[str, Any], list[Shape]], list[Shape]] = (
        lambda random, shape, settings, pool: []
    )
    steady: Callable[..., Any] = lambda settings, *values: True

    def text(self, peer: str) -> str:
        return {"tulle": self.tulle, "jax": self.jax, "torch": self.torch}[peer]


def same(call: str, jax: str = "jnp", torch: str = "torch", **more: Any) -> Rule:
    """A rule for functions that are called alike everywhere."""
    texts = (re.sub(r"@(?=[a-z])", f"{p}.", call) for p in ("ops", jax, torch))
    return Rule(*texts, **more)


# ---- where ops are steady


def away(*points: float) -> Callable[..., bool]:
    return lambda settings, x: all(np.all(np.abs(x - p) > MARGIN) for p in points)


def apart(settings: dict[str, Any], x: Any) -> Any:
    """No two values that are compared are close."""
    axis = settings.get("axis")
    axis = None if isinstance(axis, tuple) else axis
    return np.all(
        np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis) > 1e-5
    )


def unlike(settings: dict[str, Any], x: Any, y: Any, *rest: Any) -> Any:
    return np.all(np.abs(x - y) > MARGIN)


def spread(settings: dict[str, Any], x: Any, *rest: Any) -> Any:
    return np.all(np.var(x, axis=settings["axis"]) > 1e-2)


def long(settings: dict[str, Any], x: Any) -> Any:
    return np.all(np.sum(np.square(x), axis=settings["axis"]) > 1e-2)


def distinct(settings: dict[str, Any], x: Any) -> Any:
    """Singular values are apart, and none is nothing."""
    found = np.linalg.svd(x, compute_uv=False)
    return np.all(found > 0.1) and np.all(np.diff(found) < -0.1)


def off_halves(settings: dict[str, Any], x: Any) -> Any:
    return np.all(np.abs(2 * x - np.round(2 * x)) > MARGIN)


# ---- settings


def axis(random: Random, shape: Shape) -> dict[str, Any] | None:
    if not shape:
        return None
    i = random.randrange(len(shape))
    return {"axis": i - random.choice([0, len(shape)]), "n": shape[i], "i": i}


def axes(random: Random, shape: Shape) -> dict[str, Any] | None:
    if not shape:
        return None
    chosen = random.sample(range(len(shape)), random.randint(1, len(shape)))
    keep = random.choice([True, False])
    return {"axis": tuple(i - random.choice([0, len(shape)]) for i in chosen)} | {
        "keep": keep
    }


def axis_keep(random: Random, shape: Shape) -> dict[str, Any] | None:
    found = axis(random, shape)
    return found and found | {"keep": random.choice([True, False])}


def longer_axis(random: Random, shape: Shape) -> dict[str, Any] | None:
    """An axis with at least two places, one of which is at `k`."""
    found = axis(random, shape)
    if found is None or found["n"] < 2:
        return None
    k = random.randrange(1, found["n"])
    indices = [random.randrange(found["n"]) for _ in range(random.randint(1, 4))]
    return found | {"k": k, "indices": indices}


def matrix(random: Random, shape: Shape) -> dict[str, Any] | None:
    if len(shape) < 2:
        return None
    return {"k": random.randint(-1, 1), "n": shape[-1], "m": shape[-2]}


def rank(*ranks: int) -> Callable[..., dict[str, Any] | None]:
    return lambda random, shape: {} if len(shape) in ranks else None


def permutation(random: Random, shape: Shape) -> dict[str, Any]:
    return {"axes": tuple(random.sample(range(len(shape)), len(shape)))}


def new_shape(random: Random, shape: Shape) -> dict[str, Any]:
    left, sizes = math.prod(shape), []
    while left > 1:
        divisor = random.choice([d for d in range(2, left + 1) if left % d == 0])
        sizes.append(divisor)
        left //= divisor
    while len(sizes) < 3 and random.random() < 0.6:
        sizes.insert(random.randint(0, len(sizes)), 1)
    return {"shape": tuple(sizes)}


def new_axis(random: Random, shape: Shape) -> dict[str, Any]:
    return {"axis": random.randint(-len(shape) - 1, len(shape))}


def unit_axis(random: Random, shape: Shape) -> dict[str, Any] | None:
    ones = [i for i, size in enumerate(shape) if size == 1]
    return {"axis": random.choice(ones)} if ones else None


def widths(random: Random, shape: Shape) -> dict[str, Any] | None:
    if not shape:
        return None
    pairs = tuple((random.randint(0, 1), random.randint(0, 2)) for _ in shape)
    return {"pads": pairs, "flat": tuple(w for pair in pairs[::-1] for w in pair)}


def reflected(random: Random, shape: Shape) -> dict[str, Any] | None:
    found = widths(random, shape)
    return found if found and min(shape) > 2 else None


def repeats(random: Random, shape: Shape) -> dict[str, Any] | None:
    return {"reps": tuple(random.randint(1, 2) for _ in shape)} if shape else None


def wider(random: Random, shape: Shape) -> dict[str, Any]:
    grown = (random.choice([2, 3]) if s == 1 else s for s in shape)
    return {"shape": (*random.choice([(), (2,)]), *grown)}


def index(random: Random, shape: Shape) -> dict[str, Any] | None:
    if not shape:
        return None
    parts = [one_index(random, size) for size in shape]
    if random.random() < 0.3:
        parts.insert(random.randint(0, len(parts)), "None")
    if random.random() < 0.3:
        parts = ["...", *parts[1:]]
    return {"index": ", ".join(parts)}


def one_index(random: Random, size: int) -> str:
    whole = [":", "::2", f"{random.randrange(size)}:", f"-{random.randint(1, size)}:"]
    return random.choice([*whole, str(random.randrange(-size, size))])


def window(random: Random, shape: Shape) -> dict[str, Any] | None:
    """For images and signals, channels last: sizes of kernels, strides and windows."""
    spatial = shape[1:-1]
    if len(spatial) not in (1, 2) or max(spatial) < 2:
        return None
    size = tuple(random.randint(1, min(3, n)) for n in spatial)
    n, stride = len(spatial), random.randint(1, 2)
    letters = "NHWC" if n == 2 else "NWC"
    kernel = "HWIO" if n == 2 else "WIO"
    first, last = (0, n + 1, *range(1, n + 1)), (0, *range(2, n + 2), 1)
    wide = [k > 1 for k in size]
    dilation = (
        2 if all(2 * k - 1 <= s for k, s in zip(size, spatial, strict=True)) else 1
    )
    return {
        "n": n, "size": size, "stride": stride, "strides": (stride,) * n,
        "numbers": (letters, kernel, letters), "first": first, "last": last,
        "kernel": (n + 1, n, *range(n)), "window": (1, *size, 1),
        "steps": (1, *(stride,) * n, 1), "area": float(math.prod(size)),
        "dilation": dilation, "dilations": (dilation,) * n,
        "c": shape[-1], "wide": any(wide), "open": min(size) >= stride,
    }  # fmt: skip


def open_window(random: Random, shape: Shape) -> dict[str, Any] | None:
    found = window(random, shape)
    return found if found and found["open"] else None


def segments(random: Random, shape: Shape) -> dict[str, Any] | None:
    if not shape or not 1 <= len(shape) <= 3:
        return None
    ids = [random.randrange(3) for _ in range(shape[0])]
    return {"ids": ids, "columns": [[i] for i in ids], "rest": shape[1:]} | {
        "own": [i % shape[0] for i in ids]
    }


def even_last(random: Random, shape: Shape) -> dict[str, Any] | None:
    return {} if shape and shape[-1] % 2 == 0 else None


# ---- further operands


def alike(
    random: Random, shape: Shape, settings: Any, pool: list[Shape]
) -> list[Shape]:
    return [shape]


def broadcast(
    random: Random, shape: Shape, settings: Any, pool: list[Shape]
) -> list[Shape]:
    fitting = [other for other in pool if joins(shape, other)]
    if fitting and random.random() < 0.7:
        return [random.choice(fitting)]
    cut = shape[random.randint(0, len(shape)) :]
    return [tuple(random.choice([1, size]) for size in cut)]


def joins(one: Shape, other: Shape) -> bool:
    """Whether shapes broadcast; not a column beside a vector, which Tulle refuses."""
    if one == (*other, 1) or other == (*one, 1):
        return False
    pairs = zip(reversed(one), reversed(other), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)


def right_matrix(
    random: Random, shape: Shape, settings: Any, pool: list[Shape]
) -> list[Shape]:
    fitting = [s for s in pool if len(s) == 2 and s[0] == shape[-1]]
    return [random.choice([*fitting, (shape[-1], random.randint(1, 4))])]


def other_size(
    random: Random, shape: Shape, settings: Any, pool: list[Shape]
) -> list[Shape]:
    i = settings["i"]
    return [(*shape[:i], random.randint(1, 3), *shape[i + 1 :])]


def last(*more: Any) -> Callable[..., list[Shape]]:
    """Operands as long as the last axis, each after sizes of its own."""
    return lambda random, shape, settings, pool: [(*m, shape[-1]) for m in more]


def kernel_of(groups: bool = False, turned: bool = False) -> Callable[..., list[Shape]]:
    def wants(random: Random, shape: Shape, settings: Any, pool: Any) -> list[Shape]:
        ins, outs = settings["c"], random.randint(1, 3)
        if groups:
            return [(*settings["size"], 1, ins)]
        return [(*settings["size"], *((outs, ins) if turned else (ins, outs)))]

    return wants


def row(random: Random, shape: Shape, settings: Any, pool: list[Shape]) -> list[Shape]:
    return [(shape[0] - settings["k"], *shape[1:])]


def column(
    random: Random, shape: Shape, settings: Any, pool: list[Shape]
) -> list[Shape]:
    return [(shape[-2], random.randint(1, 3))]
