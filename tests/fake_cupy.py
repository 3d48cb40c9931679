"""A stand-in for CuPy: arrays in host memory that NumPy must not touch.

It shows that a program for a GPU calls its own array module on its own arrays only,
that a captured step computes the same when it is launched again, and that generated
kernels compute the right thing where a C++ compiler can make them run here; it shows
nothing about CuPy itself.
"""

import contextlib
import ctypes
import sys
import types

import cuda_host
import fake_capture
import numpy as np
from fake_capture import capturing, perform, refuse


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

    @property
    def data(self):
        return Memory(self)

    def get(self):
        refuse("memory is read by the host")
        return np.array(self.view(np.ndarray))

    def set(self, array):
        refuse("memory is written by the host")
        assert (array.dtype, array.shape) == (self.dtype, self.shape)
        np.copyto(self.view(np.ndarray), array)

    def __setitem__(self, key, value):
        key, value = to_host(key), to_host(value)
        perform(lambda: np.ndarray.__setitem__(self.view(np.ndarray), key, value))

    def fill(self, value):
        perform(lambda: self.view(np.ndarray).fill(value))


def refuse_conversion(monkeypatch):
    """Have NumPy's functions refuse arrays of the device, as CuPy's do.

    Of a subclass they would make plain arrays, and ask nobody.
    """

    def refusing(function):
        def called(first, *args, **options):
            inside = sys._getframe(1).f_globals is globals()
            if isinstance(first, ndarray) and not inside:
                raise TypeError("implicit conversion to a NumPy array is not allowed")
            return function(first, *args, **options)

        return called

    for name in ("array", "asarray", "ascontiguousarray"):
        monkeypatch.setattr(np, name, refusing(getattr(np, name)))


class Memory:
    """The memory of an array, as CuPy's `MemoryPointer`."""

    def __init__(self, array):
        self.array, self.ptr = array, array.ctypes.data

    def copy_from_host_async(self, pointer, size):
        refuse("the host's numbers of this moment would be kept")
        assert self.array.flags.c_contiguous
        assert self.array.nbytes == size
        ctypes.memmove(self.ptr, pointer, size)


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


# Options of NumPy's functions that CuPy's do not take; each has `where` in NumPy too.
LACKING = {name: {"initial", "where"} for name in "sum prod max min".split()}
LACKING |= {name: {"where"} for name in "any all mean var std".split()}
LACKING |= {"take": {"mode"}}
CUBLAS = "matmul dot tensordot einsum vdot inner".split()
WAITING = "nonzero unique argwhere flatnonzero sort argsort".split()
SENDING = "concatenate stack".split()  # addresses of their operands


class Function:
    """A NumPy function on arrays of the device."""

    def __init__(self, function, host=False, inplace=False):
        self.function, self.host, self.inplace = function, host, inplace
        self.name = function.__name__

    def __call__(self, *args, **options):
        unknown = LACKING.get(self.name, set()) & options.keys()
        assert not unknown, f"CuPy's {self.name} has no {unknown}"
        if self.host and not isinstance(args[0], ndarray):
            refuse("memory is written by the host")
            return to_device(np.array(self.function(*args, **options)))
        if capturing():
            return self.recorded(args, options)
        return to_device(self.computed(args, options))

    def computed(self, args, options):
        options = {key: to_host(value) for key, value in options.items()}
        return self.function(*to_host(args), **options)

    def target(self, args, options):
        """What is written to, if it is not new."""
        if self.inplace or self.name == "copyto":
            return args[0]
        place = getattr(self.function, "nin", len(args))
        return args[place] if len(args) > place else options.get("out")

    def recorded(self, args, options):
        if self.name in CUBLAS:
            raise NotImplementedError("calling cuBLAS API during stream capture")
        if self.name in (*WAITING, *SENDING):
            refuse(self.name)
        target = self.target(args, options)
        if target is not None:
            perform(lambda: self.computed(args, options))
            return target
        with np.errstate(all="ignore"):
            result = self.computed(args, options)
        sources = [to_host(x) for x in args if isinstance(x, np.ndarray)]
        if isinstance(result, np.ndarray) and any(
            np.shares_memory(result, source) for source in sources
        ):
            return to_device(result)  # a view
        fake_capture.check_allocation()
        found = to_device(result)
        for part in found if isinstance(found, tuple) else (found,):
            part.view(np.ndarray)[...] = 77  # nothing is computed yet
        perform(lambda: self.refill(found, args, options))
        return found

    def refill(self, found, args, options):
        again = self.computed(args, options)
        several = isinstance(found, tuple)
        parts = zip(found, again, strict=True) if several else [(found, again)]
        for one, other in parts:
            one.view(np.ndarray)[...] = other


for _name in OPERATORS:
    _plain = getattr(np.ndarray, f"__{_name}__")
    _inplace = _name.startswith("i") and _name != "invert"
    _function = Function(_plain, inplace=_inplace)
    setattr(ndarray, f"__{_name}__", lambda *operands, f=_function: f(*operands))

for _name in "sum astype copy reshape __getitem__".split():
    _function = Function(getattr(np.ndarray, _name))
    setattr(ndarray, _name, lambda *args, f=_function, **options: f(*args, **options))


def waiting(name):
    plain = getattr(np.ndarray, name)

    def method(self, *args):
        refuse("memory is read by the host")
        return plain(self.view(np.ndarray), *args)

    return method


for _name in "tolist item __bool__ __int__ __float__ __index__".split():
    setattr(ndarray, _name, waiting(_name))


class ufunc(Function):  # noqa: N801 - as a program recognizes it
    """A ufunc: `out` may be the last of its positional arguments."""

    def at(self, *args):
        perform(lambda: self.function.at(*to_host(args)))


class Family:
    """A module of functions of libraries that CuPy does not capture."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        def called(*args, **options):
            refuse(name)
            return Function(getattr(self.module, name))(*args, **options)

        return called


class Device(contextlib.nullcontext):
    """The only one."""

    compute_capability = "90"


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
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDevice=lambda: 0,
        CUDARuntimeError=fake_capture.CUDARuntimeError,
    )
    compiler = types.SimpleNamespace(CompileException=cuda_host.CompileException)
    module.cuda = types.SimpleNamespace(
        runtime=runtime,
        Device=Device,
        compiler=compiler,
        Stream=fake_capture.Stream,
        MemoryPool=fake_capture.MemoryPool,
        get_current_stream=fake_capture.current_stream,
        using_allocator=fake_capture.using_allocator,
        alloc_pinned_memory=bytearray,
    )
    module.linalg, module.fft = Family(np.linalg), Family(np.fft)
    module.RawModule = cuda_host.RawModule
    return module
