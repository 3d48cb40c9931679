"""Code that cannot be linked, and machines that convert no float16 of their own."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from tulle.backend.cpu import engine

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu.engine import Engine

PLAIN = """
import llvmlite.binding as llvm

features = llvm.get_host_cpu_features()
for name in features:
    features[name] &= not name.startswith(("avx", "amx", "fma", "f16c", "vaes", "vpcl"))
llvm.get_host_cpu_features = lambda: features
llvm.get_host_cpu_name = lambda: "x86-64"

import numpy as np
import tulle

x = np.linspace(-3, 3, 34).reshape(2, 17).astype("float16")
found = tulle.function(lambda x: tulle.ops.exp(x) * 2)(x)
np.testing.assert_allclose(found, 2 * np.exp(x), 2e-3)
"""


def test_code_that_cannot_be_linked_is_in_nobodys_way():
    made = Engine()
    wrong = "declare void @tulle_nowhere()\ndefine void @tulle_calls() {\n"
    wrong += "  call void @tulle_nowhere()\n  ret void\n}\n"
    with pytest.raises(RuntimeError, match="tulle_calls"):
        made.compile({"tulle_calls": wrong})
    assert made.compile({"tulle_rests": "define void @tulle_rests() {\n  ret void\n}"})


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="of Linux on x86"
)
def test_float16_where_the_processor_has_no_conversions():
    if not hasattr(ctypes.CDLL("libgcc_s.so.1"), "__extendhfsf2"):
        pytest.skip("of GCC before 12")
    environment = {**os.environ, "TULLE_CACHE_DIR": ""}
    command = [sys.executable, "-c", PLAIN]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert not done.returncode, done.stderr
