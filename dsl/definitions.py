"""Functions, layers and models: signatures, bodies, parameters, results.

A function is inlined, a layer becomes a nested network for the sizes of its first use,
a model a network of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..graph.diagnostics import Fault, Label, Span, TulleError, standing_at
from ..graph.dim import Dim
from ..graph.network import Network
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, constant_node, held, input_node
from ..graph.types import DTYPES, TensorType
from . import conditions, declared, externs, holes, statics
from . import syntax as s
from .arguments import Given, bind, not_tensors
from .bodies import returned
from .checker import WRONG_VALUES, Checker
from .expressions import Evaluator
from .owning import Body, Owned
from .scope import Scope
from .values import (
    POISON,
    Instance,
    Poison,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)


def as_parameters(parameters: s.Parameters) -> dict[str, inspect.Parameter]:
    """Parameters of the text as Python's, to bind arguments to them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {
        p.name.text: inspect.Parameter(
            p.name.text, kind, default=p.default or inspect.Parameter.empty
        )
        for p in parameters.items
    }


def _name_among(given: Sequence[Given]) -> Given | None:
    """The name that every layer takes, as those of the library do."""
    return next((one for one in given if one.name and one.name.text == "name"), None)


class Definitions:
    """Elaborates the definitions of one file."""

    def __init__(self, checker: Checker):
        self.checker = checker
        self.used: set[s.Item] = set()

    # Uses.

    def blueprint(
        self,
        evaluator: Evaluator,
        item: s.LayerItem | s.ExternItem,
        given: Sequence[Given],
        span: Span,
    ) -> Value:
        """A layer of the file with its settings, not yet applied."""
        name = item.name.text
        holes.arguments(evaluator, name, item.settings, given)
        if any(isinstance(g.value, Poison) for g in given):
            return POISON
        if self.checker.doubled.get(item):
            return POISON
        if (again := self.checker.body.again()) is not None:
            return again
        known = as_parameters(item.settings)
        called = None if "name" in known else _name_among(given)
        given = [one for one in given if one is not called]
        bound = bind(evaluator, name, item, given, span, known)
        if bound is None:
            return POISON
        if called and not isinstance(getattr(called.value, "value", None), str):
            message = f"the name of a layer is a string, not {describe(called.value)}"
            return self.checker.error("T0204", message, called.span)
        settings: dict[str, Value] = {}
        for parameter in item.settings.items:
            setting = self._setting(evaluator, item, parameter, bound)
            if setting is None:
                return POISON
            settings[parameter.name.text] = setting
        instance = Instance(span, name, item=item, settings=settings)
        if called is not None:
            assert isinstance(called.value, Static)
            instance.rename(self.checker.body.turned(called.value.value))
        self.checker.own(instance)
        return instance

    def _setting(
        self,
        evaluator: Evaluator,
        item: s.LayerItem | s.ExternItem,
        parameter: s.Parameter,
        bound: Mapping[str, Given],
    ) -> Static | None:
        name = parameter.name.text
        if name in bound:
            value, span = bound[name].value, bound[name].span
        else:
            assert parameter.default is not None
            outer = Evaluator(self.checker, self.checker.home(item))
            value, span = outer.evaluate(parameter.default), parameter.default.span
        return declared.static(evaluator, name, parameter.type, value, span)

    def operands(
        self,
        evaluator: Evaluator,
        title: str,
        item: s.Definition,
        given: Sequence[Given],
        span: Span,
    ) -> list[Given] | None:
        """The tensors for parameters, in their order; None after a mistake."""
        parameters, outer = (
            item.parameters,
            Evaluator(evaluator.checker, evaluator.checker.home(item)),
        )
        known = as_parameters(parameters)
        bound = bind(evaluator, title, None, given, span, known)
        if bound is None:
            return None
        found = []
        for parameter in parameters.items:
            name = parameter.name.text
            operand = self._operand(outer, title, parameter, bound.get(name))
            if operand is None:
                return None
            found.append(operand)
        return found

    def _operand(
        self,
        outer: Evaluator,
        title: str,
        parameter: s.Parameter,
        item: Given | None,
    ) -> Given | None:
        if item is None:
            assert parameter.default is not None
            place = parameter.default
            item = Given(None, outer.evaluate(place), place.span)
        kind = DTYPES.get(parameter.type.dtype.text)
        match item.value:
            case Poison():
                return None
            case Tensor():
                return item
            case Static(value) if kind and statics.fits(kind.short, value):
                if not isinstance(value, Dim):
                    node = constant_node(held(value, kind))
                    return Given(None, Tensor(node), item.span)
        wanted = parameter.name.text
        if declared.of_setting(parameter.type):  # told where it is declared
            return None
        self.checker.error(
            "T0501",
            f"`{wanted}` of `{title}` is a tensor and gets {describe(item.value)}",
            item.span,
            labels=(Label(parameter.span, "declared here"),),
        )
        return None

    def inline(
        self,
        evaluator: Evaluator,
        item: s.FunctionItem,
        given: Sequence[Given],
        span: Span,
    ) -> Value:
        """The value of a function for its arguments."""
        name = item.name.text
        holes.arguments(evaluator, name, item.parameters, given)
        if not_tensors(evaluator, given) or self.checker.doubled.get(item):
            return POISON
        operands = self.operands(evaluator, name, item, given, span)
        if operands is None:
            return POISON
        self.used.add(item)
        with self.checker.inside(item, span) as fresh:
            if not fresh:
                return POISON
            scope = declared.solve(evaluator, name, item, operands, span)
            if scope is None:
                return POISON
            if not conditions.required(evaluator.within(scope), item, name, span):
                return POISON
            inner = Scope(scope)
            for parameter, operand in zip(item.parameters.items, operands, strict=True):
                inner[parameter.name.text] = operand.value
            return returned(self.checker, item, inner)

    def materialize(
        self,
        evaluator: Evaluator,
        instance: Instance,
        given: Sequence[Given],
        span: Span,
    ) -> None:
        """Give a layer of the file its network, for the types of its first use."""
        item = instance.item
        assert item is not None
        if isinstance(item, s.ExternItem):
            externs.make(evaluator, instance, span)
            return
        self.used.add(item)
        with self.checker.inside(item, span) as fresh:
            if not fresh:
                return
            scope = declared.solve(
                evaluator, instance.title, item, given, span, instance.settings
            )
            if scope is None:
                return
            inner, title = evaluator.within(scope), instance.title
            if not conditions.required(inner, item, title, span):
                return
            types = [g.value.type for g in given if isinstance(g.value, Tensor)]
            instance.layer = self.network(item, scope, types, instance, Network)

    def network(
        self,
        item: s.LayerItem | s.ModelItem,
        scope: Scope,
        types: Sequence[TensorType],
        instance: Instance | None,
        kind: Any,
    ) -> Network | None:
        """The network of a layer or model for the types of its inputs."""
        inner = Scope(scope)
        nodes: list[Node] = []
        for parameter, type in zip(item.parameters.items, types, strict=True):
            node = input_node(parameter.name.text, type, parameter.name.span)
            nodes.append(node)
            inner[parameter.name.text] = Tensor(node)
            self.checker.see(parameter.name.span, Tensor(node))
        self.checker.bodies.append(Body())
        before = len(self.checker.faults)
        result = returned(self.checker, item, inner)
        owned = self.checker.bodies.pop().made
        outputs = self._outputs(item, result)
        if outputs is None:
            return None
        inputs = [SymbolicTensor(node) for node in nodes]
        name = item.name.text if instance is None else instance.given_name
        ends = inputs if len(inputs) != 1 else inputs[0]
        try:
            with standing_at(item.name.span):
                made: Network = kind(ends, outputs, name=name)
        except (Fault, TulleError, *WRONG_VALUES) as error:
            self.checker.failed(error, item.name.span)
            return None
        made.span = item.span if instance is None else instance.span
        made.kind_name = item.name.text
        if len(self.checker.faults) == before:
            # Where something failed, what depends on it is not known.
            self._without_influence(item, made, owned)
        return made

    def _without_influence(
        self, item: s.LayerItem | s.ModelItem, made: Network, owned: Sequence[Owned]
    ) -> None:
        """Warn of parameters that no output depends on: they are not in the model."""
        nodes, layers = set(made.nodes), {id(layer) for layer in made.called}
        title = item.name.text
        for thing in owned:
            if not isinstance(thing, Instance):
                name, node = thing
                if node not in nodes:
                    message = f"no output of `{title}` depends on `{name.text}`"
                    self.checker.warn("T0508", message, name.span)
            elif thing.layer is None or id(thing.layer) not in layers:
                layer = thing.layer
                if layer is None or not layer.built or layer.variables:
                    message = f"no output of `{title}` depends on this `{thing.title}`"
                    help = ("use its result, or leave it out",)
                    self.checker.warn("T0508", message, thing.span, help=help)

    def _outputs(self, item: s.LayerItem | s.ModelItem, value: Value) -> Any:
        match value:
            case Tensor(node):
                return SymbolicTensor(node)
            case Tuple(items):
                tensors = [
                    SymbolicTensor(v.node) for v in items if isinstance(v, Tensor)
                ]
                names = [o.name.text for o in item.result.outputs if o.name]
                if len(names) == len(tensors) and isinstance(item, s.ModelItem):
                    return dict(zip(names, tensors, strict=True))
                return tensors
        return None
