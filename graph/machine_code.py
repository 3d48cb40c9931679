"""Modules of machine code out of packages that take long to import as a whole."""

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

_loading = Lock()
_LOADED: dict[str, Any] = {}


def folder_of(package: str) -> Path:
    """Where a package lies; an `ImportError` if it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed", name=package)
    return Path(spec.submodule_search_locations[0])


def machine_code(name: str) -> Any:
    """A module such as `scipy.linalg.cython_blas`, without the packages around it."""
    with _loading:  # a module can be loaded once
        if name not in _LOADED:
            _LOADED[name] = _load(name)
        return _LOADED[name]


def _load(name: str) -> Any:
    package, *folders, last = name.split(".")
    folder = folder_of(package).joinpath(*folders)
    for suffix in () if name in sys.modules else EXTENSION_SUFFIXES:
        path = folder / f"{last}{suffix}"
        if path.exists():
            loader = ExtensionFileLoader(name, str(path))
            spec = spec_from_file_location(name, path, loader=loader)
            assert spec is not None
            module = module_from_spec(spec)
            loader.exec_module(module)
            sys.modules.pop(name, None)  # who imports it later wants the package, too
            return module
    return import_module(name)


@cache
def openblas(name: str) -> Any:
    """A function of the OpenBLAS that SciPy brings, or None."""
    folder = folder_of("scipy")
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
