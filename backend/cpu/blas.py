"""The functions of the BLAS that SciPy brings, by address."""

from __future__ import annotations

import ctypes
from functools import cache

NO_CONTROL = (0, 0)


@cache
def blas_address(name: str) -> int:
    """The address of a BLAS function with Fortran's convention, as `sgemm`."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
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
    from pathlib import Path

    import scipy

    folder = Path(scipy.__file__).parent
    places = [folder.parent / "scipy.libs", folder / ".dylibs"]
    for path in (file for place in places for file in place.glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            try:
                pair = [
                    getattr(library, f"{prefix}_{verb}_num_threads")
                    for verb in ("set", "get")
                ]
            except AttributeError:
                continue
            found = [ctypes.cast(one, ctypes.c_void_p).value or 0 for one in pair]
            return found[0], found[1]
    return NO_CONTROL
