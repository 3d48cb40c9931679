"""Layers and functions of a file as Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..graph.diagnostics import TensorTypeError, caller_span
from ..graph.layer import Layer
from ..graph.network import Network
from ..graph.tensor import SymbolicTensor, convert_to_tensor, input_node
from ..graph.trace import tracing
from ..graph.types import TensorType
from . import syntax as s
from .arguments import Given
from .checker import Checker, Stop
from .elaborate import Elaboration
from .expressions import Evaluator
from .values import Definition, Instance, Static, Tensor, Tuple, Value


def definitions(found: Elaboration) -> dict[str, Any]:
    """What calls the layers and functions of a file, by name."""
    made: dict[str, Any] = {}
    checker = found.checker
    for name, value in checker.module.names.items() if checker else ():
        if checker is None or not isinstance(value, Definition):
            continue
        if checker.home(value.item) is checker.module:
            function = isinstance(value.item, s.FunctionItem)
            if isinstance(value.item, s.ExternItem):
                continue
            kind = DefinedFunction if function else DefinedLayer
            made[name] = kind(checker, value.item)
    return made


class _Defined:
    """A definition together with the check that it belongs to."""

    def __init__(self, checker: Checker, item: Any):
        self.checker, self.item = checker, item
        self.__name__ = item.name.text

    def given(self, value: Value, name: str | None = None) -> Given:
        place = caller_span() or self.item.name.span
        return Given(name and s.Name(place, name), value, place)  # type: ignore[arg-type]

    @contextmanager
    def checking(self) -> Iterator[Evaluator]:
        """Elaborate on behalf of Python; what is wrong is raised at the end."""
        self.checker.forget()
        with suppress(Stop):
            yield Evaluator(self.checker, self.checker.module)
        if self.checker.faults:
            raise TensorTypeError(*self.checker.faults)

    def __repr__(self) -> str:
        return f"<{self.__name__} of {self.checker.source.name}>"


class DefinedLayer(_Defined):
    """A `layer` of a file; called with its settings it gives a `Layer`."""

    def __call__(self, *arguments: Any, name: str | None = None, **named: Any) -> Layer:
        given = [self.given(Static(a)) for a in arguments]
        given += [self.given(Static(a), key) for key, a in named.items()]
        place = caller_span() or self.item.name.span
        found: Value | None = None
        with self.checking() as evaluator:
            blueprint = self.checker.definitions.blueprint
            found = blueprint(evaluator, self.item, given, place)
        assert isinstance(found, Instance)
        return TextLayer(self, found, name)


class TextLayer(Layer):
    """A layer written in the language; its network is made for its first inputs."""

    def __init__(self, defined: DefinedLayer, instance: Instance, name: str | None):
        super().__init__(name=name or defined.__name__)
        self._defined, self._instance = defined, instance
        self.network: Network | None = None

    def call(self, *inputs: Any) -> Any:
        if self.network is None:
            types = [tensor.type for tensor in inputs]
            with tracing(None):
                self.network = self._made(types)
        return self.network(*inputs)

    def _made(self, types: Sequence[TensorType]) -> Network:
        defined, checker = self._defined, self._defined.checker
        given = [defined.given(value) for value in _placeholders(types)]
        title, place = defined.__name__, given[0].span
        definitions = checker.definitions
        with defined.checking() as evaluator:
            ordered = definitions.operands(evaluator, title, defined.item, given, place)
            if ordered is not None:
                definitions.materialize(evaluator, self._instance, ordered, place)
        assert isinstance(self._instance.layer, Network)
        return self._instance.layer


class DefinedFunction(_Defined):
    """A `fn` of a file, on tensors or symbols."""

    def __init__(self, checker: Checker, item: Any):
        super().__init__(checker, item)
        self.networks: dict[Any, Network] = {}

    def __call__(self, *arguments: Any) -> Any:
        tensors = [convert_to_tensor(argument) for argument in arguments]
        types = tuple(tensor.type for tensor in tensors)
        if types not in self.networks:
            with tracing(None):
                self.networks[types] = self._made(types)
        return self.networks[types](*tensors)

    def _made(self, types: Sequence[TensorType]) -> Network:
        checker = self.checker
        symbols = _placeholders(types)
        given = [self.given(value) for value in symbols]
        place = caller_span() or self.item.name.span
        value: Value | None = None
        with self.checking() as evaluator:
            value = checker.definitions.inline(evaluator, self.item, given, place)
        assert value is not None
        ends = [SymbolicTensor(symbol.node) for symbol in symbols]
        return Network(ends, _symbols(value), name=self.__name__)


def _placeholders(types: Sequence[TensorType]) -> list[Tensor]:
    return [Tensor(input_node(f"x{i}", type)) for i, type in enumerate(types)]


def _symbols(value: Value) -> Any:
    if isinstance(value, Tuple):
        return [_symbols(item) for item in value.items]
    assert isinstance(value, Tensor)
    return SymbolicTensor(value.node)
