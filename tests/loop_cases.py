"""Fused nodes run as loop kernels in tests, beside what NumPy says."""

import ctypes
import itertools

import numpy as np

from tulle.backend.cpu.engine import engine
from tulle.backend.kernels import Instruction
from tulle.backend.loops import bind, lower, print_llvm, scratch_bytes
from tulle.graph.node import resolve
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import TupleType

ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def step(op, *operands, **attributes):
    return Instruction(op, operands, tuple(attributes.items()))


def fused(types, body, outputs):
    """The node of a body on inputs of some types."""
    nodes = [input_node(f"x{i}", type) for i, type in enumerate(types)]
    fixed, count = [], len(types)
    found = list(types)
    for op, operands, attributes in body:
        sources = tuple(found[index] for index in operands)
        canonical = OPS[op].canonical(sources, dict(attributes))
        found.append(OPS[op].infer(*sources, **canonical))
        fixed.append(Instruction(op, operands, tuple(canonical.items())))
    outputs = tuple(i if i >= 0 else count + len(body) + i for i in outputs)
    return OPS["fused"].apply(tuple(nodes), {"body": tuple(fixed), "outputs": outputs})


def results_of(node):
    return node.type.items if isinstance(node.type, TupleType) else (node.type,)


def reference(node, arrays, sizes):
    """What NumPy says, one op at a time."""
    body = tuple(
        Instruction(op, operands, tuple((k, resolve(v, sizes)) for k, v in attributes))
        for op, operands, attributes in node.attributes["body"]
    )
    with np.errstate(all="ignore"):
        found = node.op.run(np, *arrays, body=body, outputs=node.attributes["outputs"])
    return found if isinstance(node.type, TupleType) else (found,)


class Compiled:
    """A fused node as machine code."""

    def __init__(self, node, masks=None):
        self.node, self.kernel = node, lower(node)
        entry = print_llvm(self.kernel, masks)
        own = {name: f"{name}_{masks}" for name in entry.names}
        text = entry.text
        for name, other in own.items():
            text = text.replace(f"@{name}(", f"@{other}(")
        found = engine().compile(dict.fromkeys(own.values(), text))
        self.addresses = {name: found[other] for name, other in own.items()}

    def empty(self, sizes):
        def new(type):
            shape = tuple(dim.evaluate(sizes) for dim in type.shape)
            return np.full(shape, 77, type.dtype.numpy)

        return [new(type) for type in results_of(self.node)]

    def bind(self, arrays, outputs, sizes):
        self.scratch = np.full(scratch_bytes(self.kernel, sizes) + 8, 0x7F, np.uint8)
        start = self.scratch.ctypes.data
        return bind(self.kernel, arrays, outputs, start, sizes)

    def calls(self, launches):
        """Functions without arguments, each one launch."""
        found = []
        for launch in launches:
            words = np.array(launch.words, np.int64)
            function = ENTRY(self.addresses[launch.name])
            found.append(
                lambda f=function, w=words, n=launch.total: f(w.ctypes.data, 0, n)
            )
        return found

    def run(self, arrays, sizes, parts=1, outputs=None):
        """The outputs, each parallel axis run in so many parts, the last one first."""
        outputs = self.empty(sizes) if outputs is None else outputs
        for launch in self.bind(arrays, outputs, sizes):
            words = np.array(launch.words, np.int64)
            function = ENTRY(self.addresses[launch.name])
            cuts = [launch.total * i // parts for i in range(parts + 1)]
            for start, stop in reversed(list(itertools.pairwise(cuts))):
                function(words.ctypes.data, start, stop)
        return outputs
