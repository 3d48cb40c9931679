"""`matmul` as native calls: of our own products where they suit, else of the BLAS.

To the BLAS transposes are flags and batches strides. A product that is worth it is cut
into parts of rows or of columns, one a thread. One with a single row or column is a
product of a matrix and a vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

from ...graph.diagnostics import InternalError
from ...graph.node import Node
from ..matrices import NORMAL, TRANSPOSED, as_matrices, as_matrix, batch_axes, readable
from ..strided_arrays import StridedArray
from . import packed_products
from .blas import blas_address, core_name
from .call import Call
from .engine import engine
from .packed_code import LAYOUT, product_entry

WORDS = (
    "m", "n", "k", "a", "lda", "a_step", "b", "ldb", "b_step", "c", "ldc", "parts",
    "along", "length", "rank",
)  # fmt: skip
FIRST = 3  # the word of the first of them, after the function and two letters
DIMS = FIRST + len(WORDS)  # where the axes of the batch begin: size and three strides
KINDS = {"f32": ("float", "s"), "f64": ("double", "d")}
WORTH = 1 << 20  # multiplications of a part that is worth a thread
FIXED = 256  # columns of a part where the number of threads has no say
RIGHT, RESULT = LAYOUT.places["b"], LAYOUT.places["c"]  # words of packed products
SLOT, SLOTS = LAYOUT.places["slot"], LAYOUT.places["slots"]
PACKING: dict[int, tuple[int, int]] = {}  # by entry: that which packs for it, bytes
LARGEST = 2**31 - 1  # of a size that the BLAS takes

Array = Any


class Multiples(NamedTuple):
    """How many rows or columns parts have, or multiples of that.

    Cut there, each number is what it would be in an uncut product, bit for bit:
    OpenBLAS has other code for the last rows and columns of a call. Zero says that
    every cut makes a difference.
    """

    rows: int
    columns: int


USUAL = Multiples(16, 16)
MULTIPLES = {
    **dict.fromkeys([("Haswell", "f32"), ("Zen", "f32")], Multiples(12, 0)),
    **dict.fromkeys(
        [("SkylakeX", "f32"), ("Cooperlake", "f32"), ("SapphireRapids", "f32")],
        Multiples(16, 0),  # columns: of a vector's product with a matrix
    ),
}


def accepts(node: Node) -> bool:
    """Whether a node is a product that the BLAS computes."""
    return (
        node.op.name == "matmul"
        and node.dtype.short in KINDS
        and all(source.dtype == node.dtype for source in node.inputs)
    )


@cache
def fragments(short: str) -> dict[str, str]:
    """The text of the entries that multiply numbers of a kind, under their names."""
    type, letter = KINDS[short]
    text = files(__package__).joinpath("gemm.ll").read_text("utf-8")
    lines = []
    for index, name in enumerate(WORDS):
        kind = "ptr" if name in ("a", "b", "c") else "i64"
        place = f"%{name}_word = getelementptr i64, ptr %args, i64 {FIRST + index}"
        lines += [place, f"%{name} = load {kind}, ptr %{name}_word"]
    loads = "\n  ".join(lines)
    text = Template(text).substitute(
        type=type, short=letter, load_words=loads, dims=DIMS
    )
    return dict.fromkeys((f"tulle_gemm_{letter}", f"tulle_gemv_{letter}"), text)


def packed_fragment(short: str) -> dict[str, str]:
    """The text of the entries for products that are not the BLAS's, by their names."""
    entry = product_entry(KINDS[short][0])
    return entry.fragments


@cache
def packed_entries(short: str) -> tuple[int, int]:
    """The addresses of the entries that multiply, and that pack a right operand."""
    multiply, pack = engine().compile(packed_fragment(short)).values()
    PACKING[multiply] = pack, int(short[1:]) // 8
    return multiply, pack


class PackedAhead(NamedTuple):
    """A call that packs a right operand, the product that reads it, and the memory."""

    packing: Call
    product: Call
    bytes: int


def packed_ahead(
    call: Call, is_fixed: Callable[[int], bool], memory: int
) -> PackedAhead | None:
    """How the right operand of a product is packed before it, into some memory.

    `is_fixed` says of an address whether what lies there stays the same. None if there
    is nothing to be packed, or the entry is another one.
    """
    if call.entry not in PACKING or not is_fixed(call.words[RIGHT]):
        return None
    pack, item = PACKING[call.entry]
    found = packed_products.ahead(call.words[: LAYOUT.end], item)
    if found is None:
        return None
    found.words[RESULT] = found.product[RIGHT] = memory
    words = [*found.product, *call.words[LAYOUT.end :]]
    packing = Call(pack, found.words, found.total, found.grain)
    return PackedAhead(packing, call._replace(words=words), found.size * item)


@cache
def _entries(short: str) -> dict[str, int]:
    found = engine().compile(fragments(short))
    return dict(zip(("gemm", "gemv"), found.values(), strict=True))


def by_blas(x: StridedArray, y: StridedArray) -> bool:
    """Whether a product is left to the BLAS, which wants operands `readable`."""
    if x.ndim < 2 or y.ndim < 2:
        return True
    return not packed_products.suits(x.shape[-2], y.shape[-1], x.shape[-1])


def reads(array: StridedArray) -> bool:
    """Whether the BLAS can read an operand as it lies."""
    return readable(array.array() if array.ndim < 2 else array)


def scratch_bytes(shape: Sequence[int], k: int, item: int) -> int:
    """The memory that a product of matrices needs, by its shape and number of terms."""
    *batch, m, n = shape
    count = math.prod(batch)
    if not count or not packed_products.suits(m, n, k):
        return 0
    return packed_products.scratch_bytes(count, m, n, k, item)


