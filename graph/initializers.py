"""Initial values of weights, by Keras's names and formulas."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from .calling import told_with
from .configuration import default_float
from .diagnostics import Fault, TensorTypeError, caller_span
from .kinds import ARRAY, AXES, CALLS, FINITE, TEXT, TRUTH, Kind, shown
from .nearest import nearest_of
from .types import DType, DTypeLike, dtype_of
from .window_functions import WINDOW_FUNCTIONS, window_weights

Array = np.ndarray[Any, Any]
# The deviation of a standard normal that is cut at two deviations.
TRUNCATED_DEVIATION = 0.87962566103423978
MODES = ("fan_in", "fan_out", "fan_avg")
SHAPES = ("truncated_normal", "untruncated_normal", "uniform")


def refused(argument: str, words: str, *advice: str) -> TensorTypeError:
    """The refusal of a wrong setting, T0204, at the caller's line."""
    fault = Fault(
        "T0204", f"`{argument}` is {words}", argument=argument, help=list(advice)
    )
    return TensorTypeError.of(fault, caller_span())


@lru_cache(1024)
def _parameters(kind: type) -> tuple[str, ...]:
    """What a constructor takes; a model makes the same initializers many times."""
    return tuple(inspect.signature(kind.__init__).parameters)  # type: ignore[misc]


def _number(argument: str, value: Any, low: float = -math.inf) -> float:
    found: float = _fitted(FINITE, argument, value)
    if not found >= low:
        raise refused(argument, f"a number of at least {low:g}, not {shown(value)}")
    return found


def _fitted(kind: Kind, argument: str, value: Any) -> Any:
    """A setting in its plain form; refuses what is not of the kind, T0204."""
    try:
        return kind.read(argument, value)
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None


class Initializer:
    """Makes the first value of a variable from its shape, dtype and a seed.

    A subclass gives `__call__(shape, dtype=None)`, which returns an array or a tensor.

    >>> class Steps(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.arange(np.prod(shape)).reshape(shape)
    >>> Steps().clone()((1, 3)).tolist()
    [[0, 1, 2]]
    """

    name: ClassVar[str] = ""
    seed: Any = None

    def __init__(self, seed: Any = None):
        whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
        if seed is not None and not whole and not hasattr(seed, "next"):
            told = f"a whole number or a SeedGenerator, not {shown(seed)}"
            raise refused("seed", told)
        self.seed = seed

    def values(self, shape: tuple[int, ...], dtype: DType, seed: int) -> Array:
        """The array; `seed` is the variable's own, used where none was given."""
        kind = type(self)
        if kind.sample is Initializer.sample and kind.__call__ is not CALL:
            return np.asarray(self(shape, dtype=dtype.name)).astype(dtype.numpy)
        try:
            return self.sample(self._generator(seed), shape).astype(dtype.numpy)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _generator(self, seed: int) -> np.random.Generator:
        chosen = seed if self.seed is None else self.seed
        if hasattr(chosen, "next"):
            chosen = np.random.SeedSequence([int(word) for word in chosen.next()])
        elif chosen < 0:
            chosen = [-int(chosen), 1]  # NumPy's seeds are not negative
        return np.random.Generator(np.random.Philox(chosen))

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """The values as float64."""
        raise Fault("T0204", f"`{type(self).__name__}` has no `__call__`")

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Any:
        """The value as a tensor.

        Raises T0204 for what is no shape, T0401 for what is no dtype.

        >>> Zeros()((2,)).numpy().tolist()
        [0.0, 0.0]
        """
        from .sizes import as_shape
        from .tensor import Tensor
        from .variable import new_seed

        try:
            sizes = as_shape(shape, type(self).__name__)
            kind = default_float() if dtype is None else dtype_of(dtype)
            return Tensor(self.values(sizes, kind, new_seed()))
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        kind: Any = type(self)
        names = _parameters(kind)
        given = (name for name in names if name != "self" and hasattr(self, name))
        return {name: getattr(self, name) for name in given}

    @classmethod
    @told_with(CALLS)
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer of a configuration."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another initializer with the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        config = self.get_config().items()
        told = ", ".join(f"{k}={v!r}" for k, v in config if v is not None)
        return f"{type(self).__name__}({told})"


CALL = Initializer.__call__


class Zeros(Initializer):
    """All zeros."""

    def __init__(self) -> None:
        super().__init__()

    def values(self, shape: tuple[int, ...], dtype: DType, seed: int) -> Array:
        if type(self).sample is not Zeros.sample:
            return super().values(shape, dtype, seed)
        return np.zeros(shape, dtype.numpy)  # no generator is made for nothing

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


