"""Functions, layers and models: signatures, bodies, parameters, results.

A function is inlined, a layer becomes a nested network for the sizes of its first use,
a model a network of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.diagnostics import Fault, Label, Span, TulleError, standing_at
from ..graph.dim import Dim, Origin, Symbol
from ..graph.initializers import Initializer
from ..graph.network import Network
from ..graph.node import Node
from ..graph.tensor import SymbolicTensor, constant_node, input_node
from ..graph.types import DTYPES, TensorType
from ..graph.variable import Variable
from . import calls, declared
from . import syntax as s
from .calls import Given
from .checker import WRONG_VALUES, Checker
from .expressions import Evaluator
from .scope import Scope
from .values import (
    POISON,
    Definition,
    Instance,
    Library,
    Poison,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

MAX_ELEMENTS = 2**40
WITNESS: Mapping[str, Any] = {"int": 8, "bool": True, "str": ""}


def as_parameters(parameters: s.Parameters) -> dict[str, inspect.Parameter]:
    """Parameters of the text as Python's, to bind arguments to them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {
        p.name.text: inspect.Parameter(
            p.name.text, kind, default=p.default or inspect.Parameter.empty
        )
        for p in parameters.items
    }


class Definitions:
    """Elaborates the definitions of one file."""

    def __init__(self, checker: Checker):
        self.checker = checker
        self.used: set[str] = set()

    # Uses.

    def blueprint(
        self,
        evaluator: Evaluator,
        item: s.LayerItem,
        given: Sequence[Given],
        span: Span,
    ) -> Value:
        """A layer of the file with its settings, not yet applied."""
        name = item.name.text
        self.used.add(name)
        if any(isinstance(g.value, Poison) for g in given):
            return POISON
        known = as_parameters(item.settings)
        bound = calls.bind(evaluator, name, item, given, span, known)
        if bound is None:
            return POISON
        settings: dict[str, Value] = {}
        for parameter in item.settings.items:
            setting = self._setting(evaluator, parameter, bound)
            if setting is None:
                return POISON
            settings[parameter.name.text] = setting
        return Instance(span, name, item=item, settings=settings)

    def _setting(
        self, evaluator: Evaluator, parameter: s.Parameter, bound: Mapping[str, Given]
    ) -> Static | None:
        name = parameter.name.text
        if name in bound:
            value, span = bound[name].value, bound[name].span
        else:
            assert parameter.default is not None
            outer = Evaluator(self.checker, self.checker.module)
            value, span = outer.evaluate(parameter.default), parameter.default.span
        return declared.static(evaluator, name, parameter.type, value, span)

    def operands(
        self,
        evaluator: Evaluator,
        title: str,
        parameters: s.Parameters,
        given: Sequence[Given],
        span: Span,
    ) -> list[Given] | None:
        """The tensors for parameters, in their order; None after a mistake."""
        known = as_parameters(parameters)
        bound = calls.bind(evaluator, title, None, given, span, known)
        if bound is None:
            return None
        found = []
        for parameter in parameters.items:
            item = self._operand(title, parameter, bound.get(parameter.name.text))
            if item is None:
                return None
            found.append(item)
        return found

    def _operand(
        self, title: str, parameter: s.Parameter, item: Given | None
    ) -> Given | None:
        if item is None:
            outer = Evaluator(self.checker, self.checker.module)
            assert parameter.default is not None
            place = parameter.default
            item = Given(None, outer.evaluate(place), place.span)
        kind = DTYPES.get(parameter.type.dtype.text)
        match item.value:
            case Poison():
                return None
            case Tensor():
                return item
            case Static(value) if kind and declared.fits(kind.short, value):
                if not isinstance(value, Dim):
                    node = constant_node(np.asarray(value, kind.numpy))
                    return Given(None, Tensor(node), item.span)
        wanted = parameter.name.text
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
        self.used.add(name)
        if calls.not_tensors(evaluator, given):
            return POISON
        operands = self.operands(evaluator, name, item.parameters, given, span)
        if operands is None:
            return POISON
        with self.checker.inside(name, span) as fresh:
            if not fresh:
                return POISON
            scope = declared.solve(
                evaluator, name, item.generics, item.parameters, operands, span
            )
            if scope is None:
                return POISON
            inner = Scope(scope)
            for parameter, operand in zip(item.parameters.items, operands, strict=True):
                inner[parameter.name.text] = operand.value
            return self.body(item, inner)

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
        with self.checker.inside(item.name.text, span) as fresh:
            if not fresh:
                return
            scope = declared.solve(
                evaluator, instance.title, item.generics, item.parameters, given, span
            )
            if scope is None:
                return
            scope.names.update(instance.settings)
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
        result = self.body(item, inner)
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
        made.auto_name = made.auto_name or item.name.text
        return made

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

    # Bodies.

    def body(
        self, item: s.FunctionItem | s.LayerItem | s.ModelItem, scope: Scope
    ) -> Value:
        """The value that a body returns, checked against the declared result."""
        evaluator = Evaluator(self.checker, scope)
        if not isinstance(item.body, s.Block):
            value, place = evaluator.evaluate(item.body), item.body.span
            return self._result(evaluator, item, value, place)
        found: Value | None = None
        place = item.name.span
        for statement in item.body.statements:
            if found is not None:
                message = "nothing behind `return` is reached"
                self.checker.error("T0208", message, statement.span)
                break
            match statement:
                case s.Let():
                    self._let(evaluator, statement)
                case s.ParamStatement():
                    scope[statement.name.text] = self._param(evaluator, item, statement)
                case s.Return():
                    place = statement.value.span
                    found = evaluator.evaluate(statement.value)
        if found is None:
            message = f"the body of `{item.name.text}` returns nothing"
            return self.checker.error("T0208", message, item.name.span)
        return self._result(evaluator, item, found, place)

    def _let(self, evaluator: Evaluator, statement: s.Let) -> None:
        value = evaluator.evaluate(statement.value)
        if statement.type is not None:
            value = self._typed(evaluator, statement, statement.type, value)
        if not statement.unpacks:
            name = statement.names[0]
            if isinstance(value, Instance) and value.given_name is None:
                evaluator.give_name(value, name)
            evaluator.scope[name.text] = value
            return
        values = self._unpacked(value, len(statement.names), statement)
        for name, item in zip(statement.names, values, strict=True):
            evaluator.scope[name.text] = item

    def _typed(
        self, evaluator: Evaluator, let: s.Let, type: s.TypeExpression, value: Value
    ) -> Value:
        if type.dims is None and not isinstance(value, Tensor):
            name = let.names[0].text
            static = declared.static(evaluator, name, type, value, let.value.span)
            return static or POISON
        wanted = declared.tensor_type(evaluator, type)
        if wanted is None or isinstance(value, Poison):
            return value
        if not isinstance(value, Tensor):
            message = f"{describe(value)} stands where {wanted} is declared"
            return self.checker.error("T0309", message, let.value.span)
        name = let.names[0].text
        declared.conform(
            evaluator, wanted, value.type, let.value.span, type.span, f"`{name}`"
        )
        return value

    def _unpacked(self, value: Value, count: int, let: s.Let) -> Sequence[Value]:
        match value:
            case Tuple(items) if len(items) == count:
                return items
            case Static(tuple() as items) if len(items) == count:
                return [Static(item) for item in items]
            case Shape(dims) if len(dims) == count:
                return [Static(d if d.value is None else d.value) for d in dims]
            case Poison():
                return [POISON] * count
            case Tuple(items) | Static(tuple() as items):
                message = f"{count} names and {len(items)} values"
            case _:
                message = f"{count} names and only {describe(value)}"
        self.checker.error("T0209", message, let.value.span)
        return [POISON] * count

    def _param(
        self, evaluator: Evaluator, item: Any, statement: s.ParamStatement
    ) -> Value:
        """A parameter of the layer or model."""
        name, span = statement.name.text, statement.span
        if isinstance(item, s.FunctionItem):
            help = ("declare a `layer`, which may own parameters",)
            return self.checker.error(
                "T0210",
                f"a function owns no parameters, and `{name}` is one",
                span,
                help=help,
            )
        type = declared.tensor_type(evaluator, statement.type)
        inner = Evaluator(self.checker, evaluator.scope, ("initializer",))
        value = inner.evaluate(statement.value)
        if type is None or isinstance(value, Poison):
            return POISON
        if not (isinstance(value, Static) and isinstance(value.value, Initializer)):
            help = ()
            if isinstance(value, Library) and value.kind == "initializer":
                help = (f"write `{value.name}()`",)
            message = f"a parameter begins with an initializer, not {describe(value)}"
            return self.checker.error("T0204", message, statement.value.span, help=help)
        size = type.size.value
        if size is not None and size > MAX_ELEMENTS:
            message = f"`{name}` would have {size} elements"
            return self.checker.error("T0907", message, statement.type.span)
        try:
            with standing_at(statement.type.span):
                variable = Variable(
                    value.value, type.shape, type.dtype, type.dtype.is_float, name
                )
        except (Fault, TulleError, *WRONG_VALUES) as error:
            return self.checker.failed(error, statement.type.span)
        return calls.wrapped(variable.node, statement.name.span)

    def _result(
        self,
        evaluator: Evaluator,
        item: s.FunctionItem | s.LayerItem | s.ModelItem,
        value: Value,
        place: Span,
    ) -> Value:
        """Check a result against its declaration; the value goes on as computed."""
        outputs, title = item.result.outputs, f"the result of `{item.name.text}`"
        value = _as_tensors(value, item.result)
        if isinstance(value, Poison):
            for output in outputs:
                declared.tensor_type(evaluator, output.type)
            return value
        parts = value.items if isinstance(value, Tuple) else (value,)
        several = item.result.several and len(outputs) > 1
        if len(parts) != len(outputs) or isinstance(value, Tuple) != several:
            message = f"{title} is {len(parts)} values and {len(outputs)} are declared"
            label = Label(item.result.span, "declared here")
            return self.checker.error("T0309", message, place, labels=(label,))
        good = True
        for output, part in zip(outputs, parts, strict=True):
            wanted = declared.tensor_type(evaluator, output.type)
            if not isinstance(part, Tensor):
                message = f"{title} is a tensor, not {describe(part)}"
                return self.checker.error("T0501", message, place)
            if wanted is not None:
                good &= declared.conform(
                    evaluator, wanted, part.type, place, output.type.span, title
                )
        return value if good else POISON

    # Definitions that nothing uses.

    def probe(self, item: s.FunctionItem | s.LayerItem) -> None:
        """Check a definition that nothing uses, for sizes that suit anything."""
        scope = Scope(self.checker.module)
        layer = isinstance(item, s.LayerItem)
        for generic in item.generics.items if item.generics else ():
            name = generic.text if isinstance(generic, s.Name) else generic.name.text
            dim = Dim.from_symbol(
                Symbol(name, origin=Origin(f"`{name}` is any size", generic.span))
            )
            rest = isinstance(generic, s.Rest)
            scope[name] = Shape((dim,)) if rest else Static(8 if layer else dim)
        for setting in item.settings.items if isinstance(item, s.LayerItem) else ():
            plain = WITNESS.get(setting.type.dtype.text, 0.5)
            scope[setting.name.text] = Static(plain)
        evaluator = Evaluator(self.checker, scope)
        types = [declared.tensor_type(evaluator, p.type) for p in item.parameters.items]
        if None in types:
            return
        inner = Scope(scope)
        for parameter, type in zip(item.parameters.items, types, strict=True):
            assert type is not None
            node = input_node(parameter.name.text, type, parameter.name.span)
            inner[parameter.name.text] = Tensor(node)
        with self.checker.inside(item.name.text, item.name.span) as fresh:
            if fresh:
                self.body(item, inner)


def _as_tensors(value: Value, result: s.Result) -> Value:
    """A result with numbers as scalar tensors of the declared element type."""
    items = value.items if isinstance(value, Tuple) else (value,)
    if isinstance(value, Static) and isinstance(value.value, tuple):
        items = tuple(map(Static, value.value))
    if len(items) != len(result.outputs):
        return value
    made: list[Value] = []
    for item, output in zip(items, result.outputs, strict=True):
        kind = DTYPES.get(output.type.dtype.text)
        plain = item.value if isinstance(item, Static) else None
        if (
            kind
            and isinstance(plain, (int, float))
            and declared.fits(kind.short, plain)
        ):
            item = Tensor(constant_node(np.asarray(plain, kind.numpy)))
        made.append(item)
    return (
        made[0]
        if len(made) == 1 and not isinstance(value, Tuple)
        else Tuple(tuple(made))
    )


def definition_names(items: Sequence[s.Item]) -> list[s.FunctionItem | s.LayerItem]:
    """The functions and layers among declarations."""
    return [i for i in items if isinstance(i, (s.FunctionItem, s.LayerItem))]


def as_value(item: s.FunctionItem | s.LayerItem) -> Value:
    return Definition(item)
