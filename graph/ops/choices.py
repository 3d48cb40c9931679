"""Random numbers made of others: classes by their logits, normals without tails."""

from __future__ import annotations

import math
from typing import Any

from ..configuration import default_float
from ..conversion import convert
from ..diagnostics import Fault, TensorTypeError, caller_span
from ..registry import call
from ..types import DTypeLike
from ..variable import SeedGenerator
from .random import uniform

WIDTH = 2.0  # standard deviations on either side


def categorical(
    logits: Any,
    num_samples: int,
    dtype: DTypeLike = "int32",
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Class numbers [rows, num_samples], drawn with the chances that logits give.

    `logits` is f32[rows, classes]. By the trick of Gumbel: the largest of the logits
    with noise.

    >>> categorical([[0.0, -1e9]], 3, seed=1).numpy().tolist()
    [[0, 0, 0]]
    """
    scores = convert(logits)
    if scores.type.rank != 2:
        fault = Fault(
            "T0304", f"`logits` is [rows, classes], not {scores.type}",
            argument="logits",
        )  # fmt: skip
        raise TensorTypeError.of(fault, caller_span())
    if not scores.type.dtype.is_float:
        scores = call("cast", scores, default_float().name)
    rows, classes = scores.type.shape
    kind = scores.type.dtype.name
    draws = uniform((rows, num_samples, classes), dtype="float32", seed=seed)
    noise = -call("log", -call("log", call("clip", draws, 1e-20, 1.0 - 2.0**-24)))
    noisy = call("expand_dims", scores, 1) + call("cast", noise, kind)
    return call("cast", call("argmax", noisy, axis=-1), dtype)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Normal random numbers at most two standard deviations from their mean.

    >>> truncated_normal((2, 3), seed=1).shape
    (2, 3)
    """
    kind = default_float().name if dtype is None else dtype
    limit = math.erf(WIDTH / math.sqrt(2.0))
    draws = uniform(shape, -limit, limit, "float32", seed)
    found = call("clip", call("erfinv", draws) * math.sqrt(2.0), -WIDTH, WIDTH)
    return call("cast", found, kind) * stddev + mean
