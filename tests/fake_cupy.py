"""A stand-in for CuPy: arrays in host memory that NumPy must not touch.

It shows that a program for a GPU calls its own array module on its own arrays only,
and that generated kernels compute the right thing where a C++ compiler can make them
run here; it shows nothing about CuPy itself.
"""

import contextlib
import types

import cuda_host
import numpy as np


class ndarray(np.ndarray):  # noqa: N801 - CuPy's name
    """An array that only the stand-in's functions may compute with."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        raise TypeError(
            f"NumPy's {ufunc.__name__} was called on an array of the device"
        )

    def __array_function__(self, function, kinds, args, kwargs):
        raise TypeError(f"NumPy's {function.__name__} was called on a device array")

    def __array__(self, *args, **kwargs):
        raise TypeError("an array of the device was converted without `get`")

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    def get(self):
        return np.array(self.view(np.ndarray))


ndarray.__module__ = "cupy"
OPERATORS = """
    add sub mul truediv floordiv mod pow neg abs lt le gt ge eq ne and or xor invert
    lshift rshift radd rsub rmul rtruediv rpow rand ror rxor iadd isub imul iand ior
""".split()


def to_host(value):
    if isinstance(value, ndarray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("an array of the host was given to a function of the device")
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_host, value))
    return value


def to_device(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).view(ndarray)
    return tuple(map(to_device, value)) if isinstance(value, tuple) else value


class Function:
    """A NumPy function on arrays of the device."""

    def __init__(self, function, host=False):
        self.function, self.host = function, host

    def __call__(self, *args, **options):
        if not (self.host and not isinstance(args[0], ndarray)):
            args, options = to_host(args), {k: to_host(v) for k, v in options.items()}
        return to_device(self.function(*args, **options))


for _name in OPERATORS:
    _plain = getattr(np.ndarray, f"__{_name}__")
    setattr(ndarray, f"__{_name}__", lambda *operands, f=_plain: Function(f)(*operands))


ndarray.sum = lambda self, *args, **options: Function(np.ndarray.sum)(
    self, *args, **options
)


class ufunc(Function):  # noqa: N801 - as a program recognizes it
    """A ufunc: `out` may be the last of its positional arguments."""

    def at(self, *args):
        Function(self.function.at)(*args)


class Module(types.ModuleType):
    """The functions of NumPy under CuPy's name."""

    __version__ = "fake"
    ndarray = ndarray
    calls = 0

    def __getattr__(self, name):
        found = getattr(np, name)
        if isinstance(found, np.ufunc):
            return ufunc(found)
        if isinstance(found, type) or not callable(found):
            return found
        return Function(found, host=name in ("asarray", "array"))


def make():
    """The module, with one device."""
    module = Module("cupy")
    module.is_available = lambda: True
    strided = Function(np.lib.stride_tricks.as_strided)
    tricks = types.SimpleNamespace(as_strided=strided)
    module.lib = types.SimpleNamespace(stride_tricks=tricks)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1)
    device = lambda index: contextlib.nullcontext()  # noqa: E731
    compiler = types.SimpleNamespace(CompileException=cuda_host.CompileException)
    module.cuda = types.SimpleNamespace(
        runtime=runtime, Device=device, compiler=compiler
    )
    module.RawModule = cuda_host.RawModule
    return module
