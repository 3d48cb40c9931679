"""Arguments: what was given, bound to a signature, as Python takes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import (
    Edit,
    Fix,
    Span,
)
from ..graph.dim import Dim
from ..graph.layer import Layer
from ..graph.masking import set_mask
from ..graph.nearest import nearest
from ..graph.tensor import SymbolicTensor
from ..graph.uncalled_layers import refusal
from . import library
from . import syntax as s
from .scope import listed
from .values import (
    Definition,
    Derivative,
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

if TYPE_CHECKING:
    from .expressions import Evaluator


AS_LIST = "several tensors go in as a list: `[…, …]`"
MAX_LEAVES = 1000  # of a list of lists: a few lines could make 2**60
MORE = "*"  # begins the keys of what a starred parameter collects
FIXED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
LISTED = (*FIXED, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Given:
    """An argument as given: its name if it has one, its value and place."""

    name: s.Name | None
    value: Value
    span: Span


def replacement(span: Span, text: str) -> Fix:
    """A fix that writes something else at a place."""
    return Fix(f"write `{text}`", (Edit(span, text),))


def bind(
    evaluator: Evaluator,
    title: str,
    target: Any,
    given: Sequence[Given],
    span: Span,
    parameters: Mapping[str, inspect.Parameter] | None = None,
) -> dict[str, Given] | None:
    """Arguments by parameter name; None if some do not fit, which is told."""
    known = library.parameters(target) if parameters is None else parameters
    usage = library.usage(title, target) if parameters is None else ""
    positional = [n for n, p in known.items() if p.kind in FIXED]
    more = any(p.kind is p.VAR_POSITIONAL for p in known.values())
    found: dict[str, Given] = {}
    before = len(evaluator.checker.faults)
    help: tuple[str, ...]
    if (late := _behind_named(given)) is not None:
        message = "an argument without a name stands behind one with a name"
        help = ("put it ahead of those, or give it its name",)
        evaluator.checker.error("T0202", message, late.span, help=help)
        return None
    for index, item in enumerate(given):
        name = item.name.text if item.name else None
        place = item.name.span if item.name else item.span
        if name is None and index >= len(positional) and more:
            found[f"{MORE}{index}"] = item
            continue
        if name is None and index >= len(positional):
            message = f"`{title}` takes {_counted(len(positional))}, not {len(given)}"
            tensors = sum(isinstance(item.value, Tensor) for item in given)
            alone = len(positional) == 1 and tensors == len(given)
            help = (AS_LIST,) if alone else ()
            evaluator.checker.error(
                "T0202", message, place, notes=_notes(usage), help=help
            )
            break
        name = name or positional[index]
        if name not in known:
            _unknown(evaluator, title, name, place, known, usage)
        elif name in found:
            tensor = isinstance(found[name].value, Tensor)
            help = (AS_LIST,) if tensor and isinstance(item.value, Static) else ()
            message = f"`{name}` is given twice"
            evaluator.checker.error("T0202", message, place, help=help)
        else:
            found[name] = item
    needed = [n for n, p in known.items() if p.default is p.empty]
    missing = [n for n in needed if n not in found and known[n].kind in LISTED]
    if missing and len(evaluator.checker.faults) == before:
        message = f"`{title}` needs {listed(missing)}"
        alone = not given and len(missing) == 1 and title in library.ops()
        told = f"`{title}` alone is the function, `{title}(…)` what it gives"
        help = (told,) if alone else ()
        evaluator.checker.error("T0203", message, span, notes=_notes(usage), help=help)
    return found if len(evaluator.checker.faults) == before else None


def _behind_named(given: Sequence[Given]) -> Given | None:
    """An argument without a name behind one that has one."""
    named = False
    for item in given:
        if named and item.name is None:
            return item
        named = named or item.name is not None
    return None


def called(target: Any, plain: Mapping[str, Any]) -> Any:
    """The result of a call with bound arguments, those of a starred parameter too."""
    named = {key: value for key, value in plain.items() if not key.startswith(MORE)}
    if len(named) == len(plain):
        return target(**named)
    parameters = inspect.signature(target).parameters.values()
    before = [
        named.pop(p.name) for p in parameters if p.kind in FIXED and p.name in named
    ]
    more = [value for key, value in plain.items() if key.startswith(MORE)]
    return target(*before, *more, **named)


def _counted(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _notes(usage: str) -> tuple[str, ...]:
    return (f"its form is {usage}",) if usage else ()


def _unknown(
    evaluator: Evaluator,
    title: str,
    name: str,
    place: Span,
    known: Mapping[str, inspect.Parameter],
    usage: str,
) -> None:
    near = nearest(name, known)
    notes = _notes(usage) or (
        f"it takes {listed(known)}" if known else "it takes none",
    )
    evaluator.checker.error(
        "T0202",
        f"`{title}` has no argument `{name}`",
        place,
        notes=notes,
        help=(f"did you mean `{near}`?",) if near else (),
        fix=replacement(place, near) if near else None,
    )


def raw(value: Value) -> Any:
    """A value as Python hands it to the library."""
    match value:
        case Tensor(node):
            return node
        case Static(Dim() as dim):
            return dim if dim.value is None else dim.value
        case Static(plain):
            return plain
        case Shape(dims):
            return tuple(d if d.value is None else d.value for d in dims)
        case Tuple(items):
            return tuple(map(raw, items))
        case Library("op" | "initializer" | "regularizer" | "constraint", name):
            return name
        case Instance(layer=Layer() as layer):
            return layer
    return value


def symbolic(value: Value) -> Any:
    """A value as a layer takes it: symbols in place of nodes."""
    if isinstance(value, Tensor):
        symbol = SymbolicTensor(value.node)
        if value.mask is not None:
            set_mask(symbol, SymbolicTensor(value.mask))
        return symbol
    if isinstance(value, Tuple):
        return [symbolic(item) for item in value.items]
    return raw(value)


def leaves(value: Value) -> list[Value] | None:
    """The values in a nest of tuples, in order; None if they are too many."""
    found: list[Value] = []
    stack = [value]
    while stack and len(found) + len(stack) <= MAX_LEAVES:
        one = stack.pop()
        if isinstance(one, Tuple):
            stack += reversed(one.items)
        else:
            found.append(one)
    return None if stack else found


def not_tensors(evaluator: Evaluator, given: Sequence[Given]) -> bool:
    """Whether an argument is a layer or function where tensors belong; told if so."""
    for index, item in enumerate(given):
        match item.value:
            case Poison():
                return True
            case Tuple() as several:
                parts = leaves(several)
                if parts is None:
                    message = f"a list holds more than {MAX_LEAVES} values"
                    evaluator.checker.error("T0905", message, item.span)
                    return True
                inner = [Given(item.name, part, item.span) for part in parts]
                if not_tensors(evaluator, inner):
                    return True
            case Instance() as made:
                unused = made.layer is None or made.layer._first_call is None
                elsewhere = unused and made.span != item.span and not _applied(made)
                fault = refusal(
                    made.given_name or made.title, made.title,
                    made.span if elsewhere else None, index, "x |> {}",
                )  # fmt: skip
                evaluator.checker.refuse(fault, item.span, {index: item.span})
                return True
            case Library("layer" | "transform") | Definition() | Derivative():
                message = f"{describe(item.value)} stands where a tensor is needed"
                evaluator.checker.error("T0501", message, item.span)
                return True
    return False


def _applied(made: Instance) -> bool:
    """Whether a text applies a layer by its name, perhaps further down."""
    name = made.given_name or ""
    pattern = rf"\|>\s*{name}\b|(?<![\w.]){name}\s*\("
    return bool(name and re.search(pattern, made.span.source.text))


def operand_spans(operands: Sequence[Any], given: Sequence[Given]) -> dict[int, Span]:
    """The place of each operand."""
    sources, spans = _sources(given), dict[int, Span]()
    for index, operand in enumerate(operands):
        for place, (value, span) in enumerate(sources):
            if value is operand:
                spans[index] = span
                del sources[place]
                break
    return spans


def _sources(given: Sequence[Given]) -> list[tuple[Any, Span]]:
    """What may become an operand, with its place."""
    found: list[tuple[Any, Span]] = []
    for item in given:
        items = item.value.items if isinstance(item.value, Tuple) else (item.value,)
        found += [(raw(value), item.span) for value in items]
    return found
