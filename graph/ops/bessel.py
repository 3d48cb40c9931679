"""The modified Bessel functions of orders 0 and 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..node import Node
from ..op import Results
from ..registry import call
from ..tensor import constant_node
from .formula import Derived, derived, floats, type_of

EDGE = 8.0  # power series below, what is left of exp(x) / sqrt(x) above
ENDLESS = 1000.0  # from here on the functions overflow in every dtype
TERMS = {4: (16, 9), 8: (22, 23)}  # of the power series and of those below, by bytes

# Chebyshev series of exp(-x) sqrt(x) I0(x) and of the same of I1, at 16 / x - 1.
FAR_0 = (
    0.40224520550705442, 3.3691164782556941e-3, 6.889758346916824e-5,
    2.8913705208347565e-6, 2.0489185894690637e-7, 2.2666689904981781e-8,
    3.3962320257083863e-9, 4.9406023882249696e-10, 1.1889147107846438e-11,
    -3.1499165279632414e-11, -1.3215811840447713e-11, -1.7941785315068061e-12,
    7.1801244513836662e-13, 3.8527783827421427e-13, 1.5400862175214098e-14,
    -4.1505693472872221e-14, -9.5548466988283077e-15, 3.8116806693526224e-15,
    1.7725601330565264e-15, -3.4254856196772195e-16, -2.8276239805165837e-16,
    3.4612228676974771e-17, 4.4656214202967384e-17,
)  # fmt: skip
FAR_1 = (
    0.38928811750914006, -9.7610974913614684e-3, -1.1058893876262372e-4,
    -3.8825648088776904e-6, -2.5122362378702089e-7, -2.6314688468895195e-8,
    -3.835380385964237e-9, -5.5897434621965838e-10, -1.8974958123505412e-11,
    3.2526035830154882e-11, 1.4125807436613781e-11, 2.0356285441470895e-12,
    -7.1985517762459085e-13, -4.0835511110921973e-13, -2.1015418427726643e-14,
    4.2724400167119514e-14, 1.0420276984128803e-14, -3.8144030724370078e-15,
    -1.8803547755107825e-15, 3.3082023109209287e-16, 2.9626289976459503e-16,
    -3.2095259219934401e-17, -4.650305368489336e-17,
)  # fmt: skip


def _growth(x: Any, order: int, far: tuple[float, ...]) -> tuple[Any, Any, Any]:
    """Whether x is small, the power series there, and the function of abs(x) beyond."""
    few, many = TERMS[type_of(x).dtype.size]
    factors = np.zeros((max(few, many), 2))
    factors[:few, 0] = [
        1 / (math.factorial(k) * math.factorial(k + order)) for k in range(few)
    ]
    factors[:many, 1] = np.polynomial.chebyshev.cheb2poly(far[:many])
    size = call("abs", x)
    near = size < EDGE
    size = call("minimum", size, ENDLESS)
    at = call("where", near, x * x / 4.0, 2 * EDGE / size - 1.0)
    found: Any = call("zeros_like", x)
    for pair in factors[::-1].astype(type_of(x).dtype.numpy):
        found = found * at + call("where", near, *map(constant_node, pair))
    # Two halves, as exp(x) overflows before what it is multiplied by makes it smaller.
    half = call("exp", size / 2.0)
    return near, found, half * (found / call("sqrt", size)) * half


class Bessel0(Derived):
    """The modified Bessel function of order 0, whose slope is that of order 1."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        return (cotangent * call("i1", node.inputs[0]),)


@derived(1, "any", kind=Bessel0)
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 0.

    It is infinite where it is beyond what the dtype holds. As in Keras, int64 becomes
    float64.

    >>> [f"{value:.4f}" for value in call("i0", [0.0, 1.0])]
    ['1.0000', '1.2661']
    """
    kind = type_of(x).dtype
    x = call("cast", x, "float64") if kind.name == "int64" else floats(x)
    if kind.is_half:
        return call("cast", call("i0", call("cast", x, "float32")), kind)
    near, series, beyond = _growth(x, 0, FAR_0)
    return call("where", near, series, beyond)


class Bessel1(Derived):
    """The modified Bessel function of order 1, with I1' = I0 - I1 / x."""

    def vjp(self, node: Node, cotangent: Node) -> Results:
        (x,) = node.inputs
        even = call("i0", x)
        origin = call("equal", x, 0.0)
        share = call("where", origin, 0.5, node / call("where", origin, 1.0, x))
        slope = call("where", call("isinf", even), even, even - share)
        return (cotangent * slope,)


@derived(1, "float", kind=Bessel1, public=False)
def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 1."""
    kind = type_of(x).dtype
    if kind.is_half:
        return call("cast", call("i1", call("cast", x, "float32")), kind)
    near, series, beyond = _growth(x, 1, FAR_1)
    beyond = call("where", x < 0, -beyond, beyond)
    return call("where", near, x / 2.0 * series, beyond)
