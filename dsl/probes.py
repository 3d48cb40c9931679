"""Definitions that nothing uses, checked for sizes that suit anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from ..graph.dim import Dim, Origin, Symbol
from ..graph.tensor import input_node
from . import conditions, declared
from . import syntax as s
from .bodies import returned
from .checker import Checker
from .expressions import Evaluator
from .scope import Scope
from .values import POISON, Shape, Static, Tensor, Value

NUMBERS = (8, 16, 64, 256, 1, 3)  # tried in turn until the conditions hold
# Sizes are different multiples of the number, so that none fits by chance; they are the
# number itself where no such sizes fulfil the conditions.
FACTORS = ((3, 5, 7, 11, 13, 17, 19, 23), (1,))
SETTINGS: Mapping[str, Any] = {"bool": True, "f32": 0.5, "f64": 0.5}


def probe(checker: Checker, item: s.FunctionItem | s.LayerItem) -> None:
    """Check a definition by itself; what is wrong in it is told."""
    for number, factors in ((n, f) for f in FACTORS for n in NUMBERS):
        evaluator = Evaluator(checker, _scope(checker, item, number, factors))
        fits = conditions.fit(evaluator, item.where)
        if fits is None:
            return
        if fits:
            _check(checker, item, evaluator)
            return


def _scope(
    checker: Checker,
    item: s.FunctionItem | s.LayerItem,
    number: int,
    factors: Sequence[int],
) -> Scope:
    """Sizes and settings: of a function any sizes, of a layer some that may be used."""
    outer = checker.home(item)
    scope = Scope(outer)
    layer, generics = isinstance(item, s.LayerItem), item.generics
    several = zip(generics.items if generics else (), cycle(factors), strict=False)
    for generic, factor in several:
        name = generic.text if isinstance(generic, s.Name) else generic.name.text
        origin = Origin(f"`{name}` is any size", generic.span)
        dim = Dim.from_symbol(Symbol(name, origin=origin))
        rest = isinstance(generic, s.Rest)
        if layer and not rest:
            text = f"`{name}` is any size, and {number * factor} to try"
            scope[name] = Static(number * factor, Origin(text, generic.span))
        else:
            scope[name] = Shape((dim,)) if rest else Static(dim)
    for setting in item.settings.items if isinstance(item, s.LayerItem) else ():
        scope[setting.name.text] = _setting(checker, outer, setting, number)
    return scope


def _setting(
    checker: Checker, outer: Scope, setting: s.Parameter, number: int
) -> Value:
    if setting.default is not None:
        return Evaluator(checker, outer).evaluate(setting.default)
    kind = setting.type.dtype.text
    if kind == "int":
        return Static(number)
    return Static(SETTINGS[kind]) if kind in SETTINGS else POISON


def _check(
    checker: Checker, item: s.FunctionItem | s.LayerItem, evaluator: Evaluator
) -> None:
    scope = conditions.assume(evaluator, item.where)
    if scope is None:
        return
    inner = Scope(scope)
    known = Evaluator(checker, scope)
    types = [declared.tensor_type(known, p.type) for p in item.parameters.items]
    for parameter, type in zip(item.parameters.items, types, strict=True):
        if type is None:
            return
        node = input_node(parameter.name.text, type, parameter.name.span)
        inner[parameter.name.text] = Tensor(node)
    with checker.inside(item, item.name.span) as fresh:
        if fresh:
            returned(checker, item, inner)
