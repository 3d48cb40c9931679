"""Advice for sizes that do not fit: what to change, with the numbers filled in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .decide import Condition, counterexample, equal
from .diagnostics import is_python
from .dim import Compound, Dim, sorted_symbols
from .nearest import nearest_of
from .types import TensorType

FACTORED = 10**6  # the largest number whose factors are looked for
FACTORS = 3
UNNAMED = re.compile(r"_[0-9]+$")

TRUTHS = "make 0 and 1 of false and true: `cast(…, f32)`"


def to_match(first: Dim, second: Dim) -> list[str]:
    """How settings of layers would make two sizes equal."""
    ways = []
    for dim, other in ((first, second), (second, first)):
        if dim.origin is None or other.value is None:
            continue
        if dim.origin.setting:
            ways.append(f"make {dim.origin.setting} {other}")
        elif dim.value is not None and dim.origin.text.endswith("written here"):
            ways.append(f"write {other} in place of {dim}")
    return [", or ".join(dict.fromkeys(ways))] if ways else []


def where_they_differ(pairs: Sequence[tuple[Dim, Dim]]) -> list[str]:
    """Sizes for which sizes that should be equal are not: `for T = 4: 4 and 3`."""
    for one, two in pairs:
        if one.value is not None and two.value is not None:
            continue
        if one.symbol and two.symbol and one.symbol.name == two.symbol.name:
            continue  # two unknown sizes that are called alike: nothing to see
        real = [Condition(side, ">=", Dim.of(1)) for side in (one, two)]
        values = counterexample(Condition(one, "==", two), real)
        if values:
            told = ", ".join(f"{symbol} = {value}" for symbol, value in values.items())
            left, right = one.evaluate(values), two.evaluate(values)
            return [f"for {told} they are {left} and {right}"]
    return []


def to_divide(pairs: Sequence[tuple[Dim, Dim]]) -> list[str]:
    """Conditions under which divisions in sizes have no rest, if those make them equal.

    `2 * (H // 2)` is `H` where 2 divides `H`.
    """
    found = (c for pair in pairs for c in settling(*pair) if c.relation == "==")
    clauses = list(dict.fromkeys(found))
    if not clauses or not all(equal(*pair, clauses) is True for pair in pairs):
        return []
    told = " and ".join(f"`{clause}`" for clause in clauses)
    ways = [
        f"`dim {symbol} where {clause}`"
        for clause in clauses
        for symbol in sorted_symbols(clause.left)
    ]
    said = f": in a text, say {', '.join(ways)}" if len(ways) == len(clauses) else ""
    return [f"they are equal where {told}{said}"]


def to_settle(one: Dim, two: Dim) -> list[str]:
    """What to say of sizes so that two of them are known to be equal."""
    clause = next((c for c in settling(one, two) if equal(one, two, [c])), None)
    if clause is None:
        return ["declare both operands with the same names for equal sizes"]
    symbol, most = clause.left.symbol, clause.right.value
    origins = [origin.span for dim in (one, two) for origin in dim.history()]
    if symbol is None or most is None or not any(s and is_python(s) for s in origins):
        return [f"ask for it: `where {clause}`"]
    name = "T" if unnamed(clause.left) else symbol.name
    bounded = f'`Input(("{name} in {symbol.lower}..{most}", …))`'
    return [f"say that it is {most} at most: {bounded}"]


def settling(*dims: Dim) -> Iterator[Condition]:
    """What would make a part of sizes simple, of those within others too.

    For each quotient that it has no remainder, for each minimum which side it is.
    """
    stack = [*reversed(dims)]
    while stack:
        for monomial, _ in stack.pop().terms:
            for atom, _ in monomial:
                if isinstance(atom, Compound):
                    stack += [atom.left, atom.right]
                    if atom.kind == "//":
                        yield Condition(atom.left % atom.right, "==", Dim.of(0))
                    elif atom.kind in ("min", "max"):
                        number, size = atom.left, atom.right
                        if number.value is None:
                            number, size = size, number
                        yield Condition(size, "<=", number)
                        yield Condition(size, ">=", number)


def to_free(one: Dim, two: Dim) -> list[str]:
    """What to write where a number meets a size that is any number."""
    for free, number in ((one, two), (two, one)):
        symbol = free.symbol
        if symbol is not None and symbol.rigid and (number.value or 0) > 1:
            told = f"`{free}` is any size, so no number fits"
            return [f"{told}: take `{free}` in place of {number}"]
    if unnamed(one) and unnamed(two):
        told = "each `None` is a size of its own; if these two are one, name it"
        return [f'{told} in both: `Input(("T", …))`']
    return []


def unnamed(dim: Dim) -> bool:
    """Whether a size is the `None` of an `Input`, which is called after its place."""
    return dim.symbol is not None and UNNAMED.search(dim.symbol.name) is not None


def near_choice(argument: str, value: Any, known: Sequence[str]) -> dict[str, Any]:
    """The nearest of a few words, as help and repair of a fault."""
    near = nearest_of(str(value).lower(), known)
    if not isinstance(value, str) or not near:
        return {}
    return {
        "help": [f"did you mean `{near[0]}`?"],
        "repair": {argument: f'"{near[0]}"'},
    }


def to_align(axis: int, first: TensorType, second: TensorType) -> list[str]:
    """How to bring two tensors to one size along an axis of space or time.

    `axis` counts from the last.
    """
    one, two = first.shape[axis], second.shape[axis]
    made = [d for d in (one, two) if d.origin and "comes out of" in d.origin.text]
    difference = (one - two).value
    if axis == -1 or not made or not difference or first.rank != second.rank:
        return []
    longer, other = (first, second) if difference > 0 else (second, first)
    pairs = zip(longer.shape[:-1], other.shape[:-1], strict=True)
    more = [(a - b).value or 0 for a, b in pairs]
    index = [f"{number}:" if number > 0 else ":" for number in more]
    while index[-1] == ":":
        index.pop()
    cut = f"cut {abs(difference)} off the longer one: `[{', '.join(index)}]`"
    slides = [d for d in made if d.origin and "padding valid" in d.origin.text]
    steps = any(d.origin and "strides" in d.origin.text for d in made)
    if slides and not steps and slides[0].origin is not None:
        layer = slides[0].origin.text.split("`")[1]
        return [f'`padding = "same"` in `{layer}` keeps the size; or {cut}']
    return [cut]


def to_undo(one: Dim, two: Dim) -> list[str]:
    """What to change where only one of two sizes was made by a layer or op."""
    made = [d for d in (one, two) if d.origin and "comes out of" in d.origin.text]
    if len(made) != 1:
        return []
    origin, other = made[0].origin, two if made[0] is one else one
    told = origin.text.partition("comes out of ")[2] if origin else ""
    maker = told.partition(" (")[0]
    if "strides" in told:
        return [f"stride 1 in {maker} keeps {other}, or bring both to one size"]
    return [f"change {maker}, or bring both to one size"]


def near_shape(total: int, wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The shape of that many elements nearest to the wanted one, if there is any."""
    if not 0 < total <= FACTORED or not 0 < len(wanted) <= FACTORS:
        return None
    if any(size < 1 for size in wanted):
        return None

    def distance(shape: tuple[int, ...]) -> tuple[int, float]:
        pairs = list(zip(shape, wanted, strict=True))
        broken = sum(
            (a == c) != (b == d)
            for place, (a, b) in enumerate(pairs)
            for c, d in pairs[:place]
            if b == d
        )
        return broken, sum(abs(math.log(a / b)) for a, b in pairs)

    return min(_factorings(total, len(wanted)), key=distance)


def _factorings(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for factor in _divisors(total):
        for rest in _factorings(total // factor, parts - 1):
            yield (factor, *rest)


def _divisors(number: int) -> list[int]:
    low = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*low, *(number // n for n in low)})
