"""A row of `op_table` as arrays and as a node on symbolic inputs."""

import functools
import zlib

import numpy as np
from op_row import SIZES, Row

from tulle.graph.dim import Dim, Symbol
from tulle.graph.node import Node
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, constant_node, input_node
from tulle.graph.types import TensorType, dtype_of

SYMBOLS = {name: Symbol(name) for name in SIZES}
VALUES = {SYMBOLS[name]: size for name, size in SIZES.items()}
DIMS = {name: Dim.from_symbol(symbol) for name, symbol in SYMBOLS.items()}
DTYPES = {"f": "float64", "p": "float64", "i": "int32", "b": "bool"}


def shapes_of(row: Row, sizes: dict) -> list[tuple]:
    parts = [shape.split() for shape in row.shapes]
    return [tuple(sizes[s] if s in sizes else int(s) for s in part) for part in parts]


def kinds_of(row: Row) -> str:
    return row.kinds or "f" * len(row.shapes)


def options_of(row: Row, sizes: dict) -> dict:
    return row.options(sizes) if callable(row.options) else (row.options or {})


def sample(row: Row, sizes: dict | None = None, scalar: bool = False) -> list:
    """Arrays for a row, the same ones each time."""
    random = np.random.default_rng(zlib.crc32(row.label.encode()))
    shapes = shapes_of(row, sizes or SIZES)
    domain = row.domain or OPS[row.name].domain or ((-2.0, 2.0),) * len(shapes)
    domain = (tuple(domain) * max(len(shapes), 1))[: len(shapes)]
    found = []
    for shape, kind, interval in zip(shapes, kinds_of(row), domain, strict=True):
        shape = () if scalar else shape
        if kind == "i":
            array = random.integers(0, row.below, shape, np.int32)
        elif kind == "b":
            array = random.integers(0, 2, shape).astype(bool)
        elif kind == "p":
            count = int(np.prod(shape))
            array = random.permutation(np.linspace(*interval, count)).reshape(shape)
        else:
            array = random.uniform(*interval, shape)
        found.append(np.asarray(array))
    return found


def apply(row: Row, operands: list, sizes: dict) -> object:
    """The result of a row's op; several results as one vector."""
    arguments = [operands] if row.listed else operands
    options = options_of(row, sizes)
    if row.named:
        arguments, options = (
            [],
            {**options, **dict(zip(row.named, operands, strict=True))},
        )
    found = OPS[row.name](*row.leading, *arguments, **options)
    return joined(found) if isinstance(found, (list, tuple)) else found


def joined(results: list | tuple) -> object:
    floats = [r.type.dtype for r in results if r.type.dtype.is_float]
    dtype = (floats or [results[0].type.dtype])[0].name
    flat = [call("reshape", call("cast", r, dtype), (-1,)) for r in results]
    return call("concatenate", flat)


@functools.cache
def built(row: Row) -> tuple[tuple[Node, ...], Node]:
    """The row as a node on symbolic inputs."""
    pairs = zip(shapes_of(row, DIMS), kinds_of(row), strict=True)
    inputs = tuple(
        input_node("x", TensorType(dtype_of(DTYPES[k]), tuple(map(Dim.of, shape))))
        for shape, k in pairs
    )
    result = apply(row, [SymbolicTensor(node) for node in inputs], DIMS)
    if not row.shapes and not isinstance(result, SymbolicTensor):
        return (), constant_node(result.numpy())
    return inputs, result.node
