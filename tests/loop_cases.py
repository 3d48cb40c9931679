"""Fused nodes run as loop kernels in tests, beside what NumPy says."""

import ctypes
import itertools

import numpy as np

from tulle.backend.cpu.engine import engine
from tulle.backend.kernels import Instruction
from tulle.backend.loops import bind, lower, print_llvm, scratch_bytes
from tulle.graph.dim import Dim, Symbol
from tulle.graph.node import resolve
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import F32, I32, TupleType, dtype_of, tensor_type

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
        fragments = {**entry.helpers, **dict.fromkeys(own.values(), text)}
        found = engine().compile(fragments)
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


SYMBOLS = {name: Symbol(name) for name in "BTD"}
B, T, D = (Dim.from_symbol(symbol) for symbol in SYMBOLS.values())


def f32(*shape):
    return tensor_type("f32", shape)


def moved(one, more):
    """A step whose operands have other numbers."""
    operands = tuple(index + more for index in one.operands)
    return Instruction(one.op, operands, one.attributes)


SOFTMAX = [
    step("max", 0, axis=(1,), keepdims=True),
    step("subtract", 0, 1),
    step("exp", 2),
    step("sum", 3, axis=(1,), keepdims=True),
    step("divide", 3, 4),
]
CASES = {
    "map": ([f32(B, D)], [step("tanh", 0), step("multiply", 1, 0)], [-1]),
    "bias": ([f32(B, D), f32(D)], [step("add", 0, 1)], [-1]),
    "column": ([f32(B, D), f32(B, 1)], [step("add", 0, 1)], [-1]),
    "rows": ([f32(B, D)], [step("sum", 0, axis=(1,))], [-1]),
    "columns": ([f32(B, D)], [step("sum", 0, axis=(0,))], [-1]),
    "all": ([f32(B, D)], [step("sum", 0, axis=(0, 1))], [-1]),
    "largest": ([f32(B, D)], [step("max", 0, axis=(0, 1))], [-1]),
    "product": ([f32(B, D)], [step("cos", 0), step("prod", 1, axis=(1,))], [-1]),
    "softmax": ([f32(B, D)], SOFTMAX, [-1]),
    "softmax and its columns": (
        [f32(B, D)],
        [*SOFTMAX, step("sum", 5, axis=(0,)), step("sum", 5, axis=(0, 1))],
        [5, -2, -1],
    ),
    "softmax turned": (
        [f32(B, D)],
        [*SOFTMAX, step("transpose", 5, axes=(1, 0))],
        [-1],
    ),
    "end of a fold": (
        [f32(B, D), f32(D)],
        [step("sum", 0, axis=(0,)), step("sqrt", 2), step("multiply", 2, 1)],
        [-2, -1],
    ),
    "middle axis": ([f32(B, T, D)], [step("sum", 0, axis=(1,))], [-1]),
    "outer axes": ([f32(B, T, D)], [step("sum", 0, axis=(0, 1))], [-1]),
    "inner axes": ([f32(B, T, D)], [step("sum", 0, axis=(1, 2))], [-1]),
    "two apart": ([f32(B, T, D)], [step("max", 0, axis=(0, 2))], [-1]),
    "groups": (
        [f32(B, T, D)],
        [step("sum", 0, axis=(1, 2), keepdims=True), step("subtract", 0, 1)],
        [-1],
    ),
    "turned": ([f32(B, T, D)], [step("transpose", 0, axes=(2, 0, 1))], [-1]),
    "with itself turned": (
        [f32(D, D)],
        [step("transpose", 0, axes=(1, 0)), step("add", 0, 1)],
        [-1],
    ),
    "several results": (
        [f32(B, D), f32(), f32(D)],
        [
            step("multiply", 0, 1),
            step("greater", 3, 2),
            step("where", 4, 3, 0),
            step("cast", 4, dtype=dtype_of("f32")),
            step("sum", 6, axis=(0, 1)),
            step("sum", 3, axis=(0,)),
        ],
        [3, 4, 5, -2, -1],
    ),
    "loss of rows": (
        [f32(B, D)],
        [step("square", 0), step("sum", 1, axis=(1,)), step("sum", 2, axis=(0,))],
        [2, 3],
    ),
    "scalars": ([f32(), f32()], [step("multiply", 0, 1), step("exp", 2)], [-1]),
    "truth": (
        [f32(B, D)],
        [
            step("isfinite", 0),
            step("all", 1, axis=(0, 1)),
            step("any", 1, axis=(1,)),
        ],
        [-2, -1],
    ),
    "positions": (
        [f32(B, D)],
        [
            step("arange", start=Dim.of(2), count=D, step=3, dtype=dtype_of("f32")),
            step("multiply", 0, 1),
        ],
        [-1],
    ),
    "sizes": (
        [f32(B, D)],
        [
            step("sum", 0, axis=(1,)),
            step("size", value=D * B, dtype=dtype_of("f32")),
            step("divide", 1, 2),
        ],
        [-1],
    ),
    "shapes": (
        [f32(B, D), f32(D)],
        [
            step("expand_dims", 1, axis=0),
            step("broadcast_to", 2, shape=(B, D)),
            step("expand_dims", 3, axis=1),
            step("squeeze", 4, axis=(1,)),
            step("reshape", 5, newshape=(B, 1, D)),
            step("reshape", 0, newshape=(B, 1, D)),
            step("maximum", 6, 7),
        ],
        [-1],
    ),
}


