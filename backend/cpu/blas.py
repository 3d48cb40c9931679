"""The functions of the BLAS that SciPy brings, by address."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from ...graph.machine_code import machine_code, openblas

NO_CONTROL = (0, 0)


def functions() -> dict[str, Any]:
    """SciPy's BLAS functions by name.

    They lie in a module of machine code, which needs nothing of `scipy.linalg` around
    it: importing all of that takes as long as compiling a small network.
    """
    table: dict[str, Any] = machine_code("scipy.linalg.cython_blas").__pyx_capi__
    return table


@cache
def blas_address(name: str) -> int:
    """The address of a BLAS function with Fortran's convention, as `sgemm`."""
    capsule = functions()[name]
    api = ctypes.pythonapi
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", api)
    )
    pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", api)
    )
    address: int = pointer_of(capsule, name_of(capsule))
    return address


@cache
def thread_controls() -> tuple[int, int]:
    """Functions that set and get how many threads SciPy's BLAS uses; zeros if unknown.

    Only OpenBLAS has them under names that are known.
    """
    pair = [openblas(f"{verb}_num_threads") for verb in ("set", "get")]
    if None in pair:
        return NO_CONTROL
    found = [ctypes.cast(one, ctypes.c_void_p).value or 0 for one in pair]
    return found[0], found[1]
