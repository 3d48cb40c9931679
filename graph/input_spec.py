"""`InputSpec`: what a layer says of the inputs that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .calling import told_with
from .diagnostics import Fault, TensorTypeError, caller_span
from .dim import Dim
from .kinds import CALLS, shown
from .operand import Operand
from .types import DTypeLike, dtype_of

if TYPE_CHECKING:
    from .layer import Layer


class InputSpec:
    """What one input of a layer has to be; a layer has it as `input_spec`.

    `shape` is with the batch, None for any size; `axes` maps axes to sizes; `ndim`,
    `min_ndim` and `max_ndim` bound the number of axes. With `allow_last_axis_squeeze`
    a last axis of size 1 may be there or not. `name` is the key of the input in a
    dictionary, `optional` allows None.

    >>> spec = InputSpec(min_ndim=2, axes={-1: 3})
    >>> spec
    InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: DTypeLike | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        try:
            self.dtype = None if dtype is None else dtype_of(dtype).name
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None
        if shape is not None and not isinstance(shape, Sequence):
            raise _refused(f"`shape` is a list of sizes, and this is {shown(shape)}")
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise _refused(f"`axes` maps axes to sizes, and this is {axes!r}") from None
        most = self.ndim if self.ndim is not None else self.max_ndim
        beyond = [axis for axis in self.axes if most is not None and axis >= most]
        if beyond:
            raise _refused(f"`axes` names axis {beyond[0]}, and there are {most} axes")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = "dtype shape ndim max_ndim min_ndim axes optional".split()
        config = {name: getattr(self, name) for name in names}
        more = {"allow_last_axis_squeeze": self.allow_last_axis_squeeze}
        return {**config, **(more if self.allow_last_axis_squeeze else {})}

    @classmethod
    @told_with(CALLS)
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """The specification of a configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        told = [f"{n}={value}" for n in names if (value := getattr(self, n))]
        return f"InputSpec({', '.join(told)})"

    def objection(self, operand: Any) -> str:
        """What is wrong with an input, in words; empty if it fits."""
        shape: tuple[Dim, ...] = operand.type.shape
        squeezed = self.allow_last_axis_squeeze
        return (
            ("" if squeezed else _rank(self.ndim, len(shape), "{} axes"))
            or _rank(self.max_ndim, len(shape), "at most {} axes", -1)
            or _rank(self.min_ndim, len(shape), "at least {} axes", 1)
            or self._dtype(operand)
            or self._sizes(shape)
        )

    def _dtype(self, operand: Any) -> str:
        wrong = self.dtype is not None and operand.dtype != self.dtype
        return f"elements of {self.dtype}" if wrong else ""

    def _sizes(self, shape: tuple[Dim, ...]) -> str:
        for axis, size in self.axes.items():
            if not -len(shape) <= axis < len(shape) or _differ(shape[axis], size):
                return f"size {size} at axis {axis}"
        if self.shape is None:
            return ""
        wanted = self.shape
        if self.allow_last_axis_squeeze:
            shape = shape[:-1] if shape and shape[-1].value == 1 else shape
            wanted = wanted[:-1] if wanted and wanted[-1] == 1 else wanted
        pairs = zip(shape, wanted, strict=False)
        if len(shape) == len(wanted) and not any(_differ(*pair) for pair in pairs):
            return ""
        return f"shape {self.shape}"


def _rank(wanted: int | None, found: int, words: str, sign: int = 0) -> str:
    """Words if a number of axes is wrong, or too low (1) or too high (-1)."""
    if wanted is None:
        return ""
    wrong = found != wanted if not sign else (wanted - found) * sign > 0
    return words.format(wanted) if wrong else ""


def _differ(found: Dim, wanted: int | None) -> bool:
    return None not in (found.value, wanted) and found.value != wanted


def check_input(layer: Layer, inputs: Any) -> None:
    """Refuse inputs that do not fit the layer's `input_spec`, T0306."""
    specs = _flat(layer.input_spec)
    names = [None if spec is None else spec.name for spec in specs]
    if isinstance(inputs, dict) and all(names):
        missing = next((name for name in names if name not in inputs), None)
        if missing is not None:
            given = ", ".join(map(str, inputs)) or "nothing"
            raise Fault(
                "T0203", f"`{layer.name}` misses the input `{missing}`; given: {given}"
            )
        inputs = [inputs[name] for name in names]
    operands = _flat(inputs)
    if len(operands) != len(specs):
        called = f" ({', '.join(map(str, names))})" if all(names) else ""
        raise Fault(
            "T0203",
            f"`{layer.name}` takes {len(specs)} inputs{called} and got {len(operands)}",
        )
    for index, (spec, operand) in enumerate(zip(specs, operands, strict=True)):
        if spec is None or not isinstance(operand, Operand):
            continue
        wanted = spec.objection(operand)
        if wanted:
            which = f"input {index + 1}" if len(specs) > 1 else "the input"
            type = str(operand.type)  # type: ignore[attr-defined]
            raise Fault(
                "T0306",
                f"{which} of `{layer.name}` needs {wanted}, and it is {type}",
                operands={index: type},
            )


def _flat(nest: Any) -> list[Any]:
    if isinstance(nest, dict):
        nest = list(nest.values())
    if not isinstance(nest, (list, tuple)):
        return [nest]
    return [leaf for item in nest for leaf in _flat(item)]


def _refused(words: str) -> TensorTypeError:
    return TensorTypeError.of(Fault("T0204", words, argument="axes"), caller_span())
