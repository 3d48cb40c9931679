"""State of one check: the source, the faults found so far, limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Diagnostic, Fault, Source, Span, TulleError
from . import syntax as s
from .owning import Body, Owned
from .scope import Scope
from .tokens import MAX_FAULTS
from .values import POISON, Poison
from .workload import NONE, Work, Workloads

if TYPE_CHECKING:
    from .definitions import Definitions
    from .expressions import Evaluator
    from .values import Instance, Value

MAX_INSTANCES = 10_000
MAX_APPLICATIONS = 100_000
MAX_DEPTH = 64

# Rules that guard data at run time guard operands here.
RECODED = {"T0701": "T0309", "T0702": "T0402"}
WRONG_VALUES = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError,
)  # fmt: skip


def as_text(advice: str) -> str:
    """Advice that is written for Python, as a text has it.

    >>> as_text("first: `ops.expand_dims(x, -1)`, or `return_sequences=True`")
    'first: `expand_dims(x, -1)`, or `return_sequences = true`'
    """
    advice = re.sub(r"`ops\.(?=\w)", "`", advice)
    return re.sub(r"(\w)=(True|False)\b", lambda m: f"{m[1]} = {m[2].lower()}", advice)


class Stop(Exception):
    """A limit was passed: the check ends here."""


class Checker:
    """What all parts of the checker share."""

    definitions: Definitions

    def __init__(self, source: Source, overrides: Mapping[str, Any], network: type):
        self.source, self.overrides, self.network = source, overrides, network
        self.faults: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self.bodies: list[Body] = []  # under check, innermost last
        self.module = Scope()
        self.externs: Mapping[str, Any] | None = None  # classes, where they are given
        self.holes: dict[Span, Evaluator] = {}  # of which no type is known yet
        self.homes: dict[s.Item, Scope] = {}
        self.doubled: dict[s.Item, set[str]] = {}  # names that stand twice in a head
        self.scopes: dict[str, Scope] = {}  # of models, where their conditions hold
        self.active: list[tuple[s.Item, str]] = []
        self.applications = 0
        self.instances = 0
        self.workloads = Workloads(self.home)
        self.order = 0  # of the derivative that what is evaluated now stands in
        self.seen: list[tuple[Span, Value]] | None = None  # kept for who asks
        self._told: set[tuple[str, Span | None]] = set()
        self._unknown: set[tuple[str, object]] = set()  # names, and where
        self._loose = Body()

    def add(self, diagnostic: Diagnostic) -> Poison:
        """Keep a diagnostic; a body checked at several uses tells its faults once."""
        key = (diagnostic.code, diagnostic.span)
        if key not in self._told:
            self._told.add(key)
            self.faults.append(diagnostic)
            if len(self.faults) >= MAX_FAULTS:
                raise Stop
        return POISON

    def forget(self) -> None:
        """Begin anew: a later use from Python has its own faults and limits."""
        self.applications = self.instances = 0
        self.active.clear()
        self.bodies.clear()
        self._loose = Body()
        self.faults.clear()
        self._told.clear()
        self._unknown.clear()

    def told_once(self, before: int, code: str, drop: bool = False) -> None:
        """Of the faults since then, let those of a code be one for the same words.

        With `drop` none of them is kept: what they speak of is at fault itself.
        """
        met, kept = set[tuple[str, ...]](), list[Diagnostic]()
        for fault in self.faults[before:]:
            words = tuple(f"{x.span.text} {x.text}" for x in fault.labels)
            if fault.code != code or not (drop or words in met):
                kept.append(fault)
            met |= {words} if fault.code == code else set()
        self.faults[before:] = kept

    def first_use(self, name: str, source: Source | None = None) -> bool:
        """Whether an unknown name is met for the first time in a definition or a file.

        Where nothing is like it, one declaration mends all its uses.
        """
        place = source or (self.active[-1][0] if self.active else None)
        known = (name, place) in self._unknown
        self._unknown.add((name, place))
        return not known

    def home(self, item: s.Item) -> Scope:
        """The names of the file that a definition stands in."""
        return self.homes.get(item, self.module)

    def see(self, span: Span, value: Value) -> None:
        """Note what a place of the text stands for, if somebody wants to know."""
        if self.seen is not None:
            self.seen.append((span, value))

    def own(self, made: Owned) -> None:
        """Note a layer or parameter that the body at hand makes."""
        self.body.own(made)

    @property
    def body(self) -> Body:
        """The innermost body under check; one for all that stands in none."""
        return self.bodies[-1] if self.bodies else self._loose

    def disown(self, instance: Instance) -> None:
        """Forget a layer that has become a part of another one."""
        self.body.made[:] = [made for made in self.body.made if made is not instance]

    def warn(self, code: str, message: str, span: Span, **more: Any) -> None:
        """Report what is allowed and hardly meant."""
        self.note(Diagnostic(code, message, span, severity="warning", **more))

    def note(self, warning: Diagnostic) -> None:
        """Keep a warning, once for a place."""
        key = (warning.code, warning.span)
        if key not in self._told:
            self._told.add(key)
            self.warnings.append(warning)

    def error(self, code: str, message: str, span: Span, **more: Any) -> Poison:
        """Report a mistake at a place."""
        return self.add(Diagnostic(code, message, span, **more))

    def refuse(
        self,
        fault: Fault,
        span: Span,
        operands: Mapping[int, Span] | None = None,
        arguments: Mapping[str, Span] | None = None,
    ) -> Poison:
        """Report the refusal of a rule, now that the places are known."""
        found = fault.diagnostic(span, operands, arguments)
        code, help = (
            RECODED.get(found.code, found.code),
            tuple(map(as_text, found.help)),
        )
        return self.add(replace(found, code=code, help=help))

    def failed(
        self,
        error: Exception,
        span: Span,
        operands: Mapping[int, Span] | None = None,
        arguments: Mapping[str, Span] | None = None,
    ) -> Poison:
        """Report whatever the library raised for a call."""
        fault = error if isinstance(error, Fault) else getattr(error, "fault", None)
        if fault is not None:
            return self.refuse(fault, span, operands, arguments)
        if isinstance(error, TulleError):
            for diagnostic in error.diagnostics:
                self.add(replace(diagnostic, span=diagnostic.span or span))
            return POISON
        detail = str(error) or type(error).__name__
        return self.error("T0204", f"the call fails: {detail}", span)

    def count(self, span: Span) -> None:
        """One more application of an op or layer."""
        self.applications += 1
        self.allow(NONE, span)

    def allow(self, ahead: Work, span: Span) -> None:
        """Stop where what was done and what surely follows is more than is allowed."""
        if self.instances + ahead.uses > MAX_INSTANCES:
            message = f"definitions are used more than {MAX_INSTANCES} times"
            self.error("T0906", message, span)
            raise Stop
        if self.applications + ahead.applications > MAX_APPLICATIONS:
            message = f"ops and layers are applied more than {MAX_APPLICATIONS} times"
            advice = "each turn of a `repeat` counts, and each use of a `fn` or `layer`"
            self.error("T0905", message, span, help=(advice,))
            raise Stop

    @contextmanager
    def inside(self, item: s.Definition, span: Span) -> Iterator[bool]:
        """Elaborate a definition; False if it would need itself or goes too deep."""
        name, open = item.name.text, [active for active, _ in self.active]
        if item in open:
            names = [name for _, name in self.active[open.index(item) :]]
            chain = " → ".join([*names, name])
            self.error(
                "T0207",
                f"`{name}` needs itself",
                span,
                notes=() if len(self.active) < 2 else (chain,),
                help=("definitions do not recurse; write the steps out",),
            )
            yield False
            return
        if len(self.active) >= MAX_DEPTH:
            message = f"definitions use each other more than {MAX_DEPTH} deep"
            self.error("T0906", message, span)
            raise Stop
        self.instances += 1
        # What is too much in a model is told at the turns or the use that make it so.
        top = not self.active and isinstance(item, s.ModelItem)
        self.allow(NONE if top else self.workloads.of_definition(item), span)
        self.active.append((item, name))
        try:
            yield True
        finally:
            self.active.pop()
