"""What all tests share: tests marked `gpu` are skipped where there is no device."""

import functools
import importlib.util
import os
import sys
import zlib
from pathlib import Path

import pytest

# Machine code made by tests is kept beside what else can be made again.
CACHE = Path(__file__).parent.parent / "build" / "test_cache"
os.environ.setdefault("TULLE_CACHE_DIR", str(CACHE))


@functools.cache
def has_gpu() -> bool:
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew"
    )


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and not has_gpu():
        pytest.skip("needs a CUDA device and CuPy")


@pytest.fixture(autouse=True)
def seeded(request):
    """A test draws the same weights in every run; TULLE_TEST_SEED gives it others."""
    from tulle.graph.variable import set_random_seed

    more = int(os.environ.get("TULLE_TEST_SEED", "0"))
    set_random_seed(zlib.crc32(request.node.nodeid.encode()) + more)


@pytest.fixture(autouse=True)
def without_cudnn(request, monkeypatch):
    """Stand-ins for CuPy have no memory that cuDNN could read."""
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setitem(sys.modules, "cudnn", None)
