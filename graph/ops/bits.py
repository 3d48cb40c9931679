"""Arithmetic on the bits and factors of whole numbers, a row an op."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..op import register
from ..types import TensorType
from .elementwise import TRUTHS_AS_NUMBERS, Elementwise, signature

REASON = "whole numbers do not move by small steps"


class Whole(Elementwise):
    """An op on integers; some take truth values too."""

    no_gradient = REASON
    truths = False

    def infer(self, *types: TensorType) -> TensorType:
        for index, type in enumerate(types):
            if not (type.dtype.is_integer or (self.truths and type.dtype.kind == "b")):
                raise Fault(
                    "T0402",
                    f"`{self.name}` works on whole numbers and got {type.dtype}",
                    operands={index: str(type)},
                    help=["cast it: `cast(…, i32)`"],
                )
        return super().infer(*types)


def _define(
    name: str,
    doc: str,
    names: str,
    body: str,
    scalar: str,
    truths: bool = False,
    **more: Any,
) -> None:
    parameters = names.split()
    fields = {
        "__doc__": doc,
        "name": name,
        "body": body,
        "scalar": scalar,
        "arguments": signature(name, parameters),
        "domain": ((0.0, 7.0),) * len(parameters),
        "truths": truths,
        **more,
    }
    register(type(name, (Whole,), fields))


_define("bitwise_and", "The bits that both have.", "x y", "bitwise_and", "x & y", True)
_define("bitwise_or", "The bits that one has.", "x y", "bitwise_or", "x | y", True)
_define("bitwise_xor", "The bits that differ.", "x y", "bitwise_xor", "x ^ y", True)
_define("bitwise_invert", "All bits turned over.", "x", "invert", "~x", True)
_define(
    "bitwise_left_shift",
    "x * 2 ** y, in bits.",
    "x y",
    "left_shift",
    "x << y",
    widened=TRUTHS_AS_NUMBERS,
)
_define(
    "bitwise_right_shift",
    "x // 2 ** y, in bits.",
    "x y",
    "right_shift",
    "x >> y",
    widened=TRUTHS_AS_NUMBERS,
)
_define("gcd", "The greatest common divisor.", "x1 x2", "gcd", "gcd(x, y)")
_define("lcm", "The least common multiple.", "x1 x2", "lcm", "lcm(x, y)")