def table(*shape, dtype="f32"):
    return tensor_type(dtype, shape)


def places(*shape, dtype="i32"):
    return tensor_type(dtype, shape)


WEIGHED = [
    step("pick", 0, 1, axis=0),
    step("multiply", 3, 2),
    step("sum", 4, axis=(1,)),
]

PICKED = {
    "picked rows": (
        [table(9, D), places(B)],
        [step("pick", 0, 1, axis=0), step("tanh", 2)],
        [-1],
    ),
    "picked rows, weighed": (
        [table(9, D), places(B, T), f32(B, T, 1)],
        WEIGHED,
        [-1],
    ),
    "picked rows of 24": ([table(9, 24), places(B, T), f32(B, T, 1)], WEIGHED, [-1]),
    "picked rows of 64": (
        [table(9, 64), places(B, T, dtype="i64"), f32(B, T, 1)],
        [*WEIGHED, step("sum", 3, axis=(1,))],
        [-2, -1],
    ),
    "picked rows of 3": (
        [table(9, 3, dtype="f64"), places(B, T)],
        [step("pick", 0, 1, axis=0), step("sum", 2, axis=(0, 1))],
        [-1],
    ),
    "picked columns": (
        [table(B, 9), places(D), f32(B, D)],
        [step("pick", 0, 1, axis=1), step("multiply", 3, 2)],
        [-1],
    ),
    "picked numbers": (
        [table(9), places(B, D, dtype="u32"), f32(D)],
        [step("pick", 0, 1, axis=0), step("add", 3, 2), step("sum", 4, axis=(1,))],
        [-1, -2],
    ),
    "picked halves": (
        [table(9, dtype="f16"), places(B, D), f32(D)],
        [step("pick", 0, 1, axis=0), step("cast", 3, dtype=F32), step("add", 4, 2)],
        [-1],
    ),
    "picked sideways": (
        [table(D, 9), places(B), f32(D, B)],
        [
            step("pick", 0, 1, axis=1),
            step("multiply", 3, 2),
            step("transpose", 4, axes=(1, 0)),
        ],
        [-1],
    ),
    "picked from within": (
        [table(B, 9, D), places(T), f32(D)],
        [step("pick", 0, 1, axis=1), step("add", 3, 2), step("sum", 4, axis=(1,))],
        [-1],
    ),
    "picked by one": (
        [table(9, D), places(), f32(B, D)],
        [step("pick", 0, 1, axis=0), step("add", 3, 2)],
        [-1],
    ),
    "picked twice from one": (
        [table(9, D), places(B), places(B)],
        [
            step("pick", 0, 1, axis=0),
            step("pick", 0, 2, axis=0),
            step("multiply", 3, 4),
            step("sum", 5, axis=(1,)),
        ],
        [-1],
    ),
    "picked and softened": (
        [table(9, D), places(B)],
        [step("pick", 0, 1, axis=0), *(moved(one, 2) for one in SOFTMAX)],
        [-1],
    ),
    "picked and whole": (
        [table(9, D), places(9)],
        [step("pick", 0, 1, axis=0), step("multiply", 2, 0)],
        [-1],
    ),
}
CASES |= PICKED
INTO = {"axis": 0, "size": Dim.of(11), "rank": 1}
SUMS_AT = {  # for a CPU alone
    "sums at places": (
        [f32(B, D), places(B)],
        [step("tanh", 0), step("sum_at", 2, 1, **INTO)],
        [-1],
    ),
    "sums at places of a line": (
        [f32(B, D), places(B, T, dtype="i64")],
        [
            step("expand_dims", 0, axis=1),
            step("broadcast_to", 2, shape=(B, T, D)),
            step("sum_at", 3, 1, **(INTO | {"rank": 2})),
        ],
        [-1],
    ),
    "sums at places of slices": (
        [table(9, D), places(B), f32(B, 1), places(B, dtype="u8")],
        [
            step("pick", 0, 1, axis=0),
            step("multiply", 4, 2),
            step("cast", 3, dtype=I32),
            step("sum_at", 5, 6, **INTO),
        ],
        [-1],
    ),
    "sums at places within": (
        [f32(T, B, D), places(B)],
        [step("square", 0), step("sum_at", 2, 1, **(INTO | {"axis": 1}))],
        [-1],
    ),
    "two sums at places": (
        [table(7, B, 3, 20, dtype="f64"), places(B), places(B)],
        [
            step("negative", 0),
            step("sum_at", 3, 1, **(INTO | {"axis": 1})),
            step("sum_at", 0, 2, **(INTO | {"axis": 1, "size": D + 1})),
        ],
        [-1, -2],
    ),
    "sums at places of whole numbers": (
        [places(B, D), places(D), places(B)],
        [
            step("greater", 0, 1),
            step("where", 3, 0, 0),
            step("sum_at", 4, 2, **(INTO | {"size": B + 1})),
        ],
        [-1],
    ),
}

