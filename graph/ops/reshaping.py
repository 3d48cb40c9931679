"""What a reshape that does not fit is told: products for one sample, near shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..advice import near_shape, to_divide, where_they_differ
from ..decide import solve, valuations
from ..diagnostics import Fault
from ..dim import Dim, divide_exactly, product, sorted_symbols
from ..types import TensorType


def leading(shape: Sequence[Dim], wanted: Sequence[Any]) -> int:
    """How many sizes in front are the same."""
    pairs = enumerate(zip(shape, wanted, strict=False))
    others = (i for i, (one, two) in pairs if two == -1 or Dim.of(two) != one)
    return next(others, min(len(shape), len(wanted)))


def indivisible(type: TensorType, total: Dim, known: Dim) -> Fault:
    """A size -1 for which no whole number is left."""
    samples, rest = _samples(type)
    help = []
    if samples is not None and rest.value is not None and known.value is not None:
        fitting = known.value and rest.value % known.value == 0
        shape = (-1, known) if fitting else (-1, rest)
        help = [
            f"each of `{samples}` has {rest} elements, which {known} does not divide",
            f"keep them together, `({', '.join(map(str, shape))})`, or change what "
            "makes their number",
        ]
        help += [_units(type, known.value, rest.value)] if rest.value else []
    share = None if samples is None else divide_exactly(known, samples)
    if share is not None and rest.value and share.value:
        # The samples are kept; what is left for -1 is a part of each.
        return _part_of_sample(type, samples, rest.value, share.value)
    return Fault(
        "T0304",
        f"{total} elements do not divide into groups of {known}",
        operands={0: str(type)},
        argument="newshape",
        dims=(*type.shape,),
        notes=_witness(total, known),
        help=[text for text in help if text],
    )


def _part_of_sample(
    type: TensorType, samples: Dim | None, have: int, share: int
) -> Fault:
    near = [n for n in range(1, have + 1) if have % n == 0]
    best = min(near, key=lambda n: abs(n - share))
    units = _units(type, share * max(1, round(have / share)), have)
    return Fault(
        "T0304",
        f"each of `{samples}` has {have} elements, which {share} does not divide",
        operands={0: str(type)},
        argument="newshape",
        dims=(*type.shape,),
        notes=[f"{have} / {share} = {have / share:g}"],
        help=[f"{best} divides it"] + ([units] if units else []),
    )


def misfit(type: TensorType, total: Dim, sizes: list[Dim], known: Dim) -> Fault:
    """A shape of another number of elements."""
    forced = [s for s in sorted_symbols(total) if s.rigid and s not in known.symbols()]
    if forced:
        return _forcing(type, total, sizes, known)
    message = f"{type} has {total} elements and [{_listed(sizes)}] has {known}"
    shape, dims, help = list(sizes), type.shape, list[str]()
    if type.rank and sizes and sizes[0] == type.shape[0] and sizes[0].value is None:
        # One sample against another: the common first axis says nothing.
        shape, dims = sizes[1:], type.shape[1:]
        total, known = product(dims), product(shape)
        factors = _factors(shape)
        told = f"{factors} = {known}" if len(shape) > 1 else str(known)
        message = (
            f"{type} has {total} elements for each of `{sizes[0]}`, and "
            f"[{_listed(sizes)}] has {told}"
        )
    numbers = [size.value for size in shape if size.value is not None]
    if total.value is not None and known.value is not None:
        units = _units(type, known.value, total.value)
        near = near_shape(total.value, numbers)
        help += [units] if units else []
        each = f" for each of `{sizes[0]}`" if len(shape) < len(sizes) else ""
        help += [f"a shape that fits is ({_listed(near)}){each}"] if near else []
        if not help:
            help = [f"take sizes whose product is {total}, or change what makes it"]
    return Fault(
        "T0304",
        message,
        operands={0: str(type)},
        dims=dims,
        argument="newshape",
        notes=where_they_differ([(total, known)]),
        help=[*help, *to_divide([(total, known)])],
    )


def _forcing(type: TensorType, total: Dim, sizes: list[Dim], known: Dim) -> Fault:
    forced = [s for s in sorted_symbols(total) if s.rigid and s not in known.symbols()]
    name, number = forced[0].name, None
    if known.value is not None and (found := solve(total, known.value)):
        number = found[1]
    effect = f"would force `{name}` to be {number}"
    if number is None:
        none = known.value is not None and len(forced) == 1
        effect = f"{'fits no' if none else 'would force one'} size of `{name}`"
    repair, help = dict[int | str, str](), f"keep `{name}` in the new shape"
    place = next((i for i, size in enumerate(sizes) if size.value == number), None)
    if place is not None and number is not None:
        new = [*sizes[:place], Dim.of(-1), *sizes[place + 1 :]]
        written = f"({_listed(new)}{',' * (len(new) == 1)})"
        help += f": -1 in place of {number}, `{written}`"
        repair = {"newshape": written}
    else:
        help += ": -1 stands for its size"
    return Fault(
        "T0307",
        f"this reshape {effect}: {type} has {total} "
        f"elements and [{_listed(sizes)}] has {known}",
        operands={0: str(type)},
        dims=type.shape,
        argument="newshape",
        help=[help],
        repair=repair,
    )


def _samples(type: TensorType) -> tuple[Dim | None, Dim]:
    """The size of the first axis, if it is no number, and the product of the rest."""
    if type.rank and type.shape[0].value is None:
        return type.shape[0], product(type.shape[1:])
    return None, product(type.shape)


def _units(type: TensorType, wanted: int, total: int) -> str:
    """Which setting of a layer would make the number of elements right."""
    for dim in type.shape:
        if dim.value and dim.origin is not None and dim.origin.setting:
            exact = divide_exactly(Dim.of(wanted), Dim.of(total // dim.value))
            if exact is not None and exact.value:
                return f"make {dim.origin.setting} {exact}"
    return ""


def _factors(sizes: Sequence[Dim]) -> str:
    """A product as it is written: sums and quotients of several in parentheses."""
    told = map(str, sizes)
    return " * ".join(t if t.isidentifier() or t.isdigit() else f"({t})" for t in told)


def _listed(sizes: Iterable[object]) -> str:
    return ", ".join(map(str, sizes))


def _witness(total: Dim, known: Dim) -> list[str]:
    for values in valuations(total, known):
        if known.evaluate(values) and total.evaluate(values) % known.evaluate(values):
            told = ", ".join(f"{s} = {v}" for s, v in values.items())
            return [f"not exact for {told}" if told else f"{total} % {known} is not 0"]
    return []