class Ones(Initializer):
    """All ones."""

    def __init__(self) -> None:
        super().__init__()

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


class Constant(Initializer):
    """One number everywhere, or an array that is repeated to the shape.

    >>> Constant([1.0, 2.0])((2, 2)).numpy().tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    exact = False  # whether the shape has to be that of the array

    def __init__(self, value: Any = 0.0):
        super().__init__()
        if np.asarray(value).dtype.kind not in "biuf":
            told = f"a number or an array of numbers, not {shown(value)}"
            raise refused("value", told)
        self.value = value

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        value = np.asarray(self.value)
        fits = value.shape == shape
        if not fits and not self.exact:
            fits = _broadcasts(value.shape, shape)
        if not fits:
            raise Fault(
                "T0302",
                f"the weight has the shape {shape}, and its first value {value.shape}",
            )
        return np.broadcast_to(value, shape).copy()


def _broadcasts(one: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    pairs = zip(reversed(one), reversed(shape), strict=False)
    return len(one) <= len(shape) and all(a in (1, b) for a, b in pairs)


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

    Raises T0306 for a shape that is not of rank 2.

    >>> Identity(2.0)((2, 3)).numpy().tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0):
        super().__init__()
        self.gain = _number("gain", gain)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise Fault(
                "T0306", f"`Identity` makes a matrix, not a weight of the shape {shape}"
            )
        return self.gain * np.eye(*shape)


class STFT(Initializer):
    """The real or the imaginary waves of a Fourier transform, under a window.

    For a kernel [frame length, 1, frequencies] of a convolution in one axis. `side` is
    `real` or `imag`; `window` is a name, an array of the frame length, or None;
    `scaling` divides by the window's root of its power (`density`), by its sum
    (`spectrum`) or by nothing (None). Raises T0204 for other settings, T0306 for a
    shape that is not of rank 3.

    >>> STFT("real", window=None)((2, 1, 2)).numpy().round(3).tolist()
    [[[1.0, 1.0]], [[1.0, -1.0]]]
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ):
        super().__init__()
        if not isinstance(side, str) or side not in ("real", "imag"):
            raise refused("side", f"`real` or `imag`, not {shown(side)}")
        if isinstance(window, str) and window not in WINDOW_FUNCTIONS:
            known = f"there are {', '.join(WINDOW_FUNCTIONS)}"
            raise refused("window", f"a name, an array or None, not {window!r}", known)
        if not isinstance(window, str):
            window = _fitted(ARRAY.optional(), "window", window)
        worded = scaling is None or isinstance(scaling, str)
        if not worded or scaling not in (None, "density", "spectrum"):
            told = f"`density`, `spectrum` or None, not {shown(scaling)}"
            raise refused("scaling", told)
        self.side, self.window, self.scaling = side, window, scaling
        self.periodic = _fitted(TRUTH, "periodic", periodic)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        if len(shape) != 3:
            raise Fault(
                "T0306",
                "`STFT` makes a kernel [frame length, 1, frequencies], not a weight of "
                f"the shape {shape}",
            )
        length, _, frequencies = shape
        turns = np.outer(np.arange(length), np.arange(frequencies))
        angles = -np.pi * turns / max(frequencies - 1, 1)
        waves = np.cos(angles) if self.side == "real" else np.sin(angles)
        weights = self._weights(length)
        return np.broadcast_to((waves * weights[:, None])[:, None], shape).copy()

    def _weights(self, length: int) -> Array:
        """The window, scaled."""
        if self.window is None:
            return np.ones(length)
        weights = self.window
        if isinstance(weights, str):
            weights = window_weights(weights, length, self.periodic)
        weights = np.asarray(weights, np.float64)
        if weights.shape != (length,):
            raise Fault(
                "T0302",
                f"the window of `STFT` has the shape {weights.shape}, and the frames "
                f"have {length} places",
                argument="window",
            )
        if self.scaling == "density":
            return np.asarray(weights / np.sqrt(np.sum(weights**2)))
        return weights / (np.sum(np.abs(weights)) if self.scaling else 1.0)


