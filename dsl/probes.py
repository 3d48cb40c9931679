"""Definitions that nothing uses, checked for sizes that suit anything."""

from __future__ import annotations

from collections.abc import Mapping
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
SETTINGS: Mapping[str, Any] = {"bool": True, "f32": 0.5, "f64": 0.5}


def probe(checker: Checker, item: s.FunctionItem | s.LayerItem) -> None:
    """Check a definition by itself; what is wrong in it is told."""
    for number in NUMBERS:
        evaluator = Evaluator(checker, _scope(checker, item, number))
        fits = conditions.fit(evaluator, item.where)
        if fits is None:
            return
        if fits:
            _check(checker, item, evaluator)
            return


def _scope(checker: Checker, item: s.FunctionItem | s.LayerItem, number: int) -> Scope:
    """Sizes and settings: of a function any sizes, of a layer one that may be used."""
    outer = checker.home(item)
    scope = Scope(outer)
    layer = isinstance(item, s.LayerItem)
    for generic in item.generics.items if item.generics else ():
        name = generic.text if isinstance(generic, s.Name) else generic.name.text
        origin = Origin(f"`{name}` is any size", generic.span)
        dim = Dim.from_symbol(Symbol(name, origin=origin))
        rest = isinstance(generic, s.Rest)
        scope[name] = Shape((dim,)) if rest else Static(number if layer else dim)
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
