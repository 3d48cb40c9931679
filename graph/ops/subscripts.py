"""The letters of `einsum`, and its contraction pair by pair into matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..advice import to_match
from ..decide import equal as equal_dims
from ..dim import Dim, product
from ..node import Node
from ..registry import call
from .formula import Refusal, type_of
from .product_forms import form_of

Term = tuple[Node, str]


def contracted(subscripts: str, operands: list[Node]) -> Node:
    """The value of an `einsum`, from left to right."""
    inputs, result = _letters(subscripts, operands)
    sizes = _sizes(inputs, operands)
    terms: list[Term] = [
        _diagonals(operand, letters)
        for operand, letters in zip(operands, inputs, strict=True)
    ]
    while len(terms) > 1:
        later = "".join(letters for _, letters in terms[2:])
        terms[:2] = [_pair(terms[0], terms[1], result + later, not later, sizes)]
    return _ordered(terms[0], result)


def _refuse(text: str, subscripts: str, **more: Any) -> Refusal:
    return Refusal(
        "einsum", "T0204", f"{text} in `{subscripts}`", argument="subscripts", **more
    )


def _letters(subscripts: str, operands: list[Node]) -> tuple[list[str], str]:
    """A letter for each axis of each operand, and of the result."""
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise _refuse(f"{len(operands)} operands and {len(terms)} terms", subscripts)
    for text in (*terms, right):
        if not _plain(text):
            raise _refuse(f"`{text}` is not letters with at most one `...`", subscripts)
    pairs = list(zip(terms, operands, strict=True))
    extra = [x.ndim - len(text.replace("...", "")) for text, x in pairs]
    for index, (text, operand) in enumerate(pairs):
        if extra[index] < 0 or (extra[index] and "..." not in text):
            raise Refusal(
                "einsum",
                "T0306",
                f"`{text}` names {len(text.replace('...', ''))} axes and operand "
                f"{index + 1} is {type_of(operand)}",
                operands={index: str(type_of(operand))},
                argument="subscripts",
            )
    most = max(
        (n for n, (t, _) in zip(extra, pairs, strict=True) if "..." in t), default=0
    )
    # Digits name the axes of an ellipsis, the last one first.
    spread = "".join(chr(0x100 + n) for n in range(most))[::-1]
    found = [
        text.replace("...", spread[most - n :])
        for n, text in zip(extra, terms, strict=True)
    ]
    if not arrow:
        every = "".join(text.replace("...", "") for text in terms)
        once = sorted(letter for letter in {*every} if every.count(letter) == 1)
        return found, spread + "".join(once)
    if spread and "..." not in right:
        raise _refuse("the axes of `...` are missing from the result", subscripts)
    result = right.replace("...", spread)
    known = set().union(*map(set, found))
    for letter in result:
        if letter not in known or result.count(letter) > 1:
            why = "twice" if letter in known else "without an operand"
            raise _refuse(f"`{letter}` stands in the result {why}", subscripts)
    return found, result


def _plain(text: str) -> bool:
    letters = text.replace("...", "", 1)
    return all(letter.isascii() and letter.isalpha() for letter in letters)


def _sizes(inputs: list[str], operands: list[Node]) -> dict[str, Dim]:
    """The size of each letter; only axes of an ellipsis may stretch from 1."""
    sizes: dict[str, tuple[Dim, int]] = {}
    for index, (letters, operand) in enumerate(zip(inputs, operands, strict=True)):
        for letter, size in zip(letters, operand.shape, strict=True):
            known = sizes.setdefault(letter, (size, index))
            stretches = ord(letter) >= 0x100
            if stretches and known[0] == 1:
                sizes[letter] = (size, index)
            elif (
                not (stretches and size == 1) and equal_dims(known[0], size) is not True
            ):
                name = "an axis of `...`" if stretches else f"`{letter}`"
                first = operands[known[1]]
                raise Refusal(
                    "einsum",
                    "T0301",
                    f"{name} of `einsum` is {known[0]} and {size}",
                    operands={
                        known[1]: str(type_of(first)),
                        index: str(type_of(operand)),
                    },
                    dims=(known[0], size),
                    help=to_match(known[0], size),
                )
    return {letter: size for letter, (size, _) in sizes.items()}


def _diagonals(x: Node, letters: str) -> Term:
    """A letter that stands twice in a term means its diagonal."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            one = letters.index(letter)
            two = letters.index(letter, one + 1)
            x = call("diagonal", x, 0, one, two)
            rest = letters[:one] + letters[one + 1 : two] + letters[two + 1 :]
            letters = rest + letter
    return x, letters


def _alone(term: Term, wanted: set[str]) -> Term:
    """Letters that nobody else needs are summed over."""
    x, letters = term
    gone = tuple(i for i, letter in enumerate(letters) if letter not in wanted)
    if not gone:
        return term
    total = call("cast", call("sum", x, gone), x.dtype)
    return total, "".join(c for c in letters if c in wanted)


def _pair(
    left: Term, right: Term, wanted: str, ordered: bool, sizes: Mapping[str, Dim]
) -> Term:
    """Two terms as one matrix product over batches; see `form_of`."""
    left = _alone(left, {*wanted, *right[1]})
    right = _alone(right, {*wanted, *left[1]})
    form = form_of(left[1], right[1], wanted, ordered, sizes)
    one, two = (right, left) if form.flipped else (left, right)
    found = call(
        "matmul",
        _folded(one, form.outer, (form.rows, form.summed), sizes),
        _folded(two, form.outer, (form.summed, form.columns), sizes),
    )
    return call("reshape", found, tuple(sizes[c] for c in form.result)), form.result


def _folded(
    term: Term, outer: str, groups: tuple[str, str], sizes: Mapping[str, Dim]
) -> Node:
    """The axes in groups, the last two of them folded to one axis each."""
    x, letters = term
    batch = outer.lstrip("".join({*outer} - {*letters}))
    held = [c for c in batch if c in letters]
    order = [*held, *groups[0], *groups[1]]
    x = call("transpose", x, tuple(letters.index(c) for c in order))
    x = call("broadcast_to", x, tuple(sizes[c] for c in order))
    shape = (
        *(sizes[c] if c in letters else 1 for c in batch),
        *(product(sizes[c] for c in group) for group in groups),
    )
    found: Node = call("reshape", x, shape)
    return found


def _ordered(term: Term, result: str) -> Node:
    x, letters = _alone(term, set(result))
    found: Node = call("transpose", x, tuple(letters.index(c) for c in result))
    return found