class RandomNormal(Initializer):
    """A normal distribution of given mean and standard deviation."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ):
        super().__init__(seed)
        self.mean, self.stddev = _number("mean", mean), _number("stddev", stddev, 0)

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
        self.minval = _number("minval", minval)
        self.maxval = _number("maxval", maxval, self.minval)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return generator.uniform(self.minval, self.maxval, shape)


class VarianceScaling(Initializer):
    """Random values whose variance is `scale / n`, n counted by `mode`.

    `mode` is `fan_in`, `fan_out` or `fan_avg`; `distribution` is `truncated_normal`
    (also called `normal`), `untruncated_normal` or `uniform`. `input_axes` and
    `output_axes` are the axes of the weight that count as inputs and outputs, where
    they are not the usual ones. Raises T0204 for other settings. Formula: Glorot
    and Bengio 2010, He et al. 2015.
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
        scale = _number("scale", scale)
        if not scale > 0:
            raise refused("scale", f"a number above 0, not {scale!r}")
        if not isinstance(mode, str) or mode not in MODES:
            raise refused("mode", f"one of {', '.join(MODES)}, not {shown(mode)}")
        distribution = _fitted(TEXT, "distribution", distribution).lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in SHAPES:
            known = ", ".join(SHAPES)
            raise refused("distribution", f"one of {known}, not {distribution!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes = _axes("input_axes", input_axes)
        self.output_axes = _axes("output_axes", output_axes)

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
        for axis in (*self.input_axes, *self.output_axes):
            if not -len(shape) <= axis < len(shape):
                raise Fault(
                    "T0303", f"a weight of the shape {shape} has no axis {axis}"
                )
        inputs = math.prod(shape[axis] for axis in self.input_axes)
        outputs = math.prod(shape[axis] for axis in self.output_axes)
        return float(inputs), float(outputs)


def _axes(argument: str, axes: Any) -> Sequence[int] | None:
    found = _fitted(AXES.optional(), argument, axes)
    return (found,) if isinstance(found, int) else found


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


class Orthogonal(Initializer):
    """Random columns (or rows, if those are fewer) at right angles, of length `gain`.

    All axes but the last count as one. Raises T0306 for a shape of rank below 2.
    Formula: Saxe et al. 2014.

    >>> w = Orthogonal(seed=1)((3, 2)).numpy()
    >>> np.allclose(w.T @ w, np.eye(2), atol=1e-6)
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        super().__init__(seed)
        self.gain = _number("gain", gain)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        if len(shape) < 2:
            raise Fault(
                "T0306",
                "`Orthogonal` makes a matrix or more, not a weight of the shape "
                f"{shape}",
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        long, short = max(rows, columns), min(rows, columns)
        q, r = np.linalg.qr(generator.standard_normal((long, short)))
        # With this sign all such matrices are equally likely.
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q.T if rows < columns else q).reshape(shape)


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
    LecunUniform, LecunNormal, Identity, Orthogonal, STFT,
)  # fmt: skip


@lru_cache(1024)
def snake_case(name: str) -> str:
    """`GlorotUniform` as `glorot_uniform`, `ReLU` as `re_lu`, as Keras does."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name.lstrip("_"))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


BY_NAME: dict[str, type[Initializer]] = {snake_case(k.__name__): k for k in KINDS}
ALIASES: dict[str, type[Initializer]] = {
    "identity_initializer": Identity,
    "normal": RandomNormal,
    "one": Ones,
    "orthogonal_initializer": Orthogonal,
    "stft_initializer": STFT,
    "uniform": RandomUniform,
    "zero": Zeros,
}


def get(identifier: Any) -> Any:
    """The initializer that a name, a configuration, an array or a callable means.

    None stays None. An array is for weights of its own shape. Raises T0204 with the
    nearest name.

    >>> get("he_normal")
    HeNormal()
    """
    if identifier is None or isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
        if not isinstance(name, str) or not isinstance(config, dict):
            advice = "a description has a `class_name` and a `config`"
            told = f"{shown(identifier)} describes no initializer"
            raise Fault("T0204", told, help=[advice])
        return _find(name).from_config(config)
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if isinstance(identifier, str):
        return _find(identifier)()
    if isinstance(identifier, (np.ndarray, np.generic)) or hasattr(identifier, "array"):
        found = Constant(np.asarray(identifier))
        found.exact = True
        return found
    if callable(identifier):
        return Wrapped(identifier)
    raise Fault("T0204", f"{shown(identifier)} is no initializer")


def _find(identifier: str) -> type[Initializer]:
    name = snake_case(identifier)
    found = BY_NAME.get(name) or ALIASES.get(name)
    if found is not None:
        return found
    near = nearest_of(name, BY_NAME)
    known = f"known: {', '.join(sorted(BY_NAME))}"
    raise Fault(
        "T0204",
        f"`{identifier}` is no initializer",
        help=[*(f"did you mean `{each}`?" for each in near), known],
    )
