"""How much a text does at least, counted before it is done.

Turns multiply and definitions double, so a few lines can ask for more than any limit
admits. What is counted is surely done unless a mistake ends it: turns whose number is
not known here are none, of the branches of an `if` the lesser one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from . import library
from . import syntax as s
from .scope import Scope
from .values import Definition, Static

MOST = 10**9  # counts do not grow beyond
DEEPEST = 64  # definitions inside each other; more are refused elsewhere


@dataclass(frozen=True)
class Work:
    """Applications of ops and layers and turns, and uses of definitions."""

    applications: int = 0
    uses: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            min(MOST, self.applications + other.applications),
            min(MOST, self.uses + other.uses),
        )

    def times(self, count: int, shared: bool) -> Work:
        """That of so many turns; layers of shared turns are used once."""
        uses = self.uses if shared else self.uses * count
        return Work(min(MOST, self.applications * count), min(MOST, uses))


NONE, ONE = Work(), Work(1)


class Workloads:
    """What definitions do at least, each counted once."""

    def __init__(self, home: Callable[[s.Item], Scope]) -> None:
        self.home = home  # of a definition
        self.known: dict[s.Item, Work] = {}
        self.open: set[s.Item] = set()

    def of_definition(self, item: s.Definition) -> Work:
        """What one use of a definition does inside."""
        if item in self.known:
            return self.known[item]
        if isinstance(item, s.ExternItem):
            return NONE
        if item in self.open or len(self.open) > DEEPEST:
            return NONE
        self.open.add(item)
        body = item.body.statements if isinstance(item.body, s.Block) else (item.body,)
        found = _Count(self, self.home(item), _bound(item)).all(body)
        self.open.discard(item)
        self.known[item] = found
        return found

    def of_turns(self, item: s.Repeat, count: int, scope: Scope) -> Work:
        """The turns of a `repeat` in a scope."""
        return _Count(self, scope, set()).turns(item, count)


def _bound(item: s.Definition) -> set[str]:
    """The names that mean something else in a definition than in its file."""
    generics = None if isinstance(item, s.ModelItem) else item.generics
    items = generics.items if generics else ()
    found = {generic.text for generic in items if isinstance(generic, s.Name)}
    if isinstance(item, s.LayerItem | s.ExternItem):
        found |= {parameter.name.text for parameter in item.settings.items}
    found |= {parameter.name.text for parameter in item.parameters.items}
    body = () if isinstance(item, s.ExternItem) else item.body
    for statement in body.statements if isinstance(body, s.Block) else ():
        if isinstance(statement, s.Let):
            found |= {name.text for name in statement.names}
        elif isinstance(statement, s.ParamStatement | s.StateStatement):
            found.add(statement.name.text)
    return found


class _Count:
    """Counts in one body."""

    def __init__(self, every: Workloads, scope: Scope, hidden: set[str]):
        self.every, self.scope, self.hidden = every, scope, hidden

    def all(self, nodes: Iterable[object]) -> Work:
        return sum(map(self.work, nodes), NONE)

    def work(self, node: object) -> Work:
        match node:
            case tuple():
                return self.all(node)
            case s.If(value=value, other=other):
                one, two = self.work(value), self.work(other)
                least = min(one.applications, two.applications)
                return Work(least, min(one.uses, two.uses))
            case s.Pipe(first=first, stages=stages):
                return self.work(first) + self.all(stages)
            case s.Stage(function=function):
                return self.stage(function)
            case s.Application(base=s.Name() as name, trailers=trailers):
                calls = sum(isinstance(trailer, s.Call) for trailer in trailers)
                return self.use(name, calls, 2) + self.all(trailers)
            case s.TypeExpression() | s.Name() | s.Literal() | s.ParamStatement():
                return NONE
            case s.Syntax():
                parts = (getattr(node, f.name) for f in fields(node))
                return self.all(p for p in parts if isinstance(p, s.Syntax | tuple))
        return NONE

    def stage(self, function: object) -> Work:
        match function:
            case s.Repeat():
                return self.turns(function, self.count(function.count))
            case s.Fold(name=name, values=s.List(items=items), stages=stages):
                self.hidden = self.hidden | {name.text}
                return (ONE + self.all(stages)).times(len(items), shared=False)
            case s.Fold():
                return NONE
            case s.Name():
                return self.use(function, 1, 1)
            case s.Application(base=s.Name() as name, trailers=trailers):
                return self.use(name, 1, 1) + self.all(trailers)
        return self.work(function)

    def turns(self, item: s.Repeat, count: int) -> Work:
        if item.name is not None:
            self.hidden = self.hidden | {item.name.text}
        return (ONE + self.all(item.stages)).times(count, item.shared)

    def count(self, expression: s.Expression) -> int:
        """The number of turns where it is plain, else none."""
        match expression:
            case s.Literal(value=bool()):
                return 0
            case s.Literal(value=int() as value):
                return value
            case s.Name(text=text) if text not in self.hidden:
                found = self.scope.get(text)
                if isinstance(found, Static) and type(found.value) is int:
                    return found.value
        return 0

    def use(self, name: s.Name, calls: int, needed: int) -> Work:
        """A call of a definition; a layer takes its settings first."""
        if name.text in self.hidden:
            return NONE
        found = self.scope.get(name.text)
        if isinstance(found, Definition):
            if calls < (1 if isinstance(found.item, s.FunctionItem) else needed):
                return NONE
            return Work(0, 1) + self.every.of_definition(found.item)
        made = None if found is not None else library.find(name.text)
        return ONE if made and made.kind == "layer" and calls >= needed else NONE
