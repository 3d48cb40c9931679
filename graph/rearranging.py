"""Axes by name: `rearrange` as einops has it, and functions of parts over the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .calling import told
from .control import vectorized_map
from .conversion import convert
from .diagnostics import Fault, TensorTypeError, caller_span
from .dim import Dim
from .operand import Operand
from .ops.elementwise import broadcast_shapes
from .registry import call
from .tensor import Tensor, convert_to_tensor
from .types import TensorType

__all__ = ["nonzero", "rearrange", "vectorize"]

Groups = list[list[str]]


@told
def nonzero(x: Any) -> tuple[Any, ...]:
    """The places of the elements that are not 0: one i32 tensor for each axis.

    On values only, T0503: how many there are is no matter of types.

    >>> nonzero([0, 5, 7])[0].numpy().tolist()
    [1, 2]
    """
    given = convert_to_tensor(x)
    if not isinstance(given, Tensor):
        raise Fault(
            "T0503",
            "how many elements `nonzero` finds depends on values, and this is a "
            f"symbolic tensor, {given.type}",
            operands={0: str(given.type)},
            help=["`where(condition, a, b)` chooses elements, and `top_k` finds some"],
        )
    return tuple(
        convert_to_tensor(places, "int32") for places in given.numpy().nonzero()
    )


@told
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes in another order, put together or divided, as einops writes it.

    `b (h p) c -> b h (p c)` names the axes; parentheses hold those that are one axis of
    the tensor. `axes_lengths` gives sizes by name: of each group all but one.

    >>> rearrange([[1, 2, 3], [4, 5, 6]], "h w -> (w h)").numpy().tolist()
    [1, 4, 2, 5, 3, 6]
    """
    given = convert(tensor)
    left, right = _sides(pattern)
    sizes = _sizes(given.type, pattern, left, axes_lengths)
    names_left = [name for group in left for name in group]
    order = [names_left.index(name) for group in right for name in group]
    found = call("reshape", given, tuple(sizes[name] for name in names_left))
    found = call("transpose", found, tuple(order))
    return call("reshape", found, tuple(_product(sizes, group) for group in right))


def _product(sizes: Mapping[Any, Dim], names: Iterable[Any]) -> Dim:
    found = Dim.of(1)
    for name in names:
        found = found * sizes[name]
    return found


def _sides(pattern: str) -> tuple[Groups, Groups]:
    """The groups of names on both sides; refuses what is none, T0204."""
    sides = pattern.split("->") if isinstance(pattern, str) else []
    whole = r"\s*((\w+|\([\w\s]*\))\s*)*"
    if len(sides) != 2 or not all(re.fullmatch(whole, side) for side in sides):
        raise _wrong(pattern, "is two lists of names with `->` between them")
    left, right = (
        [re.findall(r"\w+", group) for group in re.findall(r"\w+|\(.*?\)", side)]
        for side in sides
    )
    names = [[name for group in side for name in group] for side in (left, right)]
    if any(len(set(part)) != len(part) for part in names):
        raise _wrong(pattern, "has each name once on each side")
    if sorted(names[0]) != sorted(names[1]):
        raise _wrong(pattern, "has the same names on both sides")
    return left, right


def _sizes(
    type: TensorType, pattern: str, left: Groups, given: Mapping[str, int]
) -> dict[str, Dim]:
    """The size of each name."""
    if len(left) != type.rank:
        raise Fault(
            "T0306",
            f"`{pattern}` names {len(left)} axes, and the tensor is {type}",
            operands={0: str(type)},
        )
    strange = [n for n in given if not any(n in group for group in left)]
    if strange:
        raise _wrong(pattern, f"has no axis `{strange[0]}`")
    sizes = {name: Dim.of(size) for name, size in given.items()}
    for group, whole in zip(left, type.shape, strict=True):
        open = [name for name in group if name not in sizes]
        known = _product(sizes, [name for name in group if name in sizes])
        if len(open) > 1:
            raise _wrong(pattern, f"leaves `{open[0]}` and `{open[1]}` open")
        if open:
            sizes[open[0]] = whole // known
        if _product(sizes, group) != whole:
            raise Fault(
                "T0310",
                f"`({' '.join(group)})` of `{pattern}` divides an axis of {whole} into "
                f"parts of {known}",
                operands={0: str(type)},
            )
    return sizes


def _wrong(pattern: Any, reason: str) -> Fault:
    told = f"a pattern of `rearrange` {reason}, not {pattern!r}"
    return Fault("T0204", told, argument="pattern")


@told
def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Iterable[int] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """A function of scalars as one of tensors, which it stretches to one shape.

    `excluded` are positions of arguments that are handed on as they are. With a
    `signature` such as `(m,n),(n)->(m)` the function takes and gives tensors of these
    axes, the last ones.

    >>> vectorize(lambda a, b: a + b)([1, 2, 3], 2).numpy().tolist()
    [3, 4, 5]
    """
    apart = frozenset(excluded or ())
    parts = re.findall(r"\(([^)]*)\)", (signature or "").split("->")[0])
    ranks = [len(re.findall(r"\w+", part)) for part in parts]

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in apart]
        given = [convert_to_tensor(args[i]) for i in places]
        cores = ranks if signature is not None else [0] * len(given)
        if len(cores) != len(given):
            told = f"`{signature}` is of {len(cores)} arguments, not {len(given)}"
            raise TensorTypeError.of(
                Fault("T0204", told, argument="signature"), caller_span()
            )

        def one(parts: tuple[Any, ...]) -> Any:
            full = list(args)
            for place, part in zip(places, parts, strict=True):
                full[place] = part
            return pyfunc(*full, **kwargs)

        return _over_the_rest(one, given, cores)

    return vectorized


def _over_the_rest(one: Any, given: list[Any], cores: list[int]) -> Any:
    """A function of parts of some ranks, for all axes before these."""
    ends = [x.type.rank - rank for x, rank in zip(given, cores, strict=True)]
    pairs = list(zip(given, ends, strict=True))
    outer = [TensorType(x.type.dtype, x.type.shape[:end]) for x, end in pairs]
    shape = broadcast_shapes("vectorize", tuple(outer))
    if not shape:
        return one(tuple(given))
    count = _product(dict(enumerate(shape)), range(len(shape)))
    flat = [
        call("reshape", _wide(x, end, shape), (count, *x.type.shape[end:]))
        for x, end in pairs
    ]

    def back(found: Any) -> Any:
        return call("reshape", found, (*shape, *found.type.shape[1:]))

    made = vectorized_map(one, tuple(flat))
    if isinstance(made, Operand):
        return back(made)
    return type(made)(map(back, made))


def _wide(x: Any, end: int, shape: tuple[Dim, ...]) -> Any:
    """A tensor with its first `end` axes stretched to a shape."""
    core = x.type.shape[end:]
    filled = (*[1] * (len(shape) - end), *x.type.shape)
    return call("broadcast_to", call("reshape", x, filled), (*shape, *core))
