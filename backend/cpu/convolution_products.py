"""Rows of an input, given by offsets, times a packed panel of a matrix.

A block of results stays in registers while the sum over the terms runs. The matrix on
the left is never made: its element (m, k) stands at `rows[m] + terms[k]`.
"""

from __future__ import annotations

from typing import Any

from .building import Code, Function, Value, lanes, vector, vector_bytes

BLOCK = 10  # rows that are computed together, at most


def panel_width() -> int:
    """The most vectors of a panel: results and operands fill the registers."""
    return 4 if vector_bytes() == 64 else 2


def block_rows(vectors: int, rows: int | None = None) -> int:
    """How many rows are computed together with so many vectors.

    Where the rows are known, as many as waste the least in the last block.
    """
    usual, least = (6, 4) if vectors == panel_width() else (8, 5)
    most = min(BLOCK, (30 - vectors) // vectors) if vector_bytes() == 64 else usual
    if rows is None or rows > 4 * usual:
        return usual
    return min(
        range(most, least - 1, -1), key=lambda height: -(-rows // height) * height
    )


def panel_vectors(filters: int, item: int) -> list[int]:
    """The vectors of each panel of a matrix with so many columns."""
    count, most = -(-filters * item // vector_bytes()), panel_width()
    return [min(most, count - start) for start in range(0, count, most)]


class Products:
    """The functions that multiply, for one dtype, by vectors and masks.

    So many terms as a `run` lie side by side, wherever one begins.
    """

    def __init__(self, code: Code, kind: str, rows: int | None = None, run: int = 1):
        self.code, self.kind, self.lane = code, kind, lanes(kind)
        self.rows, self.run = rows, run
        self.made: dict[tuple[int, bool], Function] = {}

    def __call__(self, vectors: int, masked: bool) -> Function:
        key = vectors, masked
        if key not in self.made:
            self.made[key] = self._function(vectors, masked)
        return self.made[key]

    def _function(self, vectors: int, masked: bool) -> Function:
        """Rows times a panel.

        Arguments: input, row offsets and their count, offsets of the terms and their
        count, panel, results, their offsets, whether they are added to, columns.
        """
        name = f"product_{vectors}{'m' if masked else ''}"
        kinds = ["ptr", "ptr", "i64", "ptr", "i64", "ptr", "ptr", "ptr", "i64", "i64"]
        f = self.code.helper(name, kinds, "internal")
        source, rows, count, terms, depth, panel, out, places, more, left = f.arguments
        kind, lane, height = self.kind, self.lane, block_rows(vectors, self.rows)
        wide = vector(kind, lane)
        masks = (
            [_mask(f, left, v * lane, lane) for v in range(vectors)] if masked else []
        )
        with f.loop(count, 0, height) as first:
            bases = [
                f.at(source, f.load(rows, first + r, "i64"), kind)
                for r in range(height)
            ]
            sums = [f.variable(f.number(0.0, wide)) for _ in range(height * vectors)]
            targets = [
                f.at(out, f.load(places, first + r, "i64"), kind) for r in range(height)
            ]
            with f.when(more.differs(0)):
                for n, one in enumerate(sums):
                    r, v = divmod(n, vectors)
                    one.set(_load(f, targets[r], v * lane, kind, wide, masks, v))
            with f.loop(depth, 0, self.run) as k:
                offset = f.load(terms, k, "i64")
                for n in range(self.run):
                    row = f.at(panel, (k + n) * (vectors * lane), kind)
                    parts = [f.load(row, v * lane, kind, wide) for v in range(vectors)]
                    for r in range(height):
                        factor = f.splat(f.load(bases[r], offset + n, kind), lane)
                        for v in range(vectors):
                            one = sums[r * vectors + v]
                            one.set(f.fma(factor, parts[v], one.get()))
            for n, one in enumerate(sums):
                r, v = divmod(n, vectors)
                _store(f, one.get(), targets[r], v * lane, kind, masks, v)
        return f


def _mask(f: Function, left: Value, start: int, lane: int) -> Value:
    return f.steps("i64", lane) < f.splat(left - start, lane)


def _load(
    f: Function, base: Value, at: int, kind: str, wide: str, masks: Any, v: int
) -> Value:
    if not masks:
        return f.load(base, at, kind, wide)
    return f.masked_load(f.at(base, at, kind), masks[v], wide)


def _store(
    f: Function, value: Value, base: Value, at: int, kind: str, masks: Any, v: int
) -> None:
    if masks:
        f.masked_store(value, f.at(base, at, kind), masks[v])
    else:
        f.store(value, base, at, kind)


def each_panel(
    f: Function, products: Products, filters: int, outer: Value, use: Any
) -> None:
    """Call `use(product, vectors, first vector, columns left)` for each panel."""
    lane, most = products.lane, panel_width()
    step = most * lane
    whole, rest = divmod(filters, step)
    with f.loop(whole) as panel:
        use(products(most, False), most, panel * most, outer - panel * step)
    if rest:
        vectors = -(-rest // lane)
        product = products(vectors, rest % lane > 0)
        use(product, vectors, f.number(whole * most), outer - whole * step)


def chosen_panel(f: Function, filters: int, lane: int, left: Value, use: Any) -> None:
    """Call `use(vectors, masked)` for a panel with so many of the filters left."""
    most = panel_width()
    step = most * lane
    if filters >= step:
        with f.when(left >= step):
            use(most, False)
    if rest := filters % step:
        with f.when(left < step):
            use(-(-rest // lane), rest % lane > 0)


def pack_panel(code: Code, kind: str, vectors: int, masked: bool) -> Function:
    """Copy a few columns of a matrix, row after row, with zeros where there are none.

    Arguments: target, source, elements from a row to the next, rows, columns.
    """
    f = code.helper(f"pack_panel_{vectors}", ["ptr", "ptr", "i64", "i64", "i64"])
    target, source, pitch, rows, left = f.arguments
    lane = lanes(kind)
    wide = vector(kind, lane)
    masks = [_mask(f, left, v * lane, lane) for v in range(vectors)] if masked else []
    with f.loop(rows) as row:
        at, to = f.at(source, row * pitch, kind), row * (vectors * lane)
        for v in range(vectors):
            f.store(
                _load(f, at, v * lane, kind, wide, masks, v),
                target,
                to + v * lane,
                kind,
            )
    return f
