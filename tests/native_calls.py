"""Native code of single ops: called on arrays, and compared with the op's `run`."""

import ctypes

import numpy as np
import pytest

from tulle.graph.node import resolve
from tulle.graph.registry import OPS
from tulle.graph.tensor import constant_node
from tulle.graph.types import TupleType

engine = pytest.importorskip("tulle.backend.cpu.engine")
if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu.pool import pool  # noqa: E402  llvmlite may be missing
from tulle.backend.cpu.special import SPECIAL  # noqa: E402
from tulle.backend.strided_arrays import StridedArray  # noqa: E402

GUARD = 0xCD  # what stands around memory that nobody may touch


def node_of(name, operands, **attributes):
    """The node of an op on arrays."""
    nodes = tuple(constant_node(operand) for operand in operands)
    return OPS[name].apply(nodes, attributes)


class Call:
    """Native code bound to arrays, with guards behind results and scratch memory."""

    def __init__(self, node, operands):
        self.special, self.operands = SPECIAL[node.op.name], operands
        assert self.special.accepts(node)
        self.attributes = {k: resolve(v, {}) for k, v in node.attributes.items()}
        entry = self.special.entry(node)
        found = engine.engine().compile(dict.fromkeys(entry.names, entry.text))
        self.entries = [found[name] for name in entry.names]
        items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
        memory = [self._memory(int(t.size.value) * t.dtype.size) for t in items]
        self.results = [
            m[: len(m) - 64].view(t.dtype.numpy).reshape([d.value for d in t.shape])
            for m, t in zip(memory, items, strict=True)
        ]
        given, results = (
            [*map(StridedArray.of, operands)],
            [*map(StridedArray.of, self.results)],
        )
        self.works = self.special.works(self.attributes, given, results)
        self.rounds = self.special.rounds(self.attributes, given, results)
        size = self.special.scratch_bytes(self.attributes, given, results)
        scratch = self._memory(size)
        self.guards = [m[-64:] for m in (*memory, scratch)]
        words = self.special.words(self.attributes, given, results, scratch.ctypes.data)
        self.words = np.array(words, np.int64)
        self._keep = scratch

    @staticmethod
    def _memory(size):
        whole = np.full(size + 128, GUARD, np.uint8)
        start = -whole.ctypes.data % 64
        return whole[start : start + size + 64]

    def run(self, cut=None):
        """Copies of the results: on all threads, or by parts of a length."""
        for result in self.results:
            result.reshape(-1).view(np.uint8).fill(GUARD)
        for number, work, own in self.rounds:
            entry, words = self.entries[number], self.words
            if own:
                words = words.copy()
                words[list(own)] = list(own.values())
            at = words.ctypes.data
            if cut is None:
                pool().parallel(entry, at, work.total, 1)
                continue
            kinds = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
            function = ctypes.CFUNCTYPE(None, *kinds)(entry)
            for start in range(0, work.total, cut):
                function(at, start, min(start + cut, work.total))
        assert all((guard == GUARD).all() for guard in self.guards)
        return [result.copy() for result in self.results]


def native(name, operands, **attributes):
    """The results of an op's native code, which no cut of its work may change."""
    call = Call(node_of(name, operands, **attributes), operands)
    found = call.run()
    for cut in (1, 3, 1 << 60):
        for one, other in zip(found, call.run(cut), strict=True):
            np.testing.assert_array_equal(one, other)
    return found


def reference(name, operands, **attributes):
    """What the op's `run` gives."""
    node = node_of(name, operands, **attributes)
    plain = {key: resolve(value, {}) for key, value in node.attributes.items()}
    with np.errstate(all="ignore"):
        return OPS[name].run(np, *operands, **plain)


def exact(name, operands, **attributes):
    """Assert that native code gives the bits of the reference."""
    (found,) = native(name, operands, **attributes)
    wanted = reference(name, operands, **attributes)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def close(name, operands, tolerance, **attributes):
    """Assert that native code is as near to the reference as its largest element."""
    (found,) = native(name, operands, **attributes)
    wanted = reference(name, operands, **attributes)
    assert found.dtype == wanted.dtype
    scale = max(1.0, float(np.abs(wanted).max())) if wanted.size else 1.0
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)
