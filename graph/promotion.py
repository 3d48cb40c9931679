"""Which dtype an op on several dtypes has: Keras's lattice, which is JAX's.

Python's numbers are weak: an int is below every integer dtype, a float below every
float dtype. The result is the least dtype above all. Only one thing differs from Keras:
64 bits stay 64 bits.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from .configuration import default_float
from .types import DTYPES, I32, DType

_on_nodes: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "promoting_nodes", default=False
)

# What lies right above each dtype; `int` and `float` are Python's numbers.
ABOVE: dict[str, tuple[str, ...]] = {
    "bool": ("int",),
    "int": ("u8", "i8"),
    "u8": ("u16", "i16"),
    "u16": ("u32", "i32"),
    "u32": ("u64", "i64"),
    "u64": ("float",),
    "i8": ("i16",),
    "i16": ("i32",),
    "i32": ("i64",),
    "i64": ("float",),
    "float": ("f16", "bf16"),
    "f16": ("f32",),
    "bf16": ("f32",),
    "f32": ("f64",),
    "f64": (),
}


@lru_cache(None)
def _reach(name: str) -> frozenset[str]:
    """What lies above a dtype, itself included."""
    return frozenset((name,)).union(*(_reach(above) for above in ABOVE[name]))


@lru_cache(4096)
def _lowest(names: frozenset[str]) -> str:
    common = frozenset.intersection(*map(_reach, names))
    return next(name for name in common if common <= _reach(name))


def least(names: frozenset[str]) -> DType:
    """The least dtype above all, by short names; weak ones become int32 and floatx."""
    lowest = _lowest(names)
    if lowest == "float":
        return default_float()
    return I32 if lowest == "int" else DTYPES[lowest]


def nodes_promoted() -> bool:
    """Whether operands that are bare nodes are promoted as values are."""
    return _on_nodes.get()


@contextmanager
def promoting_nodes(wanted: bool) -> Iterator[None]:
    """Promote bare nodes, as a formula that also runs on values wants, or refuse."""
    token = _on_nodes.set(wanted)
    try:
        yield
    finally:
        _on_nodes.reset(token)
