"""Factors of matrices and what they solve: how much work, and which words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from ...graph.node import Node
from .building import FLOATS, Entry
from .factor_entries import (
    AFTER,
    BEFORE,
    CHOLESKY,
    LU,
    PANEL,
    PANELS,
    STRIP,
    TURNED,
    cholesky_entry,
    lu_entry,
    solve_entry,
    solve_layout,
)
from .reflector_code import QR, qr_entry
from .special_base import Round, Special, Work, ceildiv, grain, rounded, special

LARGE, FEW = 384, 8  # rows of matrices, and how many, that threads share
FAR = 128  # rows of a matrix whose panels are factored apart from it
SMALL = 32  # rows and columns of matrices whose reflections are done one by one
PARTS = 16  # of a batch of them
SPEED = 4  # multiplications that take as long as an elementary step, roughly


def is_shared(shape: Sequence[int]) -> bool:
    """Whether matrices are so large and few that threads share them."""
    return min(shape[-2:]) >= LARGE and math.prod(shape[:-2]) < FEW


class Factoring(Special):
    """What takes matrices of floats."""

    def accepts(self, node: Node) -> bool:
        return node.inputs[0].dtype.short in FLOATS


@special("lower_factor")
class LowerFactor(Factoring):
    """Cholesky's factor."""

    def entry(self, node: Node) -> Entry:
        return cholesky_entry(FLOATS[node.inputs[0].dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        *batch, size, _ = operands[0].shape
        count = math.prod(batch) if size else 0
        return (_work(count, size**2 * (size + 16) // 6),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (out,) = operands, results
        return CHOLESKY.words(
            source=x.address, out=out.address, scratch=scratch, size=x.shape[-1],
            begin=0,
        )  # fmt: skip

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        count = math.prod(operands[0].shape[:-2])
        return rounded(8 * count) if is_shared(operands[0].shape) else 0

    def rounds(self, attributes: Any, operands: Any, results: Any) -> Sequence[Round]:
        *batch, size, _ = operands[0].shape
        if not is_shared(operands[0].shape):
            return super().rounds(attributes, operands, results)
        count, at = math.prod(batch), CHOLESKY.places["begin"]
        bands = ceildiv(size, TURNED)
        turn = _work(count * bands, size * TURNED * 4)
        found = [Round(1, turn, {})]
        for begin in range(0, size, PANELS):
            terms, right = PANELS * (begin + PANELS), max(0, size - begin - PANELS)
            strips = ceildiv(right, STRIP)
            found += [
                Round(3, _work(count, terms * PANELS), {at: begin}),
                Round(4, _work(count * strips, terms * STRIP // 16), {at: begin}),
            ]
        return [*found, Round(2, turn, {})]


def _work(count: int, steps: int) -> Work:
    """So many units that take so many multiplications each."""
    return Work(count, grain(count, count * (steps // SPEED + 64)))


@special("lu_factor")
class LuFactor(Factoring):
    """The LU factors, and where each row went."""

    def entry(self, node: Node) -> Entry:
        return lu_entry(FLOATS[node.inputs[0].dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        *batch, rows, columns = operands[0].shape
        least = min(rows, columns)
        count = math.prod(batch) if least else 0
        return (_work(count, rows * columns * (least + 32) // 3),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (out, pivots) = operands, results
        rows, columns = x.shape[-2:]
        return LU.words(
            source=x.address, out=out.address, pivots=pivots.address,
            scratch=scratch, rows=rows, columns=columns, apart=rows >= FAR,
            begin=0,
        )  # fmt: skip

    def rounds(self, attributes: Any, operands: Any, results: Any) -> Sequence[Round]:
        *batch, rows, columns = operands[0].shape
        if not is_shared(operands[0].shape):
            return super().rounds(attributes, operands, results)
        count, at = math.prod(batch), LU.places["begin"]
        found = []
        for begin in range(0, min(rows, columns), PANELS):
            end = min(begin + PANELS, rows, columns)
            strips = ceildiv(columns - end, STRIP)
            steps = (rows - begin) * PANELS * STRIP // 16
            found += [
                Round(1, _work(count, steps), {at: begin}),
                Round(2, _work(count * strips, steps), {at: begin}),
            ]
        return found

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        *batch, rows, _ = operands[0].shape
        item = operands[0].dtype.itemsize
        return rounded(math.prod(batch) * rows * PANEL * item) if rows >= FAR else 0


@special("qr")
class Orthogonal(Factoring):
    """The QR factors of matrices known to be small; LAPACK's are faster for others."""

    def accepts(self, node: Node) -> bool:
        sizes = [dim.value for dim in node.inputs[0].shape[-2:]]
        small = all(size is not None and size <= SMALL for size in sizes)
        return small and super().accepts(node)

    def entry(self, node: Node) -> Entry:
        return qr_entry(FLOATS[node.inputs[0].dtype.short])

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        *batch, rows, columns = operands[0].shape
        count = math.prod(batch) if rows else 0
        parts = min(count, PARTS)
        steps = rows * min(rows, columns) * (columns + results[0].shape[-1] + 16)
        return (Work(parts, grain(parts, count * (steps // SPEED + 64))),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (x,), (q, r) = operands, results
        *batch, rows, columns = x.shape
        count = math.prod(batch)
        return QR.words(
            source=x.address, q=q.address, r=r.address, scratch=scratch, rows=rows,
            columns=columns, count=q.shape[-1], steps=min(rows, columns), total=count,
            parts=min(count, PARTS), pitch=self._pitch(x),
        )  # fmt: skip

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        (x,) = operands
        parts = min(math.prod(x.shape[:-2]), PARTS)
        return rounded(parts * self._pitch(x) * x.itemsize)

    @staticmethod
    def _pitch(x: Any) -> int:
        """The elements of a part's memory: a matrix and a number for each column."""
        rows, columns = x.shape[-2:]
        return rows * columns + min(rows, columns)


class Turn(NamedTuple):
    """A triangle that is solved by: which half, transposed or not, ones or not."""

    lower: bool
    transposed: bool
    unit: bool

    def words(self, number: int, size: int) -> dict[str, int]:
        """The words of a turn; from the last row on for what is upper."""
        row, term = (1, size) if self.transposed else (size, 1)
        back = self.lower == self.transposed
        sign = -1 if back else 1
        return {
            f"start{number}": size**2 - 1 if back else 0,
            f"row{number}": sign * row, f"term{number}": sign * term,
            f"unit{number}": self.unit, f"back{number}": back,
        }  # fmt: skip


class Solving(Factoring):
    """Systems of triangles, in strips of the right side."""

    pivots: ClassVar[bool] = True
    right: ClassVar[bool] = True

    def entry(self, node: Node) -> Entry:
        kind = FLOATS[node.inputs[0].dtype.short]
        return solve_entry(kind, self.pivots, self.right)

    def turns(self, attributes: Any) -> tuple[Turn, ...]:
        """The triangles, in their order."""
        if attributes.get("transposed"):
            return Turn(False, True, False), Turn(True, True, True)
        return Turn(True, False, True), Turn(False, False, False)

    def works(self, attributes: Any, operands: Any, results: Any) -> tuple[Work, ...]:
        *batch, size, columns = results[0].shape
        count = math.prod(batch) * ceildiv(columns, STRIP) if size else 0
        steps = size * (size + 8) * max(8, min(columns, STRIP)) // 2
        return (_work(count, steps * len(self.turns(attributes))),)

    def words(
        self, attributes: Any, operands: Any, results: Any, scratch: int
    ) -> list[int]:
        (out,), turns = results, self.turns(attributes)
        size, columns = out.shape[-2:]
        layout = solve_layout(self.pivots, self.right)
        found = dict(zip(layout.names, (o.address for o in operands), strict=False))
        order = AFTER if attributes.get("transposed") else BEFORE
        found |= {
            "out": out.address, "scratch": scratch, "size": size, "columns": columns,
            "strips": ceildiv(columns, STRIP), "order": order if self.pivots else 0,
            "solves": len(turns), "apart": self._apart(out),
            **turns[0].words(0, size), **turns[-1].words(1, size),
        }  # fmt: skip
        return layout.words(**found)

    def scratch_bytes(self, attributes: Any, operands: Any, results: Any) -> int:
        (out,) = results
        *batch, size, columns = out.shape
        strips = math.prod(batch) * ceildiv(columns, STRIP)
        return strips * size * STRIP * out.dtype.itemsize if self._apart(out) else 0

    @staticmethod
    def _apart(out: Any) -> bool:
        """Whether strips are so long and wide that they are worth a copy."""
        size, columns = out.shape[-2:]
        return bool(size >= LARGE and columns >= STRIP)


@special("lu_solve")
class LuSolve(Solving):
    """By both factors of a matrix."""


@special("lu_inverse")
class LuInverse(Solving):
    """The right side is a unit matrix that nobody has written."""

    right = False


@special("triangular_solve")
class TriangularSolve(Solving):
    """By one triangle."""

    pivots = False

    def turns(self, attributes: Any) -> tuple[Turn, ...]:
        names = ("lower", "transposed", "unit")
        return (Turn(*(attributes[name] for name in names)),)
