"""Declared types: their meaning, generic sizes solved, declared against computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..graph.advice import to_match, where_they_differ
from ..graph.decide import Condition, equal, holds
from ..graph.diagnostics import Fault, Label, Span
from ..graph.dim import LIMIT, Dim, Origin, Symbol
from ..graph.match import match_types
from ..graph.nearest import nearest
from ..graph.types import DTYPES, DType, TensorType
from . import conditions, statics
from . import syntax as s
from .arguments import replacement
from .scope import Scope, listed
from .values import Poison, Shape, Static, Tensor, Value, describe

if TYPE_CHECKING:
    from .arguments import Given
    from .expressions import Evaluator

USUAL = {"float": "f32", "double": "f64", "half": "f16", "int": "i32", "long": "i64"}
TENSORS = dict.fromkeys(("Tensor", "tensor", "Array", "array", "ndarray"), "f32")
STATIC_KINDS = {"int": int, "bool": bool, "str": str}
ELSEWHERE = {
    "float": "f32", "double": "f64", "float32": "f32", "number": "f32",
    "integer": "int", "boolean": "bool", "string": "str",
}  # fmt: skip


def dtype(evaluator: Evaluator, name: s.Name) -> DType | None:
    """The element type that a name means."""
    found = DTYPES.get(name.text)
    if found is None:
        long = {d.name: short for short, d in DTYPES.items()}
        near = {**USUAL, **TENSORS, **long}.get(name.text)
        near = near or nearest(name.text, DTYPES)
        evaluator.checker.error(
            "T0401",
            f"`{name.text}` is no element type",
            name.span,
            notes=(f"there are {listed(DTYPES, 13)}",),
            help=(f"did you mean `{near}`?",) if near else (),
        )
    return found


def of_setting(expression: s.TypeExpression) -> bool:
    """Whether a type is one that settings alone have: `int`, `bool`, `str`."""
    word = expression.dtype.text
    return expression.dims is None and word in STATIC_KINDS and word not in DTYPES


def tensor_type(
    evaluator: Evaluator, expression: s.TypeExpression
) -> TensorType | None:
    """The tensor type that a type expression means."""
    if of_setting(expression):
        word = expression.dtype.text
        message = f"`{word}` is the type of a setting, and a tensor belongs here"
        usual = USUAL.get(word)
        help = [
            "settings stand in the first list of a `layer`, ahead of its tensors: "
            f"`layer L(n: {word})(x: f32[B]) -> f32[B] {{ … }}`"
        ]
        if usual:
            help.append(f"a tensor's type is `{usual}[…]`, a scalar's `{usual}[]`")
        told = tuple(help)
        evaluator.checker.error("T0401", message, expression.span, help=told)
        return None
    found = dtype(evaluator, expression.dtype)
    if expression.dims is None:
        if found is not None:
            evaluator.checker.error(
                "T0306",
                f"`{expression.dtype.text}` says nothing about the shape",
                expression.span,
                help=(f"a tensor's type is `{found}[…]`, a scalar's `{found}[]`",),
            )
        return None
    dims: list[Dim] = []
    failed = found is None
    for item in expression.dims:
        if isinstance(item, s.Rest):
            shape = rest(evaluator, item)
            failed |= shape is None
            dims += shape or ()
        else:
            dim = size(evaluator, item)
            failed |= dim is None
            dims += () if dim is None else (dim,)
    return None if failed or found is None else TensorType(found, tuple(dims))


def rest(evaluator: Evaluator, item: s.Rest) -> tuple[Dim, ...] | None:
    """What a `..S` stands for."""
    value = evaluator.scope.get(item.name.text)
    if isinstance(value, Shape):
        return value.dims
    what = "is not declared" if value is None else f"is {describe(value)}"
    evaluator.checker.error(
        "T0201",
        f"`..{item.name.text}` {what}",
        item.span,
        help=(f"declare it behind the name: `[..{item.name.text}]`",),
    )
    return None


def size(evaluator: Evaluator, expression: s.Expression) -> Dim | None:
    """One size of a shape."""
    if isinstance(expression, s.Hole):
        help = "a size that may be anything has a name: `dim B`, then `B`"
        place = expression.span
        evaluator.checker.error("T0341", "a size belongs here", place, help=(help,))
        return None
    if isinstance(expression, s.Name) and "." not in expression.text:
        if evaluator.scope.get(expression.text) is None:
            _undeclared(evaluator, expression)
            return None
    value = evaluator.evaluate(expression)
    match value:
        case Poison():
            return None
        case Static(bool()):
            pass
        case Static(int() | Dim()):
            dim = value.dim()
            low, _ = dim.bounds()
            if dim.value is not None and not 0 <= dim.value < LIMIT:
                message = f"a size lies between 0 and {LIMIT - 1}, and this is {dim}"
                evaluator.checker.error("T0907", message, expression.span)
                return None
            asked = Condition(dim, ">=", Dim.of(0))
            if dim.value is None and low is not None and low < 0 and not holds(asked):
                _negative(evaluator, dim, low, expression.span)
                return None
            return dim
    message = f"a size is a whole number, not {describe(value)}"
    evaluator.checker.error("T0204", message, expression.span)
    return None


def _negative(evaluator: Evaluator, dim: Dim, low: int, span: Span) -> None:
    evaluator.checker.error(
        "T0308",
        f"the size {dim} can be as small as {low}",
        span,
        help=("give the dimension bounds: `dim … in low..high`",),
    )


def _undeclared(evaluator: Evaluator, name: s.Name) -> None:
    sizes = [n for n in evaluator.scope if _is_size(evaluator.scope.get(n))]
    near = nearest(name.text, sizes)
    if not near and not evaluator.checker.first_use(name.text, name.span.source):
        return
    help = (f"did you mean `{near}`?",) if near else (f"declare it: `dim {name.text}`",)
    if name.text == "None":
        help = ("a size that may be anything has a name: `dim B`, then `B`",)
    evaluator.checker.error(
        "T0201", f"the size `{name.text}` is not declared", name.span, help=help
    )


def _is_size(value: Value | None) -> bool:
    return isinstance(value, Static) and isinstance(value.value, (int, Dim))


def static(
    evaluator: Evaluator, name: str, kind: s.TypeExpression, value: Value, span: Span
) -> Static | None:
    """A static value of a declared kind; a literal adapts."""
    wanted = kind.dtype.text
    if kind.dims is not None or (wanted not in STATIC_KINDS and wanted not in DTYPES):
        message = f"`{name}` is a setting: its type is `int`, `bool`, `str` or `f32`"
        help: tuple[str, ...] = ()
        if wanted.lower() in ("list", "tuple") or kind.dims is not None:
            help = ("each item of a list is a setting of its own, or a `const`",)
        meant = ELSEWHERE.get(wanted.lower()) if kind.dims is None else None
        fix = replacement(kind.span, meant) if meant else None
        help = (f"write `{meant}`",) if meant else help
        evaluator.checker.error("T0401", message, kind.span, help=help, fix=fix)
        return None
    if isinstance(value, Poison):
        return None
    if isinstance(value, Static):
        plain = value.value
        if statics.fits(wanted, plain):
            if wanted in DTYPES and DTYPES[wanted].is_float:
                plain = float(plain)
            origin = Origin(f"{plain} is `{name}`", span)
            return Static(plain, origin if statics.fits("int", plain) else None)
    message = f"`{name}` is declared `{wanted}` and gets {describe(value)}"
    label = Label(kind.span, f"`{wanted}` is declared here")
    labels = () if kind.span == span else (label,)
    apart = "tensors stand in a list of their own, behind the settings: `Name(…)(x)`"
    help = (apart,) if isinstance(value, Tensor) else ()
    evaluator.checker.error("T0204", message, span, labels=labels, help=help)
    return None


def conform(
    evaluator: Evaluator,
    wanted: TensorType,
    computed: TensorType,
    span: Span,
    declaration: Span,
    what: str = "this",
) -> bool:
    """Whether a computed type is the declared one; a difference is told."""
    if wanted.dtype == computed.dtype and wanted.rank == computed.rank:
        pairs = zip(wanted.shape, computed.shape, strict=True)
        unequal = [(a, b, equal(a, b)) for a, b in pairs if equal(a, b) is not True]
        if not unequal:
            return True
        dims = [dim for a, b, _ in unequal for dim in (b, a)]
        undecided = all(answer is None for _, _, answer in unequal)
    else:
        dims, undecided = [], False
    alike = computed.with_dtype(wanted.dtype) == wanted
    message = f"{what} is {computed} and declared {wanted}"
    if undecided:
        left, right, _ = unequal[0]
        message = f"{what} needs `{right} == {left}`, which cannot be decided"
    code, advice = "T0308" if undecided else "T0309", _last_axis(wanted, computed)
    notes: list[str] = []
    if dims and not advice:
        notes, advice = conditions.settled_by(unequal[0][0], unequal[0][1])
    if dims and not undecided:
        sizes = [(b, a) for a, b, _ in unequal]
        notes = notes or where_they_differ(sizes)
        advice = advice or [way for pair in sizes for way in to_match(*pair)]
        advice = advice or [f"declare {computed}, or change what makes it"]
    elif alike:
        advice = [
            f"declare {computed}, or cast what is given: `cast(…, {wanted.dtype})`"
        ]
    fault = Fault(code, message, dims=dims, help=advice, notes=notes)
    found = fault.diagnostic(span)
    label = Label(declaration, f"{wanted} is declared here")
    # The declaration tells its own sizes already.
    others = [x for x in found.labels if not _within(x.span, declaration)]
    evaluator.checker.add(replace(found, labels=(label, *others), label=str(computed)))
    return False


_BEFORE = "the axes between are left: before the last layer `Flatten()` joins them, "
BETWEEN = {
    1: "one axis is left between: take one place of it, `x[:, -1]`, or a mean over "
    "all, `GlobalAveragePooling1D()`",
    2: f"{_BEFORE}`GlobalAveragePooling2D()` takes their mean",
    3: f"{_BEFORE}`GlobalAveragePooling3D()` takes their mean",
}


def _last_axis(wanted: TensorType, computed: TensorType) -> list[str]:
    """Advice where all that differs is a last axis of size 1."""
    slim, wide = sorted((wanted, computed), key=lambda type: type.rank)
    if wide is computed and slim.rank == 2 and wide.rank > 2:
        ends = [(slim.shape[i], wide.shape[i]) for i in (0, -1)]
        if all(equal(*pair) is True for pair in ends):
            return [BETWEEN[min(wide.rank - 2, 3)]]
    alike = wide.rank == slim.rank + 1 and wide.shape[-1].value == 1
    pairs = zip(slim.shape, wide.shape, strict=False)
    if not alike or any(equal(a, b) is not True for a, b in pairs):
        return []
    if wide is computed:
        return ["drop the last axis: `squeeze(…, axis = -1)`"]
    return ["add the last axis: `expand_dims(…, -1)`"]


def _within(inner: Span, outer: Span) -> bool:
    if inner.source is not outer.source:
        return False
    start = (outer.line, outer.column) <= (inner.line, inner.column)
    end = (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
    return start and end


def solve(
    evaluator: Evaluator,
    title: str,
    item: s.FunctionItem | s.LayerItem | s.ExternItem,
    given: Sequence[Given],
    span: Span,
    settings: Mapping[str, Value] | None = None,
) -> Scope | None:
    """The scope of a body: its settings, and generic sizes solved from the operands.

    Reports what does not fit and then gives None.
    """
    types = [g.value.type for g in given]  # type: ignore[union-attr]
    spans = {i: g.span for i, g in enumerate(given)}
    generics, parameters = item.generics, item.parameters
    home = evaluator.checker.home(item)
    scope = Scope(home)
    scope.names.update(settings or {})
    inner = type(evaluator)(evaluator.checker, scope)
    every = generics.items if generics else ()
    names = [generic for generic in every if isinstance(generic, s.Name)]
    for name in names:
        scope[name.text] = Static(Dim.from_symbol(Symbol(name.text, 0, rigid=False)))
    for generic in every:
        if isinstance(generic, s.Rest):
            shape = _rest_shape(inner, title, generic, parameters, types, spans)
            if shape is None:
                return None
            scope[generic.name.text] = Shape(shape)
    wanted = [tensor_type(inner, p.type) for p in parameters.items]
    if None in wanted:
        return None
    labels = [p.name.text for p in parameters.items]
    try:
        solution = match_types(labels, [t for t in wanted if t], types)
    except Fault as fault:
        if fault.code == "T0702":
            _to_cast(fault, [t for t in wanted if t], types)
        evaluator.checker.refuse(fault, span, spans)
        return None
    return _settled(inner, home, names, solution)


def _to_cast(
    fault: Fault, wanted: Sequence[TensorType], given: Sequence[TensorType]
) -> None:
    """Advice for a tensor of another dtype than a definition of a text takes."""
    pairs = zip(wanted, given, strict=True)
    dtype = next(one.dtype for one, other in pairs if one.dtype != other.dtype)
    fault.help = (f"cast it: `cast(…, {dtype})`",)


def _settled(
    inner: Evaluator,
    home: Scope,
    names: Sequence[s.Name],
    solution: dict[Symbol, Dim],
) -> Scope | None:
    for key, value in list(inner.scope.names.items()):
        if isinstance(value, Shape):
            dims = tuple(d.substitute(solution) for d in value.dims)
            inner.scope[key] = Shape(dims)
    for name in names:
        value = inner.scope.names[name.text]
        symbol = value.dim().symbol if isinstance(value, Static) else None
        if symbol is None or symbol not in solution:
            inner.checker.error(
                "T0308",
                f"`{name.text}` follows from none of the parameters",
                name.span,
                help=(f"use `{name.text}` alone as a size of a parameter",),
            )
            return None
        dim = solution[symbol]
        plain = dim if dim.value is None else dim.value
        inner.scope[name.text] = Static(plain, dim.origin)
    _instantiate(inner, home, solution)
    return inner.scope


def _instantiate(inner: Evaluator, home: Scope, solution: dict[Symbol, Dim]) -> None:
    """Let the file's dimensions be what this use makes of them.

    A `dim` stands for every size in each definition by itself.
    """
    for name, value in home.names.items():
        if isinstance(value, Static) and isinstance(value.value, Dim):
            dim = value.dim().substitute(solution)
            if dim != value.value and name not in inner.scope.names:
                plain = dim if dim.value is None else dim.value
                inner.scope[name] = Static(plain, dim.origin)


def _rest_shape(
    inner: Evaluator,
    title: str,
    item: s.Rest,
    parameters: s.Parameters,
    types: Sequence[TensorType],
    spans: dict[int, Span],
) -> tuple[Dim, ...] | None:
    name = item.name.text
    for index, parameter in enumerate(parameters.items):
        dims = parameter.type.dims or ()
        rests = [d for d in dims if isinstance(d, s.Rest)]
        if len(rests) != 1 or rests[0].name.text != name:
            continue
        count = types[index].rank - (len(dims) - 1)
        if count < 0:
            inner.checker.error(
                "T0306",
                f"`{parameter.name.text}` of `{title}` needs at least "
                f"{len(dims) - 1} axes and gets {types[index]}",
                spans[index],
                labels=(Label(parameter.type.span, "declared here"),),
            )
            return None
        symbols = (Symbol(f"{name}{i}", 0, rigid=False) for i in range(count))
        return tuple(map(Dim.from_symbol, symbols))
    inner.checker.error(
        "T0308", f"`..{name}` follows from none of the parameters", item.span
    )
    return None
