"""Settings of the whole process: the float dtype, the fuzz, where channels stand."""

from __future__ import annotations

from typing import Any

from .diagnostics import Fault, TensorTypeError, caller_span
from .types import DType, DTypeLike, dtype_of

LAYOUTS = ("channels_last", "channels_first")


class _Settings:
    """What `set_floatx` and its like have set."""

    floatx: DType = dtype_of("float32")
    epsilon: float = 1e-7
    layout: str = "channels_last"
    all: tuple[str, float, str] = ("f32", 1e-7, "channels_last")

    @classmethod
    def change(cls, name: str, value: Any) -> None:
        setattr(cls, name, value)
        cls.all = cls.floatx.short, cls.epsilon, cls.layout


def settings() -> tuple[str, float, str]:
    """All that may be set: what is computed of a setting is kept for these only."""
    return _Settings.all


def floatx() -> str:
    """The dtype of floats where nobody says another: `float32` at first.

    >>> floatx()
    'float32'
    """
    return _Settings.floatx.name


def default_float() -> DType:
    """The dtype that `floatx` names."""
    return _Settings.floatx


def set_floatx(value: DTypeLike) -> None:
    """Let floats be of another dtype where nobody says one.

    `value` is `float16`, `bfloat16`, `float32` or `float64`. Layers, variables, inputs
    and numbers made from here on follow it; those that exist stay as they are. Raises
    T0401 for another dtype.

    >>> set_floatx("float64")
    >>> floatx()
    'float64'
    >>> set_floatx("float32")
    """
    try:
        dtype = dtype_of(value)
        if not dtype.is_float:
            raise Fault(
                "T0401",
                f"`floatx` is a dtype of floats, and {dtype.name} is not",
                argument="value",
                help=["choose float16, bfloat16, float32 or float64"],
            )
        _ = dtype.numpy  # bfloat16 needs a package
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None
    _Settings.change("floatx", dtype)


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite: 1e-7 at first.

    >>> epsilon()
    1e-07
    """
    return _Settings.epsilon


def set_epsilon(value: float) -> None:
    """Change what `epsilon` gives. Raises T0204 unless it is a positive number.

    >>> set_epsilon(1e-5)
    >>> epsilon()
    1e-05
    >>> set_epsilon(1e-7)
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not value > 0:
        raise _refused("epsilon", f"a positive number, not {value!r}")
    _Settings.change("epsilon", float(value))


def image_data_format() -> str:
    """Where channels stand if a layer does not say: `channels_last` at first.

    >>> image_data_format()
    'channels_last'
    """
    return _Settings.layout


def set_image_data_format(data_format: str) -> None:
    """Let channels stand last, or first, in layers made from here on.

    Raises T0204 for anything but `channels_last` and `channels_first`.

    >>> set_image_data_format("channels_last")
    """
    if not isinstance(data_format, str) or data_format not in LAYOUTS:
        words = f"`channels_last` or `channels_first`, not {data_format!r}"
        raise _refused("data_format", words)
    _Settings.change("layout", data_format)


def _refused(argument: str, words: str) -> Any:
    fault = Fault("T0204", f"`{argument}` is {words}", argument=argument)
    return TensorTypeError.of(fault, caller_span())


def version() -> str:
    """The version of Tulle.

    >>> version().count(".")
    2
    """
    from importlib.metadata import version as installed

    return installed("tulle")
