"""The functions of the BLAS that SciPy brings, by address."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from typing import Any

NO_CONTROL = (0, 0)
_loading = Lock()


def _folder() -> Path:
    """Where SciPy lies."""
    spec = find_spec("scipy")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("SciPy is not installed", name="scipy")
    return Path(spec.submodule_search_locations[0])


def functions() -> dict[str, Any]:
    """SciPy's BLAS functions by name."""
    with _loading:  # the module can be loaded once
        return _functions()


@cache
def _functions() -> dict[str, Any]:
    """What `functions` gives.

    They lie in a module of machine code, which needs nothing of `scipy.linalg` around
    it: importing all of that takes as long as compiling a small network.
    """
    name = "scipy.linalg.cython_blas"
    suffixes = () if name in sys.modules else EXTENSION_SUFFIXES
    for suffix in suffixes:
        path = _folder() / "linalg" / f"cython_blas{suffix}"
        if path.exists():
            loader = ExtensionFileLoader(name, str(path))
            spec = spec_from_file_location(name, path, loader=loader)
            assert spec is not None
            module = module_from_spec(spec)
            loader.exec_module(module)
            sys.modules.pop(name, None)  # who imports it later wants the package, too
            return module.__pyx_capi__
    table: dict[str, Any] = import_module(name).__pyx_capi__
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
    pair = [_openblas(f"{verb}_num_threads") for verb in ("set", "get")]
    if None in pair:
        return NO_CONTROL
    found = [ctypes.cast(one, ctypes.c_void_p).value or 0 for one in pair]
    return found[0], found[1]


def _openblas(name: str) -> Any:
    """A function of the OpenBLAS that SciPy brings, or None."""
    folder = _folder()
    places = [folder.parent / "scipy.libs", folder / ".dylibs"]
    for path in (file for place in places for file in place.glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            found = getattr(library, f"{prefix}_{name}", None)
            if found is not None:
                return found
    return None
