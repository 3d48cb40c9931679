"""Python code around a place: where the operands and arguments of a call stand.

A frame says which expression it runs; the syntax tree of the file says what is inside
of that. It is read when a mistake is told, never before.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .diagnostics import Fault, Source, Span, is_python

UNKNOWN = "T0202"  # an argument that does not exist
Places = dict[tuple[int, int, int, int], ast.AST]
LARGEST = 2**20  # characters of a file that is still looked into
TRIES = 3


@dataclass(frozen=True)
class CallSite:
    """The places inside of a call: operands by index, names and values of arguments."""

    operands: dict[int, Span] = field(default_factory=dict)
    names: dict[str, Span] = field(default_factory=dict)
    values: dict[str, Span] = field(default_factory=dict)

    def place(self, fault: Fault) -> Span | None:
        """Where the argument stands that a fault names: the word, if it is unknown."""
        places = self.names if fault.code == UNKNOWN else self.values
        return places.get(fault.argument or "")


def call_site(
    span: Span | None, parameters: Sequence[str] = (), given: Sequence[Any] = ()
) -> CallSite:
    """What stands inside of the expression at a place in Python code.

    `parameters` are the names of what the positional arguments of a call are for,
    `given` their values, which tell how many operands a name stands for.
    """
    if span is None or not is_python(span):
        return CallSite()
    place = (span.line, span.column, span.end_line, span.end_column)
    node = _nodes(span.source).get(place)
    match node:
        case ast.Call(args=args, keywords=keywords):
            names = {k.arg: _word(span.source, k) for k in keywords if k.arg}
            values = {k.arg: _span(span.source, k.value) for k in keywords if k.arg}
            plain = [_span(span.source, arg) for arg in args]
            values |= dict(zip(parameters, plain, strict=False))
            return CallSite(_operands(span.source, args, given), names, values)
        case ast.BinOp(left=left, right=right):
            return CallSite(_operands(span.source, [left, right]))
        case ast.AugAssign(target=target, value=value):
            return CallSite(_operands(span.source, [target, value]))
        case ast.Compare(left=left, comparators=[right]):
            return CallSite(_operands(span.source, [left, right]))
        case ast.UnaryOp(operand=operand):
            return CallSite(_operands(span.source, [operand]))
        case ast.Subscript(value=value):
            return CallSite(_operands(span.source, [value]))
    return CallSite()


@lru_cache(16)
def _nodes(source: Source) -> Places:
    """The expressions of a file by their place, the outermost of each place."""
    found: Places = {}
    if len(source.text) > LARGEST:
        return found
    kinds = (ast.expr, ast.AugAssign)
    for node in ast.walk(_tree(source.text)):
        if isinstance(node, kinds):
            span = _span(source, node)
            place = (span.line, span.column, span.end_line, span.end_column)
            found.setdefault(place, node)
    return found


def _tree(text: str) -> ast.AST:
    """The syntax tree of a text, empty if there is none."""
    for _ in range(TRIES):
        try:
            return ast.parse(text)
        except SystemError:
            # Python 3.11 counts the depth of trees for all threads together, and for
            # what the garbage collector runs meanwhile, and may find it wrong.
            continue
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            break
    return ast.Module([], [])


def _operands(
    source: Source, items: list[ast.expr], given: Sequence[Any] = ()
) -> dict[int, Span]:
    """The places of operands, those in lists one by one."""
    flat: list[ast.expr | None] = []
    for place, item in enumerate(items):
        value = given[place] if place < len(given) else None
        if isinstance(item, ast.Starred):
            break  # nobody knows how many follow
        if isinstance(item, (ast.List, ast.Tuple)):
            flat += item.elts
        elif isinstance(value, (list, tuple)):
            flat += [None] * len(value)
        else:
            flat.append(item)
    return {i: _span(source, item) for i, item in enumerate(flat) if item is not None}


def _span(source: Source, node: ast.expr | ast.AugAssign) -> Span:
    return Span(
        source,
        node.lineno,
        _column(source, node.lineno, node.col_offset),
        node.end_lineno or node.lineno,
        _column(source, node.end_lineno or node.lineno, node.end_col_offset or 0),
    )


def _word(source: Source, keyword: ast.keyword) -> Span:
    """The name of a keyword argument."""
    start = _column(source, keyword.lineno, keyword.col_offset)
    end = start + len(keyword.arg or "")
    return Span(source, keyword.lineno, start, keyword.lineno, end)


def _column(source: Source, line: int, offset: int) -> int:
    # The syntax tree counts columns in UTF-8 bytes.
    text = source.line(line)
    if text.isascii():
        return offset + 1
    return len(text.encode()[:offset].decode(errors="ignore")) + 1
