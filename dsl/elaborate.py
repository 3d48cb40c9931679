"""A syntax tree to models: declarations in order, all faults of a file in one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..graph.diagnostics import Diagnostic, Label, Span
from ..graph.dim import LIMIT, Dim, Origin, Symbol
from ..graph.nearest import nearest
from ..graph.network import Network
from . import conditions, declared, doubled, externs, holes, statics, unused
from . import syntax as s
from .bodies import returned
from .checker import Checker, Stop
from .definitions import Definitions
from .expressions import Evaluator
from .imports import File, Files, taken
from .plans import TrainingPlan, plan
from .probes import probe
from .scope import listed
from .standins import stand_in
from .values import POISON, Definition, Instance, Poison, Static, Value, describe

DEFINED = (s.FunctionItem, s.LayerItem, s.ExternItem)


@dataclass
class Elaboration:
    """What a file came to."""

    faults: list[Diagnostic]
    models: dict[str, Network] = field(default_factory=dict)
    trainings: dict[str, TrainingPlan] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    checker: Checker | None = None


def elaborate(
    files: Files,
    config: Mapping[str, Any] | None = None,
    network: type = Network,
    extern: Mapping[str, Any] | None = None,
    seen: list[tuple[Span, Value]] | None = None,
) -> Elaboration:
    """The models and training plans of the first file, and the faults of all.

    `seen` receives what each place of the texts stands for.
    """
    checker = Checker(files.first.source, {}, network)
    checker.definitions = Definitions(checker)
    found = Elaboration(checker.faults, warnings=checker.warnings, checker=checker)
    checker.externs, checker.seen = extern, seen
    files.set(config or {})
    checker.faults += files.faults
    trees = [(file, file.tree) for file in files.order if file.tree is not None]
    try:
        asked = [item for file in files.order for item in file.items(s.ExternItem)]
        externs.check_given(checker, asked)
        for file, tree in trees:
            _in_file(checker, file)
            found.models, found.trainings, found.config = {}, {}, {}
            _File(checker, found, file).run(tree)
            file.config.update(found.config)
            found.config.update(file.imported_config())
        for file, tree in trees:
            _in_file(checker, file)
            _probe(checker, tree)
        holes.left_over(checker.holes)
        for file, tree in trees:
            _in_file(checker, file)
            if not checker.faults:
                unused.warn(checker, tree)
    except Stop:
        pass
    except RecursionError:
        span = trees[-1][1].edition.span
        checker.error("T0902", "expressions are nested too deeply", span)
    checker.faults[:] = files.told(checker.faults)
    # What cannot be read may well be what a warning misses.
    checker.warnings[:] = [] if files.faults else files.told(checker.warnings)
    return found


def _in_file(checker: Checker, file: File) -> None:
    """Let a file be the one under check."""
    checker.module, checker.source = file.module, file.source
    checker.overrides = file.settings


def _probe(checker: Checker, tree: s.File) -> None:
    """Check the definitions that nothing uses; the last ones use those before."""
    for item in reversed(tree.items):
        if isinstance(item, (s.FunctionItem, s.LayerItem)):
            if item not in checker.definitions.used:
                probe(checker, item)


class _File:
    """The declarations of one file, handled kind by kind."""

    def __init__(self, checker: Checker, found: Elaboration, file: File):
        self.checker, self.found, self.file = checker, found, file
        self.evaluator = Evaluator(checker, checker.module)
        self.places: dict[str, Span] = {}
        self.standing: dict[str, Network] = {}  # for models that have a mistake
        self.doubtful: set[str] = set()  # models that give something else than declared

    def run(self, tree: s.File) -> None:
        if tree.edition.number != 1:
            message = f"there is no edition {tree.edition.number}"
            help = ("this version knows edition 1",)
            self.checker.error("T0105", message, tree.edition.span, help=help)
        self.declare(tree)
        for item in tree.items:
            match item:
                case s.DimItem():
                    self.module_value(item.name, self.dim(item))
                    if not conditions.restrict(self.evaluator, item.where):
                        self.module_value(item.name, POISON)
                case s.ConfigItem():
                    self.module_value(item.name, self.config(item))
                case s.ConstItem():
                    self.module_value(item.name, self.const(item))
                case s.ModelItem():
                    self.model(item)
        self.unknown_overrides(tree)
        for item in tree.items:
            if isinstance(item, s.TrainItem):
                self.train(item)

    def declare(self, tree: s.File) -> None:
        """Make the definitions known, and find names declared twice."""
        for name in tree.lost:
            self.checker.module[name] = POISON
        for item in tree.items:
            if isinstance(item, s.TrainItem):
                continue
            if isinstance(item, s.Import):
                for one, value in taken(self.checker, self.file, item):
                    if self.declared(one):
                        self.checker.module[one.text] = value
                continue
            self.checker.homes[item] = self.checker.module
            if isinstance(item, (*DEFINED, s.ModelItem)):
                doubled.tell(self.checker, item)
            if self.declared(item.name):
                if isinstance(item, DEFINED):
                    self.checker.module[item.name.text] = Definition(item)

    def declared(self, name: s.Name) -> bool:
        """Note a declaration; False if another has the name already."""
        if name.text in self.places:
            label = Label(self.places[name.text], "declared here first")
            message = f"`{name.text}` is declared twice"
            help = (doubled.ADVICE,)
            self.checker.error("T0205", message, name.span, labels=(label,), help=help)
            return False
        self.places[name.text] = name.span
        return True

    def module_value(self, name: s.Name, value: Value) -> None:
        if self.places.get(name.text) is name.span:
            self.checker.module[name.text] = value

    def whole(self, expression: s.Expression) -> int | None:
        """A whole number, as a bound of a dimension is."""
        value = self.evaluator.evaluate(expression)
        match value:
            case Poison():
                return None
            case Static(bool()):
                pass
            case Static(int() as number) if 0 <= number < LIMIT:
                return number
        message = (
            f"a size lies between 0 and {LIMIT - 1}, and this is {describe(value)}"
        )
        self.checker.error("T0204", message, expression.span)
        return None

    def dim(self, item: s.DimItem) -> Value:
        name = item.name.text
        if item.value is not None:
            dim = declared.size(self.evaluator, item.value)
            if dim is None:
                return POISON
            number = dim if dim.value is None else dim.value
            return Static(number, Origin(f"{dim} is `{name}`", item.span))
        low, high = 1, None
        if isinstance(item.bounds, s.Bounds):
            first, last = self.whole(item.bounds.low), self.whole(item.bounds.high)
            if first is None or last is None:
                return POISON
            low, high = first, last if item.bounds.closed else last - 1
            if low > high:
                message = f"no size lies in the bounds of `{name}`"
                return self.checker.error("T0204", message, item.bounds.span)
        elif isinstance(item.bounds, s.Choices):
            return self.choices(item.name, item.bounds)
        bounds = "" if high is None else f" from {low} to {high}"
        origin = Origin(f"`{name}` is any size{bounds}", item.name.span)
        return Static(Dim.from_symbol(Symbol(name, low, high, True, origin)))

    def choices(self, name: s.Name, choices: s.Choices) -> Value:
        """A size that is one of those listed."""
        members = [self.whole(item) for item in choices.items]
        known = [member for member in members if member is not None]
        if len(known) < len(members):
            return POISON
        told = ", ".join(map(str, known))
        origin = Origin(f"`{name.text}` is one of {told}", name.span)
        symbol = Symbol(name.text, members=known, origin=origin)
        return Static(Dim.from_symbol(symbol))

    def config(self, item: s.ConfigItem) -> Value:
        name = item.name.text
        given, span = self.evaluator.evaluate(item.value), item.value.span
        value = declared.static(self.evaluator, name, item.type, given, span)
        if value is None:
            return POISON
        if not self.admits(item, value.value, span):
            return POISON
        if name in self.checker.overrides:
            plain = self.checker.overrides[name]
            if not statics.fits(item.type.dtype.text, plain):
                kind = item.type.dtype.text
                message = f"`{name}` is set to {plain!r} and declared `{kind}`"
                return self.checker.error("T0204", message, item.type.span)
            if not self.admits(item, plain, item.span):
                return POISON
            if isinstance(value.value, float):
                plain = float(plain)
            origin = Origin(f"{plain} is `{name}`, set from outside", item.name.span)
            value = Static(plain, origin if value.origin else None)
        self.found.config[name] = value.value
        return value

    def admits(self, item: s.ConfigItem, value: Any, span: Span) -> bool:
        """Whether a setting lies within its bounds."""
        if item.bounds is None:
            return True
        ends = [self.evaluator.evaluate(e) for e in (item.bounds.low, item.bounds.high)]
        plain = [end.value for end in ends if isinstance(end, Static)]
        numbers = [p for p in plain if statics.fits("f32", p)]
        if len(numbers) != 2 or not statics.fits("f32", value):
            message = f"the bounds of `{item.name.text}` are not numbers"
            if not any(isinstance(end, Poison) for end in ends):
                self.checker.error("T0204", message, item.bounds.span)
            return False
        low, high = numbers
        if low <= value <= high and (item.bounds.closed or value < high):
            return True
        sign = ".." if item.bounds.closed else "..<"
        message = f"`{item.name.text}` is {value}, outside of {low}{sign}{high}"
        label = Label(item.bounds.span, "the bounds")
        within = f"{low} to {high}" if item.bounds.closed else f"{low} to below {high}"
        advice = f"take a number from {within}, or widen the bounds"
        self.checker.error("T0204", message, span, labels=(label,), help=(advice,))
        return False

    def const(self, item: s.ConstItem) -> Value:
        given, span = self.evaluator.evaluate(item.value), item.value.span
        name = item.name.text
        return declared.static(self.evaluator, name, item.type, given, span) or POISON

    def unknown_overrides(self, tree: s.File) -> None:
        known = [i.name.text for i in tree.items if isinstance(i, s.ConfigItem)]
        fixed = [i.name.text for i in tree.items if isinstance(i, s.ConstItem)]
        for name in self.checker.overrides:
            if name not in known and name not in tree.lost:
                near = nearest(name, known)
                help = f"did you mean `{near}`?" if near else ""
                notes = [f"there are {listed(known)}" if known else "it has none"]
                if name in fixed:
                    notes.insert(0, f"`{name}` is a `const`")
                message = (
                    f"`{self.checker.source.name}` has no `config` called `{name}`"
                )
                self.checker.add(
                    Diagnostic(
                        "T0202",
                        message,
                        notes=tuple(notes),
                        help=(help,) if help else (),
                    )
                )

    def model(self, item: s.ModelItem) -> None:
        scope = conditions.assume(self.evaluator, item.where) or self.checker.module
        self.checker.scopes[item.name.text] = scope
        inner = self.evaluator.within(scope)
        types = [declared.tensor_type(inner, p.type) for p in item.parameters.items]
        made: Network | None = None
        before = len(self.checker.faults)
        with self.checker.inside(item, item.name.span):
            known = [type for type in types if type is not None]
            if len(known) == len(types):
                made = self.checker.definitions.network(
                    item, scope, known, None, self.checker.network
                )
            else:
                self.poisoned(item, types)
        if self.places.get(item.name.text) is not item.name.span:
            return
        if made is None:
            self.checker.module[item.name.text] = POISON
            if (standing := stand_in(inner, item)) is not None:
                self.standing[item.name.text] = standing
                places = [
                    label.span
                    for f in self.checker.faults[before:]
                    if f.code == "T0309"
                    for label in f.labels
                ]
                if item.result.span in places:
                    self.doubtful.add(item.name.text)
            return
        title = item.name.text
        self.checker.module[title] = Instance(
            item.name.span, title, made, given_name=made.given_name
        )
        self.found.models[title] = made

    def poisoned(self, item: s.ModelItem, types: list[Any]) -> None:
        """Check a body although the type of an input is not known."""
        from ..graph.tensor import input_node
        from .scope import Scope
        from .values import Tensor

        scope = Scope(self.checker.module)
        for parameter, type in zip(item.parameters.items, types, strict=True):
            name, span = parameter.name.text, parameter.name.span
            scope[name] = Tensor(input_node(name, type, span)) if type else POISON
        returned(self.checker, item, scope)

    def train(self, item: s.TrainItem) -> None:
        name = item.model.text
        value = self.checker.module.get(name)
        if name in self.found.trainings:
            message = f"`{name}` has two `train` blocks"
            self.checker.error("T0603", message, item.model.span)
        elif name in self.found.models:
            before = len(self.checker.faults)
            made = plan(self.checker, item, self.found.models[name])
            if made is not None:
                self.found.trainings[name] = made
            self.checker.told_once(before, "T0601")
        elif name in self.standing:
            before = len(self.checker.faults)
            plan(self.checker, item, self.standing[name], whole=False)
            self.checker.told_once(before, "T0601", name in self.doubtful)
        elif not isinstance(value, Poison):
            near = nearest(name, self.found.models)
            help = (f"did you mean `{near}`?",) if near else ()
            message = f"there is no model `{name}` to train"
            self.checker.error("T0201", message, item.model.span, help=help)
