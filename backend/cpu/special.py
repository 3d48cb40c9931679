"""The ops with native code of their own, by name; a family of ops is a file."""

from __future__ import annotations

from . import (
    special_attention,
    special_axes,
    special_convolution,
    special_copying,
    special_factoring,
    special_fourier,
    special_gathering,
    special_random,
    special_scattering,
    special_selecting,
    special_sorting,
    special_windows,
)
from .special_base import SPECIAL, Special, Work

__all__ = ["SPECIAL", "Special", "Work"]
FAMILIES = (
    special_attention,
    special_axes,
    special_convolution,
    special_copying,
    special_factoring,
    special_fourier,
    special_gathering,
    special_random,
    special_scattering,
    special_selecting,
    special_sorting,
    special_windows,
)
