"""`matmul` as native calls: of our own products where they suit, else of the BLAS.

To the BLAS transposes are flags and batches strides. A product that is worth it is cut
into parts of rows or of columns, one a thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import NamedTuple

from ...graph.diagnostics import InternalError
from ...graph.node import Node
from ..matrices import as_matrix, readable
from ..strided_arrays import StridedArray
from . import packed_products, vector_products
from .blas import blas_address
from .call import Call
from .engine import engine
from .packed_code import LAYOUT, product_entry
from .packed_numbers import Numbers, numbers_of

WORDS = (
    "m", "n", "k", "a", "lda", "a_step", "b", "ldb", "b_step", "c", "ldc", "parts",
    "along", "length", "rank",
)  # fmt: skip
FIRST = 3  # the word of the first of them, after the function and two letters
DIMS = FIRST + len(WORDS)  # where the axes of the batch begin: size and three strides
KINDS = {"f32": ("float", "s"), "f64": ("double", "d")}
WORTH = 1 << 20  # multiplications of a part that is worth a thread
# Rows or columns of parts are multiples of that: cut there, each number is what it
# would be in an uncut product, for OpenBLAS has other code for a call's last ones.
MULTIPLE = 16
RIGHT, RESULT = LAYOUT.places["b"], LAYOUT.places["c"]  # words of packed products
SLOT, SLOTS = LAYOUT.places["slot"], LAYOUT.places["slots"]
PACKING: dict[int, tuple[int, Numbers]] = {}  # by entry: that which packs for it
SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}


def accepts(node: Node) -> bool:
    """Whether a node is a product that native code computes."""
    if node.op.name == "matmul_wide":
        return all(source.dtype.is_half for source in node.inputs)
    return (
        node.op.name == "matmul"
        and node.dtype.short in KINDS
        and all(source.dtype == node.dtype for source in node.inputs)
    )


@cache
def fragments(short: str) -> dict[str, str]:
    """The text of the entry that multiplies by the BLAS, under its name."""
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
    return {f"tulle_gemm_{letter}": text}


def packed_fragment(short: str) -> dict[str, str]:
    """The text of the entries for products that are not the BLAS's, by their names;
    `short` is the dtype of the operands."""
    return product_entry(numbers_of(short)).fragments


@cache
def packed_entries(short: str) -> tuple[int, int]:
    """The addresses of the entries that multiply, and that pack a right operand."""
    multiply, pack = engine().compile(packed_fragment(short)).values()
    PACKING[multiply] = pack, numbers_of(short)
    return multiply, pack


class PackedAhead(NamedTuple):
    """A call that packs a right operand, the product that reads it, and the memory."""

    packing: Call
    product: Call
    bytes: int
    memory: int


def packed_ahead(
    call: Call, is_fixed: Callable[[int], bool], memory: int
) -> PackedAhead | None:
    """How the right operand of a product is packed before it, into some memory.

    `is_fixed` says of an address whether what lies there stays the same. None if there
    is nothing to be packed, or the entry is another one.
    """
    if call.entry not in PACKING or not is_fixed(call.words[RIGHT]):
        return None
    pack, numbers = PACKING[call.entry]
    found = packed_products.ahead(call.words[: LAYOUT.end], numbers)
    if found is None:
        return None
    found.words[RESULT] = found.product[RIGHT] = memory
    words = [*found.product, *call.words[LAYOUT.end :]]
    packing = Call(pack, found.words, found.total, found.grain)
    product = call._replace(words=words)
    return PackedAhead(packing, product, found.size, memory)


def multiply_by_the_same(one: Call, other: Call) -> bool:
    """Whether the right operands of two packed products are one, cut alike."""
    names = "b b_term b_column n k terms".split()
    places = [LAYOUT.places[name] for name in names]
    return one.entry == other.entry and all(
        one.words[place] == other.words[place] for place in places
    )


def vector_fragment(short: str) -> dict[str, str]:
    """The text of the entries for products with vectors, by their names."""
    return vector_products.vector_entry(numbers_of(short)).fragments


@cache
def vector_entries(short: str) -> tuple[int, ...]:
    """Their addresses."""
    return tuple(engine().compile(vector_fragment(short)).values())


def readable_by(x: StridedArray, y: StridedArray) -> Callable[[StridedArray], bool]:
    """What says whether an operand of a product may lie as it does."""
    if vector_products.is_one(x, y):
        return vector_products.reads
    if _is_packed(short_of(x), x.shape[-2], y.shape[-1], x.shape[-1]):
        return lambda _: True
    return readable


def short_of(array: StridedArray) -> str:
    """The dtype of an operand, in short."""
    return SHORT[array.dtype.name]


def _is_packed(short: str, m: int, n: int, k: int) -> bool:
    """Whether a product is ours: of 16 bits a BLAS has none."""
    return (short not in KINDS and min(m, n) > 1) or packed_products.suits(m, n, k)


def scratch_bytes(shape: Sequence[int], k: int, short: str) -> int:
    """The memory that a product of matrices needs, by its shape, number of terms and
    the dtype of its operands."""
    *batch, m, n = shape
    count = math.prod(batch)
    if not count or not _is_packed(short, m, n, k):
        return 0
    return packed_products.scratch_bytes(count, m, n, k, numbers_of(short))


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
    short = short_of(x)
    if vector_products.is_one(x, y):
        which, words, total, grain = vector_products.product(x, y, out)
        return Call(vector_entries(short)[which], words, total, grain)
    if not _is_packed(short, x.shape[-2], y.shape[-1], x.shape[-1]):
        return _blas_product(x, y, out, threads, short)
    words, total, grain = packed_products.product(x, y, out, scratch, numbers_of(short))
    return Call(packed_entries(short)[0], words, total, grain)


def _blas_product(
    x: StridedArray, y: StridedArray, out: StridedArray, threads: int, short: str
) -> Call:
    """The call of the BLAS, or of several parts by it."""
    batch, (m, n), k = out.shape[:-2], out.shape[-2:], x.shape[-1]
    values = _values(x, y, out)
    dims = packed_products.batch_axes(x, y, out) if batch else []
    count = math.prod(batch)
    letter = KINDS[short][1]
    (entry,) = engine().compile(fragments(short)).values()
    values.update(_parts(m, n, m * n * k, threads if count < threads else 1))
    values["rank"] = len(dims) // 4
    words = [values["tb"], values["ta"], *(values[name] for name in WORDS)]
    each = m * n * k // values["parts"]
    grain = max(1, WORTH // max(each, 1)) if count > 1 else 1
    total = count * values["parts"]
    return Call(entry, [blas_address(f"{letter}gemm"), *words, *dims], total, grain)


def _values(a: StridedArray, b: StridedArray, c: StridedArray) -> dict[str, int]:
    one, two = as_matrix(a), as_matrix(b)
    if one is None or two is None:
        raise InternalError("an operand that the BLAS cannot read")
    (m, n), k = c.shape[-2:], a.shape[-1]
    return {
        "ta": one[0], "tb": two[0], "m": m, "n": n, "k": k,
        "a": a.address, "lda": one[1], "a_step": a.steps[-2],
        "b": b.address, "ldb": two[1], "b_step": b.steps[-1],
        "c": c.address, "ldc": max(n, 1),
    }  # fmt: skip


def _parts(m: int, n: int, work: int, threads: int) -> dict[str, int]:
    """How a product is cut among threads: the longer side, if it is worth it."""
    along = 0 if m >= n else 1
    whole = (m, n)[along]
    parts = max(1, min(threads, work // WORTH, whole // MULTIPLE))
    length = -(-whole // parts)
    length = -(-length // MULTIPLE) * MULTIPLE if parts > 1 else length
    return {"along": along, "parts": -(-whole // length), "length": length}
