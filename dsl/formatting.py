"""`tulle fmt`: a text in the one style, with its comments and its meaning.

The parser makes a document of each rule as soon as the rule is complete, so nothing
here recurses. Comments belong to the token before them on their line, else to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, TypeAlias

from ..graph.diagnostics import InternalError, LanguageError, Source
from ..graph.report import in_order
from . import syntax as s
from .layout import (
    Broken,
    Comment,
    Document,
    Group,
    Hard,
    Indent,
    Line,
    layout,
    on_one_line,
)
from .parser import parse, table
from .tables import Run
from .tokens import OPENERS, Token, tokenize

TOGETHER = 40  # how long the sizes of a type are that stay on a line
SECTION = 9  # the longest word that begins a section
BLOCKS = ("fn_item", "layer_item", "extern_item", "model_item", "train_item")
CHAINS = ("comparison", "sum", "product", "conjunction", "disjunction")
TIGHT = "bounds rest application slice_item stage_name type_expression unary".split()
SPREAD = ("freeze_section", "where_clause")  # lists without brackets
CLINGING = ("generics", "parameters", "call", "index")  # no space before these

Parts: TypeAlias = tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A token with the comments around it."""

    token: Token
    before: tuple[Comment, ...]
    behind: tuple[Comment, ...]
    gap: bool  # an empty line stands before it all

    @property
    def first(self) -> Leaf:
        return self

    @property
    def last(self) -> Leaf:
        return self

    @property
    def parts(self) -> Parts:
        return (*self.before, self.token.text, *self.behind)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a rule came to."""

    rule: str
    first: Leaf
    last: Leaf
    parts: Parts


Child: TypeAlias = Leaf | Piece


def formatted(source: Source) -> str:
    """A text in the one style; raises `LanguageError` if its syntax is wrong.

    >>> formatted(Source("a.net", "net 1  dim B in {2,3}"))
    'net 1\\n\\ndim B in {2, 3}\\n'
    """
    tree, faults = parse(source)
    if tree is None:
        raise LanguageError(*in_order(faults))
    tokens, _ = tokenize(source, table())
    leaves = _leaves(source, tokens)
    run = Run("file", _built)
    for leaf in leaves[:-1]:
        run.feed(leaf.token, leaf)
    piece = run.finish(tokens[-1])
    text = layout([*piece.parts, *_loose(leaves[-1], True)])
    again, _ = parse(Source(source.name, text))
    if again is None or not same(tree, again):
        raise InternalError(f"formatting `{source.name}` would change its meaning")
    return text


def same(one: Any, other: Any) -> bool:
    """Whether two syntax trees say the same, wherever they stand."""
    stack = [(one, other)]
    while stack:
        left, right = stack.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, tuple):
            if len(left) != len(right):
                return False
            stack += zip(left, right, strict=True)
        elif isinstance(left, s.Syntax):
            names = [field.name for field in fields(left) if field.name != "span"]
            stack += [(getattr(left, name), getattr(right, name)) for name in names]
        elif left != right:
            return False
    return True


def _leaves(source: Source, tokens: Sequence[Token]) -> list[Leaf]:
    """The tokens with the comments that stand between them."""
    starts = [0, 0]
    for line in source.text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    places = [starts[t.span.line] + t.span.column - 1 for t in tokens]
    places[-1] = len(source.text)
    found, begin = list[Leaf](), 0
    before, gap = _comments(source.text[: places[0]], True)
    for index, token in enumerate(tokens):
        begin = places[index] + len(token.text)
        end = places[index + 1] if index + 1 < len(places) else begin
        line, *others = source.text[begin:end].split("\n", 1)
        note = line.strip()
        behind = (Comment(note, False),) if note else ()
        found.append(Leaf(token, before, behind, gap))
        before, gap = _comments(others[0] if others else "", False)
    return found


def _comments(text: str, first: bool) -> tuple[tuple[Comment, ...], bool]:
    """Comments on lines of their own, and whether an empty line precedes them."""
    lines = [line.strip() for line in text.split("\n")][:-1]
    found = list[Comment]()
    gap = False
    for line in lines:
        if line:
            found.append(Comment(line, True))
        elif found:
            found[-1] = Comment(found[-1].text, True, True)
        else:
            gap = not first
    return tuple(found), gap


def _loose(leaf: Leaf, gaps: bool) -> Iterator[Document]:
    """The comments before a closing bracket or the end, each on a line of its own."""
    gap = leaf.gap and gaps
    for comment in leaf.before:
        yield Hard(gap)
        yield comment.text
        gap = comment.gap


def _built(rule: str, children: list[Child]) -> Piece:
    parts = tuple(_document(rule, children))
    return Piece(rule, children[0].first, children[-1].last, parts)


def _document(rule: str, children: list[Child]) -> Sequence[Document]:
    if rule == "file":
        return _file(children)
    if rule in ("pipe", "stages"):
        return _pipe(rule, children)
    if rule in CHAINS:
        return _chain(children)
    if rule == "if_expression":
        return (Group(tuple(_joined(rule, children))),)
    if rule == "fn_item" and isinstance(children[-2], Leaf):
        body = Group((Indent((Line(), *children[-1].parts)),))
        return (*_joined(rule, children[:-1]), body)
    return _joined(rule, children)


def _file(children: Sequence[Child]) -> list[Document]:
    parts: list[Document] = [*children[0].parts]
    before = "edition"
    for child in children[1:]:
        rule = child.rule if isinstance(child, Piece) else ""
        apart = before == "edition" or rule in BLOCKS or before in BLOCKS
        parts += [Hard(apart or child.first.gap), *child.parts]
        before = rule
    return parts


def _pipe(rule: str, children: Sequence[Child]) -> list[Document]:
    """Stages below each other, if they do not fit or the author had them so."""
    first, *stages = children
    if not stages:
        return [*first.parts]
    broken = len(children) > 2 and any(_on_new_line(*two) for two in pairwise(children))
    inner: list[Document] = []
    for stage in stages:
        inner += [Line(), *stage.parts] if inner else stage.parts
    if rule == "stages":
        return [Group((*first.parts, Indent((Line(), *inner))), broken)]
    return [Group((*first.parts, Indent(tuple(inner), aligned=True)), broken)]


def _on_new_line(one: Child, next: Child) -> bool:
    return one.last.token.span.end_line < next.first.token.span.line


def _chain(children: Sequence[Child]) -> list[Document]:
    first, *others = children
    inner: list[Document] = []
    for index, child in enumerate(others):
        inner += [" " if index % 2 else Line(), *child.parts]
    return [Group((*first.parts, Indent(tuple(inner))))]


def _joined(rule: str, children: Sequence[Child]) -> list[Document]:
    """Children with spaces between them, and what stands in brackets."""
    parts: list[Document] = []
    index = 0
    while index < len(children):
        child = children[index]
        if index:
            parts.append(_space(rule, children[index - 1], child))
        if isinstance(child, Leaf) and child.token.type in OPENERS:
            stop = _closer(children, index)
            parts += _bracket(rule, child, children[index + 1 : stop], children[stop])
            index = stop
        elif isinstance(child, Piece) and child.rule == "where_clause":
            parts.append(Group((Indent((Line(), *child.parts)),)))
        elif not index and rule.endswith("_section"):
            parts += [*child.parts, " " * (SECTION - len(child.first.token.text))]
        else:
            parts += child.parts
        index += 1
    return [Group((Indent(tuple(parts)),))] if rule in SPREAD else parts


def _space(rule: str, before: Child, child: Child) -> Document:
    if isinstance(child, Leaf):
        colon = child.token.type == "COLON" and rule != "ascription"
        if colon or child.token.type == "COMMA":
            return ""
    elif child.rule in CLINGING or child.rule == "where_clause":
        return ""
    if rule in TIGHT or (rule == "power" and _is(before, "MINUS")):
        return ""
    return Line() if rule in SPREAD and _is(before, "COMMA") else " "


def _is(child: Child, kind: str) -> bool:
    return isinstance(child, Leaf) and child.token.type == kind


def _closer(children: Sequence[Child], start: int) -> int:
    """The place of the bracket that closes the one at `start`."""
    wanted = OPENERS[children[start].first.token.type]
    return next(i for i in range(start, len(children)) if _is(children[i], wanted))


def _bracket(
    rule: str, opener: Leaf, items: Sequence[Child], closer: Child
) -> list[Document]:
    """What stands in brackets: statements on lines of their own, or a list."""
    assert isinstance(closer, Leaf)
    loose = [*_loose(closer, bool(items))]
    end: Parts = (closer.token.text, *closer.behind)
    if rule in ("block", "train_item"):
        inner: list[Document] = []
        for index, item in enumerate(items):
            inner += [Hard(bool(index) and item.first.gap), *item.parts]
        last = [Hard()] if items or loose else []
        return [*opener.parts, Indent((*inner, *loose)), *last, *end]
    brace = opener.token.type == "LBRACE"
    if not loose and len(items) == 1 and _hugged(rule, items[0]):
        return [*opener.parts, *items[0].parts, *end]
    edge = Line() if brace and items and rule != "choices" else Line("")
    inner = [edge] if items else []
    for item in items[:-1]:
        inner += [*item.parts, Line()] if _is(item, "COMMA") else item.parts
    if items:
        inner += _ending(rule, items)
    parts: Parts = (*opener.parts, Indent((*inner, *loose)), edge, *end)
    if rule == "if_expression":
        return [*parts]
    if rule == "type_expression" and (text := on_one_line(parts)):
        # The sizes of a type stay together: what is around them is broken first.
        if len(text) <= TOGETHER:
            return [text]
    kept = brace and bool(items) and _on_new_line(opener, items[0])
    return [Group(parts, kept)]


def _hugged(rule: str, item: Child) -> bool:
    """Whether a list is the one argument of a call: brackets in brackets."""
    return rule == "call" and isinstance(item, Piece) and item.rule == "list_literal"


def _ending(rule: str, items: Sequence[Child]) -> list[Document]:
    """The last item of a list, with a comma where lines end."""
    last = items[-1]
    if isinstance(last, Leaf) and last.token.type == "COMMA":
        needed = rule == "tuple_literal" and len(items) == 2
        return [*last.before, "," if needed else Broken(","), *last.behind]
    alone = rule in ("group", "if_expression", "repeat_stage", "fold_stage")
    return [*last.parts] if alone else [*last.parts, Broken(",")]
