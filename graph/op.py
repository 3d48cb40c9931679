"""Ops: each one block with its type rule, gradient, run body and fusible form.

`Op.__call__` is the public function: on values it runs, on symbols it builds a node,
on nodes (inside rules) it builds a node and checks dtypes strictly.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from .autocasting import autocast_dtype
from .configuration import default_float
from .conversion import (
    as_node,
    convert,
    has_symbols,
    is_symbolic,
    is_variable,
    lying_together,
    result_dtype,
    symbol_node,
    together,
    unpack,
)
from .device import array_module, module_of
from .diagnostics import (
    Fault,
    InternalError,
    TensorTypeError,
    TulleError,
    called_by_user,
    caller_span,
)
from .dim import Dim
from .immutable import Immutable
from .kinds import Kind, kinds_of
from .nearest import nearest_of
from .node import Node, intern
from .operand import Operand
from .pairing import refuse_pairs, tell_pairs
from .promotion import nodes_promoted
from .recording import record, recording
from .registry import OPS, named
from .remembered import NUMBERS, VALUES, Call, Run, call_of
from .size_origins import note_origin
from .tensor import (
    NoTensorError,
    SymbolicTensor,
    Tensor,
    apart,
)
from .trace import current_trace
from .types import TensorType, TupleType, Type, dtype_of
from .uncalled_layers import is_layer, not_applied
from .variable_substitution import replacements
from .written_calls import Known, Written, written

Results = Sequence["Node | None"] | None
VALUES[Tensor] = False


# Codes of values that are none of what is wanted, wherever that is.
OF_VALUES = ("T0204", "T0401", "T0404")
# NumPy's words for arrays that no memory holds.
TOO_LARGE = ("array is too big", "Maximum allowed dimension exceeded")
# What lies between the line of an author and the rule of an op.
OF_CALLS = ("graph/op.py", "graph/operand.py", "graph/registry.py")


class Op(Immutable):
    """One operation. A subclass is one block in a family file of `graph/ops/`."""

    name: ClassVar[str] = ""
    level: ClassVar[str] = "primitive"  # or composite, function, layer, kernel
    public: ClassVar[bool] = True
    text: ClassVar[str] = ""  # of a private one: how texts have it, with its attributes
    operand_dtypes: ClassVar[str] = "any"  # or same, float: what operands are cast to
    unified: ClassVar[slice] = slice(None)  # the operands that share a dtype
    widened: ClassVar[Mapping[str, str]] = {}  # what a dtype that they share becomes
    view: ClassVar[bool] = False  # the result may alias the first operand's memory
    arithmetic: ClassVar[bool] = True  # computes; others move elements or make them
    accumulates: ClassVar[bool] = False  # adds up many elements: halves in float32
    remembers: ClassVar[bool] = True  # a value follows from `run` and types alone
    writes: ClassVar[bool] = False  # `run` can write into `out`
    checks: ClassVar[bool] = False  # `run` may find its data at fault
    elementwise: ClassVar[bool] = False
    commutative: ClassVar[bool] = False
    scalar: ClassVar[str | None] = None  # the fusible form, in terms of x and y
    no_gradient: ClassVar[str] = ""  # why there is none, in words
    domain: ClassVar[tuple[tuple[float, float], ...]] = ()  # where tests sample

    def arguments(
        self, *operands: Any, **attributes: Any
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """Operands and attributes of a call; its signature is the public one."""
        return operands, attributes

    def canonical(
        self, types: tuple[TensorType, ...], attributes: dict[str, Any]
    ) -> dict[str, Any]:
        """Attributes in the one form that the other rules see; refuses bad ones."""
        return attributes

    def infer(self, *types: Any, **attributes: Any) -> Type:
        """The type of the result, or a `Fault`."""
        raise InternalError(f"{self.name} has no type rule")

    def vjp(self, node: Node, cotangent: Node) -> Results:
        """Cotangents of the operands, before broadcasting is summed.

        None from a composite leaves its gradient to its expansion.
        """
        if self.level == "composite" and not self.no_gradient:
            return None
        reason = self.no_gradient or "it has no gradient rule"
        raise Fault("T0502", f"no gradient passes through `{self.name}`: {reason}")

    def needs(self, node: Node) -> Mapping[int, int]:
        """The least sizes that axes of the first operand need when the node runs."""
        return {}

    def run(self, *arguments: Any, **options: Any) -> Any:
        """The value of `run(xp, *arrays, out=None, **attributes)`.

        `xp` is NumPy or CuPy. An op that `writes` puts the value into `out` if given.
        """
        raise InternalError(f"{self.name} has no run body")

    def run_rounding(
        self, xp: Any, arrays: Sequence[Any], attributes: Mapping[str, Any]
    ) -> Any:
        """The value as IEEE says it, without NumPy's warnings."""
        with np.errstate(all="ignore"):
            return self.rounded(xp, arrays, attributes)

    def rounded(
        self, xp: Any, arrays: Sequence[Any], attributes: Mapping[str, Any]
    ) -> Any:
        """The value; a sum of halves is rounded once, at its end."""
        if not self.accumulates or xp is not np:
            return self.run(xp, *arrays, **attributes)
        halves = [array.dtype for array in arrays if is_half(array.dtype)]
        if not halves:
            return self.run(xp, *arrays, **attributes)
        wide = (a.astype(np.float32) if is_half(a.dtype) else a for a in arrays)
        return self.run(xp, *wide, **attributes).astype(halves[0])

    def flops(self, node: Node) -> Dim:
        """How many operations on numbers a node takes: one for each element it gives.

        Ops that take more an element say how many, those that move elements none.
        """
        if self.view or not self.arithmetic:
            return Dim.of(0)
        items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
        return sum((item.size for item in items), Dim.of(0))

    def expand(self, node: Node) -> Node:
        """A composite written with other ops."""
        raise InternalError(f"{self.name} has no expansion")

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return (inspect.getdoc(self) or "").split("\n")[0]

    def apply(
        self,
        inputs: tuple[Node, ...],
        attributes: Mapping[str, Any] | None = None,
        like: Node | None = None,
        name: str | None = None,
    ) -> Node:
        """The node of this op on nodes; `like` lends its name and place."""
        types = tuple(node.type for node in inputs)
        fixed = self.canonical(types, dict(attributes or {}))  # type: ignore[arg-type]
        return intern(
            self,
            inputs,
            fixed,
            lambda: self.infer(*types, **fixed),
            name or (like.name if like is not None else None),
            like.span if like is not None else None,
        )

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        call = None
        if current_trace() is None:
            call = written(self, arguments, options)
            if call is not None and (known := call.known) is not None:
                try:
                    return self._as_written(known, call)
                except Exception:  # noqa: BLE001 - it is told below
                    pass
        return self.called(arguments, options, call)

    def _as_written(self, known: Known, call: Written) -> Any:
        """A call that is written as an earlier one was."""
        if recording():
            return self._at_once(known, call, call.operands, known.attributes)
        value = known.run(call.arrays)
        return apart(value, call.operands) if call.replaced else value

    def called(
        self,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        call: Written | None = None,
    ) -> Any:
        """A call whose arguments are read and checked; `call` is kept if it can be."""
        bound = False
        try:
            operands, attributes = self.arguments(*arguments, **options)
            if attributes:
                self._read(attributes)
            bound = True
            found = self.dispatch(operands, attributes, arguments)
            if call is not None:
                call.keep(self, operands, attributes)
            return found
        except Fault as fault:
            if bound or any(isinstance(argument, Node) for argument in arguments):
                raise
            raise self._refused(fault, arguments) from None
        except InternalError:
            raise
        except Exception as error:
            told = self._explained(error, arguments, options)
            if told is error:
                raise
            raise told from None

    def _read(self, attributes: dict[str, Any]) -> None:
        """Bring attributes into their plain form; refuse those of another kind."""
        for name, kind in self.kinds:
            if name in attributes and attributes[name].__class__ not in kind.exact:
                attributes[name] = kind.read(name, attributes[name], self.name)

    def _refused(self, fault: Fault, given: Sequence[Any]) -> TensorTypeError:
        """The error of a refusal, which says in which op a bare value was refused."""
        names = list(inspect.signature(self.arguments).parameters)
        error = TensorTypeError.of(fault, caller_span(), names, given)
        (told,) = error.diagnostics
        texts = (told.message, *told.notes)
        if fault.code in OF_VALUES:
            if not any(f"`{self.name}`" in text for text in texts):
                notes = (*told.notes, f"this happened in `{self.name}`")
                error.diagnostics = (replace(told, notes=notes),)
        return error

    def _explained(
        self, error: Exception, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Exception:
        """What an argument of the wrong kind has led to, told as its fault."""
        if isinstance(error, TulleError) and not isinstance(error, NoTensorError):
            return error
        try:
            signature = inspect.signature(self.arguments)
            given = signature.bind(*arguments, **options).arguments
        except TypeError as wrong:
            return TensorTypeError.of(self._misused(options, wrong), caller_span())
        if isinstance(error, NoTensorError):
            error.tell_argument(self.name, given)
            return error
        if isinstance(error, MemoryError) or any(
            map(str(error).__contains__, TOO_LARGE)
        ):
            told = Fault("T0907", f"`{self.name}` takes more memory than there is")
            return self._refused(told, arguments)
        for name, kind in self.kinds:
            if name not in given:
                continue
            try:
                kind.read(name, given[name], self.name)
            except Fault as fault:
                if any(isinstance(argument, Node) for argument in arguments):
                    return fault
                return self._refused(fault, arguments)
        return error

    @cached_property
    def kinds(self) -> tuple[tuple[str, Kind], ...]:
        """The arguments whose kind the signature tells."""
        function = getattr(self.arguments, "__wrapped__", self.arguments)
        return tuple(kinds_of(function))

    @cached_property
    def takes_numbers(self) -> bool:
        """Whether all arguments are operands, plain numbers among them."""
        return self.elementwise and not self.kinds

    def dispatch(
        self,
        operands: Sequence[Any],
        attributes: dict[str, Any],
        given: Sequence[Any] = (),
    ) -> Any:
        """Apply to nodes, to symbols or to values, whichever the operands are."""
        if any(isinstance(operand, Node) for operand in operands):
            if nodes_promoted():
                nodes = [symbol_node(o) for o in self._promoted(operands)]
            else:
                like = self._like(operands)
                nodes = [as_node(operand, like) for operand in operands]
                if self.widened:
                    nodes = self._widened(nodes)
            return unpack(self.apply(tuple(nodes), attributes), None)
        traced = current_trace() is not None
        call = None if traced else call_of(self, operands, attributes)
        try:
            if call is not None and (known := call.known) is not None:
                return self._at_once(known, call, operands, attributes)
            if replacements() is not None or autocast_dtype() is not None:
                operands = [o.read() if is_variable(o) else o for o in operands]
            if is_symbolic(operands) or has_symbols(attributes):
                nodes = [symbol_node(o) for o in self._promoted(operands)]
                if self.elementwise:
                    self._refuse_pairs(nodes)
                return self._placed(self.apply(tuple(nodes), attributes))
            values = lying_together(operands, self._promoted(operands))
            return self.eager(values, attributes, call)
        except Fault as fault:
            raise self._refused(fault, given) from None

    def _refuse_pairs(self, nodes: Sequence[Node]) -> None:
        """Refuse a column beside a vector; layers of the library know what they do."""
        try:
            refuse_pairs(self.name, [n.tensor_type for n in nodes], nodes)
        except Fault:
            if current_trace() is None or called_by_user(OF_CALLS):
                raise

    def _placed(self, node: Any) -> Any:
        """The symbols of a new node, which learns where a user wrote it."""
        trace = current_trace()
        told = trace is None or trace.placing
        if told and isinstance(node, Node) and node.span is None:
            note_origin(node, caller_span())
        return unpack(node, SymbolicTensor)

    def _misused(self, options: dict[str, Any], wrong: TypeError) -> Fault:
        """A call that does not fit the signature, with the nearest name."""
        names = list(inspect.signature(self.arguments).parameters)
        unknown = next((key for key in options if key not in names), None)
        near = nearest_of(unknown or "", names)
        message = f"wrong call of `{self.name}`: {wrong}"
        if unknown is not None:
            message = f"`{self.name}` has no argument `{unknown}`"
        return Fault(
            "T0202",
            message,
            argument=unknown,
            help=[*(f"did you mean `{n}`?" for n in near), f"write {self.usage}"],
        )

    @property
    def usage(self) -> str:
        """The call as a signature, `sum(x, axis=None, keepdims=False)`."""
        parameters = inspect.signature(self.arguments).parameters.values()
        bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
        return f"`{self.name}({', '.join(map(str, bare))})`"

    def eager(
        self,
        operands: tuple[Any, ...],
        attributes: dict[str, Any],
        call: Call | None = None,
    ) -> Any:
        """Run on values at once, and tell the tapes; `call` keeps how it is done."""
        if self.elementwise and recording():
            tell_pairs(self, operands)
        from .runners import runner  # which needs what ops are made of

        arrays = call.arrays if call else together([o.array for o in operands])
        xp = module_of(arrays[0]) if arrays else array_module()
        run = runner(self, xp, operands, attributes, often=call is not None)
        value = run(arrays)
        token = call.keep(run) if call else None
        value = apart(value, operands)
        if recording():
            record(self, operands, attributes, value, token)
        return value

    def _at_once(
        self,
        known: tuple[Run, int] | Known,
        call: Call | Written,
        operands: Sequence[Any],
        attributes: dict[str, Any],
    ) -> Any:
        """A call whose like has been checked."""
        run, token = known[:2]
        value = apart(run(call.arrays), operands)
        if recording():
            if call.numbers:
                pairs = zip(operands, call.arrays, strict=True)
                operands = [Tensor(a) if type(o) in NUMBERS else o for o, a in pairs]
            if self.elementwise:
                tell_pairs(self, operands)
            record(self, operands, attributes, value, token)
        return value

    def _like(self, operands: Sequence[Any]) -> TensorType | None:
        """The type whose dtype plain numbers among the operands take."""
        group = operands[self.unified]
        return next((o.tensor_type for o in group if isinstance(o, Node)), None)

    def _widened(self, nodes: list[Node]) -> list[Node]:
        """Nodes of one dtype, cast where the op computes with a wider one."""
        group = range(len(nodes))[self.unified]
        dtypes = {nodes[index].dtype.name for index in group}
        wide = self.widened.get(min(dtypes)) if len(dtypes) == 1 else None
        if wide is None:
            return nodes
        cast = OPS["cast"]
        return [cast(n, wide) if i in group else n for i, n in enumerate(nodes)]

    def _promoted(self, operands: Sequence[Any]) -> list[Any]:
        """Operands as tensors of one dtype, as far as the op wants that."""
        chosen = list(operands)
        for index, operand in enumerate(chosen):
            if not isinstance(operand, (Operand, int, float)) and is_layer(operand):
                raise not_applied(operand, index)
        if self.operand_dtypes == "any":
            return [convert(operand) for operand in chosen]
        group = range(len(chosen))[self.unified]
        dtype = result_dtype(*(chosen[index] for index in group))
        if self.operand_dtypes == "float" and not dtype.is_float:
            dtype = default_float()
        if dtype.name in self.widened:
            dtype = dtype_of(self.widened[dtype.name])
        return [
            convert(operand, dtype if index in group else None)
            for index, operand in enumerate(chosen)
        ]

    def __reduce__(self) -> Any:
        return named, (self.name,)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def is_half(dtype: Any) -> bool:
    """Whether elements of an array are floats of 16 bits."""
    return bool(dtype.itemsize == 2 and (dtype.kind in "fV"))


Defined = TypeVar("Defined", bound="type[Op]")


def register(kind: Defined) -> Defined:
    """Enter an op class into the registry, under its name in snake case."""
    op = kind()
    name = op.name or kind.__name__.lower()
    # An import that Ctrl-C broke off may be done again.
    if name in OPS and repr(type(OPS[name])) != repr(kind):
        raise InternalError(f"two ops are called {name}")
    kind.name = name
    op.__doc__ = kind.__doc__
    OPS[name] = op
    return kind
