"""Devices: `cpu` with NumPy, `gpu:N` with CuPy, which is imported when asked for."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy

from .diagnostics import BackendError, Diagnostic, caller_span

_current: contextvars.ContextVar[str] = contextvars.ContextVar("device", default="cpu")


def devices() -> list[str]:
    """The devices of this machine, `cpu` first.

    >>> devices()[0]
    'cpu'
    """
    try:
        import cupy
    except ImportError:
        return ["cpu"]
    if not cupy.is_available():
        return ["cpu"]
    count = cupy.cuda.runtime.getDeviceCount()
    return ["cpu", *(f"gpu:{index}" for index in range(count))]


@contextmanager
def device(name: str) -> Iterator[str]:
    """Create tensors and compile programs on a device while the context lasts.

    Raises `BackendError` when the machine has no such device.

    >>> with device("cpu"):
    ...     pass
    """
    name = "gpu:0" if name == "gpu" else name
    if name != "cpu" and name not in devices():
        raise BackendError(_missing(name))
    token = _current.set(name)
    try:
        if name == "cpu":
            yield name
        else:
            import cupy

            with cupy.cuda.Device(int(name.partition(":")[2])):
                yield name
    finally:
        _current.reset(token)


def _missing(name: str) -> Diagnostic:
    try:
        import cupy

        found = f"CuPy {cupy.__version__} finds no CUDA device of that number"
    except ImportError:
        found = "CuPy is not installed: `pip install 'tulle[gpu13]'`"
    known = ", ".join(devices())
    return Diagnostic(
        "T0801",
        f"there is no device `{name}` on this machine",
        caller_span(),
        notes=(found,),
        help=(f"use one of: {known}",),
    )


def current_device() -> str:
    """The device in force."""
    return _current.get()


def array_module(name: str | None = None) -> Any:
    """NumPy, or CuPy for a GPU device."""
    if (name or current_device()) == "cpu":
        return numpy
    import cupy

    return cupy


def module_of(array: Any) -> ModuleType:
    """The module that an array belongs to."""
    if type(array).__module__.startswith("cupy"):
        import cupy

        module: ModuleType = cupy
        return module
    return numpy


def moved(array: Any, module: Any) -> Any:
    """The array as one of a module's; CuPy's are never converted by NumPy itself."""
    return to_numpy(array) if module is numpy else module.asarray(array)


_untold: dict[Callable[[], None], None] = {}


def tell_later(check: Callable[[], None]) -> None:
    """Have a check made when a result of the device is next asked for.

    A program on a device does not wait for what the device finds wrong with its data.
    """
    _untold[check] = None


def to_numpy(array: Any) -> numpy.ndarray[Any, Any]:
    """The array in host memory.

    Raises what a program on the device has found wrong with its data since.
    """
    if type(array).__module__.startswith("cupy"):
        found: numpy.ndarray[Any, Any] = array.get()
        while True:
            try:
                check, _ = _untold.popitem()
            except KeyError:  # there is none, or another thread has taken the last
                return found
            check()
    return numpy.asarray(array)
