"""Generated CUDA kernels run on the host, where a C++ compiler is there.

`cuda_host.h` gives them threads, shuffles and barriers. It shows that the text computes
what it should, and nothing about speed, memory models or NVIDIA's compiler.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fake_capture import perform

from tulle.backend.gpu.code import OPTIONS as GPU_OPTIONS

HEADER = Path(__file__).with_name("cuda_host.h")
CACHE = Path(__file__).parent.parent / "build" / "test_cache"
OPTIONS = "-std=c++17 -O1 -ffp-contract=off -fwrapv -w -shared -fPIC".split()
COMPILER = shutil.which("g++")
REASON = "needs g++ to run CUDA kernels on the host"
NVCC = shutil.which("nvcc")
IN_A_HURRY = ("-Xcicc=-O0", "-Xptxas=-O0")  # its code never runs
with_nvcc = pytest.mark.skipif(
    NVCC is None, reason="needs nvcc to compile CUDA modules"
)
START = """
extern "C" int start_{0}(
    unsigned grid, unsigned block, const long long *args, long long total, int lanes,
    const long long *fault
) {{
    return launch({0}, grid, block, args, total, lanes, fault);
}}
"""


def check(status):
    """See that a launch ended as it should."""
    assert status == 0, status


class CompileException(Exception):
    """What CuPy raises for a text that does not compile."""


def compiled(source):
    """The library of a text, kept by its content."""
    if COMPILER is None:
        raise CompileException(REASON)
    names = re.findall(r"__global__ void __launch_bounds__\(MOST\) (\w+)\(", source)
    starts = "".join(START.format(name) for name in names)
    text = f"{HEADER.read_text()}\n{source}{starts}\n"
    key = hashlib.blake2b((text + repr(OPTIONS)).encode(), digest_size=12).hexdigest()
    path = CACHE / f"cuda_{key}.so"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            made = Path(folder) / "made.so"
            command = [COMPILER, *OPTIONS, "-x", "c++", "-", "-o", str(made), "-lm"]
            done = subprocess.run(command, input=text, capture_output=True, text=True)
            if done.returncode:
                raise CompileException(done.stderr)
            made.replace(path)
    return ctypes.CDLL(str(path))


def check_arguments(grid, block, words, total, lanes, fault):
    """See that CuPy would pass what a kernel declares, as large as it is there."""
    assert [type(total), type(lanes)] == [np.int64, np.int32]
    assert (words.dtype, words.flags.c_contiguous) == (np.int64, True)
    assert hasattr(words, "__cuda_array_interface__"), "words of the host"
    if hasattr(fault, "dtype") and fault.ndim:
        assert fault.dtype == np.int64
        assert hasattr(fault, "__cuda_array_interface__")
    else:
        assert type(fault) is np.uint64
    assert isinstance(grid, tuple)
    assert 1 <= grid[0] < 1 << 31
    assert block == (256,)


class RawModule:
    """CuPy's class of this name, as far as it is used."""

    count = 0  # of modules made
    launches = 0

    def __init__(self, *, code, options=(), backend="nvrtc"):
        self.code, self.options = code, options
        RawModule.count += 1

    def compile(self):
        """Compile now."""
        self.library = compiled(self.code)

    def get_function(self, name):
        """A kernel as a function of grid, block and arguments."""
        start = getattr(self.library, f"start_{name}")
        start.argtypes = [ctypes.c_uint] * 2 + [
            ctypes.c_void_p,
            ctypes.c_longlong,
            ctypes.c_int,
            ctypes.c_void_p,
        ]

        def function(grid, block, args):
            words, total, lanes, fault = args
            check_arguments(grid, block, *args)
            flag = fault.ctypes.data if hasattr(fault, "ctypes") else int(fault)
            RawModule.launches += 1
            given = words.ctypes.data, total, lanes, flag
            perform(lambda: check(start(grid[0], block[0], *given)))

        return function


def compile_for_card(folder, source):
    """See that NVIDIA's compiler takes a text."""
    path = folder / "module.cu"
    path.write_text(source)
    command = [NVCC, *GPU_OPTIONS, "-arch=sm_90", "-cubin", "-w", *IN_A_HURRY]
    command += ["-o", "module.cubin", path]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "module.cubin").stat().st_size > 1000
