"""Initial values of weights, by Keras's names and formulas."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from .diagnostics import Fault
from .types import DType, DTypeLike, dtype_of

Array = np.ndarray[Any, Any]
# The deviation of a standard normal that is cut at two deviations.
TRUNCATED_DEVIATION = 0.87962566103423978


class Initializer:
    """Makes the first value of a variable from its shape, dtype and a seed."""

    name: ClassVar[str] = ""

    def __init__(self, seed: int | None = None):
        self.seed = seed

    def values(self, shape: tuple[int, ...], dtype: DType, seed: int) -> Array:
        """The array; `seed` is the variable's own, used where none was given."""
        chosen = seed if self.seed is None else self.seed
        generator = np.random.Generator(np.random.Philox(chosen))
        return self.sample(generator, shape).astype(dtype.numpy)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """The values as float64."""
        raise NotImplementedError

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike = "float32") -> Any:
        """The value as a tensor.

        >>> Zeros()((2,)).numpy().tolist()
        [0.0, 0.0]
        """
        from .tensor import Tensor
        from .variable import new_seed

        return Tensor(self.values(tuple(shape), dtype_of(dtype), new_seed()))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def __repr__(self) -> str:
        config = self.get_config().items()
        told = ", ".join(f"{k}={v!r}" for k, v in config if v is not None)
        return f"{type(self).__name__}({told})"


class Zeros(Initializer):
    """All zeros."""

    def __init__(self) -> None:
        super().__init__()

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


class Ones(Initializer):
    """All ones."""

    def __init__(self) -> None:
        super().__init__()

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


class Constant(Initializer):
    """One number everywhere."""

    def __init__(self, value: float = 0.0):
        super().__init__()
        self.value = value

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.value, np.float64)


class RandomNormal(Initializer):
    """A normal distribution of given mean and standard deviation."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """A normal distribution without what lies beyond two standard deviations."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * truncated_normal(generator, shape)


class RandomUniform(Initializer):
    """A uniform distribution between two numbers."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return generator.uniform(self.minval, self.maxval, shape)


class VarianceScaling(Initializer):
    """Random values whose variance is `scale / n`, n counted by `mode`.

    `mode` is `fan_in`, `fan_out` or `fan_avg`; `distribution` is `truncated_normal`,
    `untruncated_normal` or `uniform`. `input_axes` and `output_axes` are the axes of
    the weight that count as inputs and outputs, where they are not the usual ones.
    Formula: Glorot and Bengio 2010, He et al. 2015.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = self.fans(shape)
        counts = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
        }
        variance = self.scale / max(1.0, counts[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return generator.uniform(-limit, limit, shape)
        deviation = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return generator.normal(0.0, deviation, shape)
        values = truncated_normal(generator, shape)
        return values * (deviation / TRUNCATED_DEVIATION)

    def fans(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Inputs and outputs that a weight connects, along the axes given if any."""
        if self.input_axes is None or self.output_axes is None:
            return fans(shape)
        inputs = math.prod(shape[axis] for axis in self.input_axes)
        outputs = math.prod(shape[axis] for axis in self.output_axes)
        return float(inputs), float(outputs)


class _Scaled(VarianceScaling):
    setting: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self.setting, seed, input_axes, output_axes)


class GlorotUniform(_Scaled):
    """Uniform with variance 1 / mean fan (Glorot and Bengio 2010)."""

    setting = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with variance 1 / mean fan (Glorot and Bengio 2010)."""

    setting = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform with variance 2 / fan in (He et al. 2015)."""

    setting = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan in (He et al. 2015)."""

    setting = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform with variance 1 / fan in (LeCun et al. 1998)."""

    setting = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan in (LeCun et al. 1998)."""

    setting = (1.0, "fan_in", "truncated_normal")


class Wrapped(Initializer):
    """A user's callable of shape and dtype."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function

    def values(self, shape: tuple[int, ...], dtype: DType, seed: int) -> Array:
        return np.asarray(self.function(shape, dtype=dtype.name)).astype(dtype.numpy)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs that a weight of this shape connects."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


def truncated_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal values within two deviations, by drawing again."""
    values = np.asarray(generator.standard_normal(shape))
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return values


KINDS: tuple[type[Initializer], ...] = (
    Zeros, Ones, Constant, RandomNormal, TruncatedNormal, RandomUniform,
    VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal,
    LecunUniform, LecunNormal,
)  # fmt: skip


@lru_cache(1024)
def snake_case(name: str) -> str:
    """`GlorotUniform` as `glorot_uniform`, `ReLU` as `re_lu`, as Keras does."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name.lstrip("_"))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


BY_NAME: dict[str, type[Initializer]] = {snake_case(k.__name__): k for k in KINDS}
ALIASES: dict[str, type[Initializer]] = {
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "zero": Zeros,
    "one": Ones,
}


def get(identifier: Any) -> Initializer:
    """The initializer that a name, a configuration or a callable means."""
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, dict):
        kind = BY_NAME[snake_case(identifier["class_name"])]
        return kind.from_config(identifier["config"])
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if isinstance(identifier, str):
        name = snake_case(identifier)
        found = BY_NAME.get(name) or ALIASES.get(name)
        if found is None:
            known = ", ".join(sorted(BY_NAME))
            raise Fault(
                "T0204", f"`{identifier}` is no initializer", help=[f"known: {known}"]
            )
        return found()
    return Wrapped(identifier)
