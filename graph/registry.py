"""The table of ops by name; it imports nothing so that everybody may look ops up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op

OPS: dict[str, Op] = {}

# Keras's further names. There are only real dtypes, so a conjugate is the number;
# `fold` is a word of the language.
ALIASES: dict[str, str] = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "bitwise_not": "bitwise_invert",
    "conj": "copy",
    "conjugate": "copy",
    "empty": "zeros",
    "empty_like": "zeros_like",
    "fold": "fold_patches",
    "get_item": "getitem",
    "hard_swish": "hard_silu",
    "imag": "zeros_like",
    "left_shift": "bitwise_left_shift",
    "real": "copy",
    "right_shift": "bitwise_right_shift",
    "swish": "silu",
    "true_divide": "divide",
}


def named(name: str) -> Op:
    """The op of a name."""
    return OPS[name]


def call(name: str, *arguments: Any, **options: Any) -> Any:
    """Apply an op by name to nodes, tensors or symbolic tensors."""
    return OPS[name](*arguments, **options)
