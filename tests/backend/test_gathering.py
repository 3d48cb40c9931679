"""Rows of arrays in another order, by machine code and by NumPy."""

import numpy as np
import pytest

from tulle.backend.cpu import engine
from tulle.backend.gathering import gatherer

ARRAYS = {
    "pictures": np.arange(90 * 784, dtype="f4").reshape(90, 784),
    "classes": np.arange(90, dtype="i4"),
    "bytes": np.arange(270, dtype="u1").reshape(90, 3),
    "nothing": np.zeros((90, 0), "f4"),
    "flags": np.arange(180).reshape(90, 2) % 3 == 0,
    "doubles": np.arange(360, dtype="f8").reshape(90, 2, 2),
    "apart": np.arange(540, dtype="f4").reshape(90, 6)[:, ::2],
    "complex": np.arange(90, dtype="c16"),
}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(
    "names",
    [
        ("pictures", "classes"),
        ("bytes", "nothing", "flags", "doubles"),
        ("apart",),
        ("complex", "pictures"),
    ],
    ids=" ".join,
)
def test_rows(monkeypatch, names, native):
    if not native:
        monkeypatch.setattr(engine, "missing", lambda: "llvmlite")
    arrays = [ARRAYS[name] for name in names]
    order = np.random.default_rng(0).permutation(90)
    buffers = [np.empty((32, *one.shape[1:]), one.dtype) for one in arrays]
    gather = gatherer(arrays, buffers, order)
    for start, stop in ((0, 32), (32, 64), (64, 90), (3, 4)):
        gather(start, stop)
        for one, buffer in zip(arrays, buffers, strict=True):
            np.testing.assert_array_equal(
                buffer[: stop - start], one[order[start:stop]]
            )
