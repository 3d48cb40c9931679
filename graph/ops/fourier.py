"""Fourier transforms of complex numbers, which are pairs (real, imaginary)."""

from __future__ import annotations

from typing import Any

from ..dim import Dim
from ..kinds import Size
from ..node import Node
from ..op import Op, Results, register
from ..registry import OPS, call
from ..types import TensorType, TupleType
from .elementwise import dtype_clash, floats_needed
from .formula import (
    Refusal,
    Several,
    axis_of,
    derived,
    part,
    shape_of,
    type_of,
)

PAIR = ((-2.0, 2.0), (-2.0, 2.0))


@register
class FourierSum(Op):
    """Sums with powers of exp(-2 pi i / n) over axes, or +2 for the inverse's."""

    name = "fourier_sum"
    public = False
    operand_dtypes = "float"
    domain = PAIR

    def arguments(
        self, real: Any, imaginary: Any, axes: tuple[int, ...], inverse: bool = False
    ) -> Any:
        return (real, imaginary), {"axes": axes, "inverse": inverse}

    def infer(
        self, real: TensorType, imaginary: TensorType, axes: Any, inverse: bool
    ) -> TupleType:
        if not real.dtype.is_float:
            raise floats_needed("fft", real)
        if real.dtype != imaginary.dtype:
            raise dtype_clash("fft", real, 1, imaginary)
        if real.shape != imaginary.shape:
            raise Refusal(
                self.name,
                "T0305",
                f"both parts of complex numbers have one shape: {real}, {imaginary}",
                operands={0: str(real), 1: str(imaginary)},
                dims=(*real.shape, *imaginary.shape),
            )
        return TupleType((real, real))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        options = {**node.attributes, "inverse": not node.attributes["inverse"]}
        return call("fourier_sum", *cotangent, **options)  # type: ignore[no-any-return]

    def run(
        self, xp: Any, real: Any, imaginary: Any, *, axes: Any, inverse: bool, **_: Any
    ) -> Any:
        if real.size == 0:
            return real, imaginary
        values = real + 1j * imaginary
        if inverse:
            found = xp.fft.ifftn(values, axes=axes, norm="forward")
        else:
            found = xp.fft.fftn(values, axes=axes)
        return found.real.astype(real.dtype), found.imag.astype(real.dtype)


def _pair(name: str, x: Any) -> tuple[Any, Any]:
    if len(x) != 2:
        raise Refusal(
            name,
            "T0203",
            f"`{name}` takes a pair (real, imaginary) and got {len(x)} tensors",
        )
    return x[0], x[1]


def _axes(name: str, x: Any, count: int) -> tuple[int, ...]:
    rank = type_of(x).rank
    if rank < count:
        raise Refusal(
            name,
            "T0306",
            f"`{name}` works on the last {count} axes and got {type_of(x)}",
            operands={0: str(type_of(x))},
        )
    return tuple(range(rank - count, rank))


def _scaled(x: Any, count: Any) -> Any:
    """A tensor divided by a number of elements."""
    size = Dim.of(count)
    if size.value is not None:
        return call("divide", x, float(size.value))
    kind = type_of(x).dtype
    return call("divide", x, OPS["size"].apply((), {"value": size, "dtype": kind}))


@derived(2, "float", kind=Several, domain=PAIR)
def polar(abs_: Any, angle: Any) -> list[Any]:
    """Complex numbers of an absolute value and an angle, as a pair (real, imaginary).

    >>> [p.numpy().tolist() for p in call("polar", [2.0], [0.0])]
    [[2.0], [0.0]]
    """
    return [abs_ * call("cos", angle), abs_ * call("sin", angle)]


@derived(1, "float", kind=Several, listed=True, domain=PAIR)
def fft(x: Any) -> list[Any]:
    """The Fourier transform along the last axis, of a pair (real, imaginary)."""
    pair = _pair("fft", x)
    return list(call("fourier_sum", *pair, axes=_axes("fft", pair[0], 1)))


@derived(1, "float", kind=Several, listed=True, domain=PAIR)
def fft2(x: Any) -> list[Any]:
    """The Fourier transform over the last two axes, of a pair (real, imaginary)."""
    pair = _pair("fft2", x)
    return list(call("fourier_sum", *pair, axes=_axes("fft2", pair[0], 2)))


@derived(1, "float", kind=Several, listed=True, domain=PAIR)
def ifft2(x: Any) -> list[Any]:
    """`fft2` undone."""
    pair = _pair("ifft2", x)
    found = call("fourier_sum", *pair, axes=_axes("ifft2", pair[0], 2), inverse=True)
    rows, columns = shape_of(pair[0])[-2:]
    return [_scaled(each, rows * columns) for each in found]


def _fitted(name: str, x: Any, length: Any) -> Any:
    """The last axis cut or filled with zeros to a length."""
    axis = axis_of(name, x, -1)
    if length is None:
        return x
    size, wanted = shape_of(x)[axis], Dim.of(length)
    more, _ = (wanted - size).bounds()
    fewer, _ = (size - wanted).bounds()
    if more is not None and more >= 0:
        width = ((0, 0),) * axis + ((0, wanted - size),)
        return call("pad", x, width) if more or wanted != size else x
    if fewer is not None and fewer >= 0:
        return part(x, axis, 0, wanted)
    raise Refusal(
        name,
        "T0308",
        f"whether {type_of(x)} is longer than `fft_length={length}` cannot be decided",
        operands={0: str(type_of(x))},
        dims=(size,),
        argument="fft_length",
    )


@derived(1, "float", kind=Several)
def rfft(x: Any, fft_length: Size | None = None) -> list[Any]:
    """The first half of the Fourier transform of real numbers, along the last axis.

    x [..., n] gives a pair (real, imaginary) of [..., n // 2 + 1].

    >>> [p.numpy().tolist() for p in call("rfft", [1.0, 1.0])]
    [[2.0, 0.0], [0.0, 0.0]]
    """
    x = _fitted("rfft", x, fft_length)
    axis = type_of(x).rank - 1
    found = call("fourier_sum", x, call("zeros_like", x), axes=(axis,))
    count = shape_of(x)[axis] // 2 + 1
    return [part(each, axis, 0, count) for each in found]


@derived(1, "float", kind=Several, listed=True, domain=PAIR)
def irfft(x: Any, fft_length: Size | None = None) -> Any:
    """`rfft` undone: real numbers [..., n] from a pair, n = 2 * (size - 1) if None."""
    real, imaginary = _pair("irfft", x)
    axis = axis_of("irfft", real, -1)
    own = shape_of(real)[axis]
    size = (own - 1) * 2 if fft_length is None else Dim.of(fft_length)
    half = size // 2 + 1
    if half != own:
        real = _fitted("irfft", real, half)
        imaginary = _fitted("irfft", imaginary, half)
    rest = size - half
    real = _mirrored(real, axis, rest, 1.0)
    imaginary = _mirrored(imaginary, axis, rest, -1.0)
    found = call("fourier_sum", real, imaginary, axes=(axis,), inverse=True)
    return _scaled(found[0], size)


def _mirrored(x: Any, axis: int, rest: Dim, sign: float) -> Any:
    more = call("multiply", part(x, axis, rest, rest, -1), sign)
    return call("concatenate", [x, more], axis)