SIZES = [
    {"B": 5, "T": 3, "D": 37},
    {"B": 1, "T": 1, "D": 1},
    {"B": 67, "T": 11, "D": 16},
    {"B": 700, "T": 2, "D": 97},
    {"B": 3, "T": 41, "D": 5003},
]


def sizes_of(numbers):
    return {SYMBOLS[name]: number for name, number in numbers.items()}


def samples(node, sizes, seed=0):
    random = np.random.default_rng(seed)
    found = []
    picked = {
        operands[1]: node.inputs[operands[0]].shape[dict(attributes)["axis"]]
        for op, operands, attributes in node.attributes["body"]
        if op == "pick"
    }
    added = {one.operands[1] for one in node.attributes["body"] if one.op == "sum_at"}
    for number, source in enumerate(node.inputs):
        shape = tuple(dim.evaluate(sizes) for dim in source.shape)
        if number in picked:
            most = picked[number].evaluate(sizes)
            found.append(
                np.asarray(random.integers(0, most, shape), source.dtype.numpy)
            )
            continue
        scale = 8 if number in added else 1
        found.append(np.asarray(scale * random.normal(size=shape), source.dtype.numpy))
    return found


def assert_close(got, wanted):
    for one, two in zip(got, wanted, strict=True):
        two = np.asarray(two)
        assert (one.shape, one.dtype) == (two.shape, two.dtype)
        if one.dtype == bool:
            np.testing.assert_array_equal(one, two)
            continue
        scale = np.max(np.nan_to_num(np.abs(two)), initial=1)
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * scale)
