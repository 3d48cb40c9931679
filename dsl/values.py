"""What an expression can be while a text is checked.

A failed expression is `POISON`: whatever is made of it is poison too, so that one
mistake is told once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..graph.diagnostics import Span
from ..graph.dim import Dim, Origin
from ..graph.layer import Layer
from ..graph.node import Node
from ..graph.types import DTYPES, TensorType
from . import syntax


class Described:
    """A value that is shown in messages by what it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return describe(self)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph under construction, with the mask that it carries."""

    node: Node
    mask: Node | None = field(default=None, compare=False)

    @property
    def type(self) -> TensorType:
        return self.node.tensor_type


@dataclass(frozen=True, slots=True)
class Static:
    """A value known before anything runs: a number, a size, a truth value, a string.

    Lists and tuples of such values are Python's.
    """

    value: Any
    origin: Origin | None = None

    def dim(self) -> Dim:
        """The value as a size that knows where it was written."""
        return Dim.of(self.value, self.origin)


@dataclass(frozen=True, slots=True, repr=False)
class Shape(Described):
    """What a `..S` stands for."""

    dims: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Tuple:
    """Several values, not all of them static."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Library(Described):
    """A name of the library: an op, a layer class, a loss and so on."""

    kind: str
    name: str
    target: Any


@dataclass(frozen=True, slots=True, repr=False)
class Definition(Described):
    """A `fn` or `layer` of the file."""

    item: syntax.FunctionItem | syntax.LayerItem | syntax.ExternItem


@dataclass(frozen=True, slots=True, repr=False)
class Derivative(Described):
    """The gradient of a function by some of its arguments; a list if `several`."""

    function: Value
    wrt: tuple[int, ...]
    several: bool
    order: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class Namespace(Described):
    """An imported file by its alias; `broken` if it could not be read."""

    title: str
    names: tuple[str, ...]
    broken: bool = False


@dataclass(slots=True, repr=False)
class Instance(Described):
    """A layer that owns parameters: one for each evaluation of a constructor.

    A layer of the file gets its network when it is first applied.
    """

    span: Span
    title: str
    layer: Layer | None = None
    item: syntax.LayerItem | syntax.ExternItem | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    given_name: str | None = None

    def rename(self, name: str) -> None:
        """Give the layer its name."""
        self.given_name = name
        if self.layer is not None:
            self.layer.given_name = name


@dataclass(frozen=True, slots=True)
class Missing:
    """A parameter whose condition does not hold; `condition` is where it stands."""

    name: str
    condition: Span


@dataclass(frozen=True, slots=True)
class Poison:
    """The value of an expression that failed."""


@dataclass(frozen=True, slots=True)
class Hole(Poison):
    """What `?` leaves open, at a place."""

    span: Span


POISON = Poison()

Value: TypeAlias = (
    Tensor
    | Static
    | Shape
    | Tuple
    | Library
    | Definition
    | Derivative
    | Instance
    | Missing
    | Namespace
    | Poison
)


def describe(value: Value) -> str:
    """What a value is, for a message."""
    match value:
        case Tensor():
            return f"a tensor {value.type}"
        case Static(plain):
            return _describe_plain(plain)
        case Tuple():
            return "a list of values"
        case Shape(dims):
            return f"the shape [{', '.join(map(str, dims))}]"
        case Library() | Definition() | Derivative():
            return _describe_callable(value)
        case Namespace(title):
            return f"the imported file `{title}`"
        case Instance():
            return f"a layer `{value.title}`"
        case Missing(name):
            return f"the parameter `{name}`, which is not there"
    return "a failed expression"


def _describe_callable(value: Library | Definition | Derivative) -> str:
    match value:
        case Library("layer", name):
            return f"the layer `{name}` without its settings"
        case Library(kind, name):
            return f"the {'function' if kind == 'op' else kind} `{name}`"
        case Definition(syntax.FunctionItem() as item):
            return f"the function `{item.name.text}`"
        case Definition(item):
            return f"the layer `{item.name.text}` without its settings"
        case Derivative(Definition(item)):
            return f"the gradient of `{item.name.text}`"
    return "the gradient of a function"


def _describe_plain(value: object) -> str:
    match value:
        case None:
            return "`none`"
        case str() if value in DTYPES:
            return f"the element type `{value}`"
        case str():
            return f'the string "{value}"'
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"the number {value}"
        case Dim():
            return f"the size {value}"
        case tuple():
            return "a list of values"
    return f"`{type(value).__name__}` with its settings"