def scratch_of(call: Call | None) -> int:
    """The memory that a call of `product` needs."""
    if call is None or call.entry not in PACKING:
        return 0
    return call.words[SLOTS] * call.words[SLOT]


def product(
    x: StridedArray, y: StridedArray, out: StridedArray, threads: int, scratch: int
) -> Call | None:
    """The call that computes `out = x @ y`; None where nothing is left to do.

    `out` is contiguous, and `scratch` the address of memory for `scratch_bytes`.
    """
    if not out.size:
        return None
    short = "f32" if out.itemsize == 4 else "f64"
    if by_blas(x, y):
        return _blas_product(x, y, out, threads, short)
    words, total, grain = packed_products.product(x, y, out, scratch)
    return Call(packed_entries(short)[0], words, total, grain)


def _blas_product(
    x: StridedArray, y: StridedArray, out: StridedArray, threads: int, short: str
) -> Call:
    """The call of the BLAS, or of several parts by it."""
    places, given = [array.address for array in (x, y, out)], (x, y, out)
    if any(one.ndim < 2 or one.shape[:-2] != out.shape[:-2] for one in given):
        given = tuple([one.array() for one in given])
    a, b, c = as_matrices(*given)
    batch, (m, n), k = c.shape[:-2], c.shape[-2:], a.shape[-1]
    values = _values(a, b, c, places)
    dims = _batch(a, b, c)
    count = math.prod(batch)
    entries = _entries(short)
    letter = KINDS[short][1]
    multiples = MULTIPLES.get((core_name(), short), USUAL)
    threads = threads if count < threads else 1
    if 1 in (m, n) and k:
        words = _vector(values, a, b, c, multiples, threads)
        function, entry = f"{letter}gemv", entries["gemv"]
    else:
        values.update(_parts(m, n, m * n * k, multiples, threads))
        words = [values["tb"], values["ta"], *(values[name] for name in WORDS)]
        function, entry = f"{letter}gemm", entries["gemm"]
    words[2 + WORDS.index("rank")] = len(dims) // 4
    parts = words[2 + WORDS.index("parts")]
    each = m * n * k // parts
    grain = max(1, WORTH // max(each, 1)) if count > 1 else 1
    return Call(entry, [blas_address(function), *words, *dims], count * parts, grain)


def _values(a: Array, b: Array, c: Array, places: Sequence[int]) -> dict[str, int]:
    one, two = as_matrix(a), as_matrix(b)
    if one is None or two is None:
        raise InternalError("an operand that the BLAS cannot read")
    (m, n), k, item = c.shape[-2:], a.shape[-1], c.itemsize
    return {
        "ta": one[0], "tb": two[0], "m": m, "n": n, "k": k,
        "a": places[0], "lda": one[1], "a_step": a.strides[-2] // item,
        "b": places[1], "ldb": two[1], "b_step": b.strides[-1] // item,
        "c": places[2], "ldc": max(n, 1), "rank": 0,
    }  # fmt: skip


def _parts(
    m: int, n: int, work: int, multiples: Multiples, threads: int
) -> dict[str, int]:
    """How a product is cut among threads: the longer side, if it is worth it.

    Where no cut of columns leaves the numbers alone, rows are cut; where there are few
    of them, columns, in the same way for any number of threads.
    """
    along = 0 if m >= n or (not multiples.columns and m >= 2 * multiples.rows) else 1
    whole, multiple = (m, n)[along], multiples[along]
    if multiple:
        parts = max(1, min(threads, work // WORTH, whole // multiple))
        length = -(-whole // parts)
        length = -(-length // multiple) * multiple if parts > 1 else length
    else:
        length = FIXED if work >= 2 * WORTH else whole
    return {"along": along, "parts": -(-whole // length), "length": length}


def _vector(
    values: dict[str, int],
    a: Array,
    b: Array,
    c: Array,
    multiples: Multiples,
    threads: int,
) -> list[int]:
    """The words of a product with one row or one column: a matrix times a vector."""
    m, n, k, item = values["m"], values["n"], values["k"], c.itemsize
    if m == 1:
        step = a.strides[-1] // item
        matrix = {"letter": values["tb"], "ld": values["ldb"], "at": values["b"]}
        matrix["step"] = values["b_step"]
        vector, results = values["a"], n
    else:
        step = b.strides[-2] // item
        flipped = NORMAL if values["ta"] == TRANSPOSED else TRANSPOSED
        matrix = {"letter": flipped, "ld": values["lda"], "at": values["a"]}
        matrix["step"] = values["a_step"]
        vector, results = values["b"], m
    if matrix["letter"] == TRANSPOSED:  # each number is a sum of its own
        multiples = USUAL
    found = {
        "m": 1, "n": results, "k": k, "a": vector, "lda": step if k > 1 else 1,
        "a_step": 0, "b": matrix["at"], "ldb": matrix["ld"], "b_step": matrix["step"],
        "c": values["c"], "ldc": 1, "rank": 0,
        **_parts(1, results, results * k * 4, multiples, threads),
    }  # fmt: skip
    return [matrix["letter"], NORMAL, *(found[name] for name in WORDS)]


def _batch(a: Array, b: Array, c: Array) -> list[int]:
    """The axes of a batch: size and strides."""
    swapped = c.shape[-2] != 1 and c.shape[-1] == 1  # the vector is the right operand
    first, second = (b, a) if swapped and a.shape[-1] else (a, b)
    return [word for axis in batch_axes(first, second, c) for word in axis]
