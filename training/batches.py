"""A data set ready to run: checked arrays in a program's order, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.device import array_module, module_of
from ..graph.diagnostics import Fault, RunShapeError
from ..graph.dim import Dim
from ..graph.network import Network
from ..graph.types import F32, TensorType
from . import data
from .class_weights import weights_of_classes
from .steps import Signature

if TYPE_CHECKING:
    from .model import Model
    from .objective import OutputGoal

Array = Any


@dataclass
class Batches:
    """Arrays of equally many samples, and the types that their program is made for."""

    arrays: list[Array]
    signature: Signature
    size: int
    batch_size: int

    @property
    def steps(self) -> int:
        return -(-self.size // self.batch_size)

    def each(self, order: Array | None = None) -> Iterator[tuple[int, list[Array]]]:
        """The number of samples done after a batch, and its arrays.

        Without an order the arrays are views; with one the samples are gathered into
        buffers that the next batch overwrites.
        """
        if order is None:
            for start in range(0, self.size, self.batch_size):
                stop = min(start + self.batch_size, self.size)
                yield stop, [array[start:stop] for array in self.arrays]
            return
        xp = module_of(order)
        buffers = [
            xp.empty((min(self.batch_size, self.size), *array.shape[1:]), array.dtype)
            for array in self.arrays
        ]
        for start in range(0, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            chosen = order[start:stop]
            batch = [buffer[: stop - start] for buffer in buffers]
            for array, buffer in zip(self.arrays, batch, strict=True):
                # "clip" writes without a copy; the indices are in range.
                xp.take(array, chosen, axis=0, out=buffer, mode="clip")
            yield stop, batch


def prepare(
    model: Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    batch_size: int | None = None,
    scored: bool = True,
) -> Batches:
    """Check data and put them in the order of the model's program.

    Raises `DataError` or `RunShapeError`, T0701, T0702, T0706 or T0708.
    """
    names, inputs = _inputs(model, x)
    types = model.input_types_for(inputs)
    if not scored:
        _check_inputs(names, types, inputs)
        arrays = _converted(names, types, inputs)
        _check_ids(model, names, types, arrays)
        return _checked(names, arrays, Signature(tuple(types)), batch_size)
    outputs = model.output_types_for(types)
    goals = model.demand_compiled().goals
    wanted = _named_targets(goals, _targets(goals, y), names)
    _check_inputs(names, types, inputs, [t for t in wanted if t], outputs)
    arrays = _converted(names, types, inputs)
    _check_ids(model, names, types, arrays)
    targets: list[TensorType | None] = []
    weights: list[TensorType | None] = []
    for goal, output, target in zip(goals, outputs, wanted, strict=True):
        targets.append(_add_target(goal, output, target, names, arrays))
    given = _weights(goals, outputs, sample_weight, class_weight, arrays)
    for goal, array, like in zip(goals, given, targets, strict=True):
        weights.append(_add_weight(goal, array, like or types[0], names, arrays))
    signature = Signature(tuple(types), tuple(targets), tuple(weights))
    return _checked(names, arrays, signature, batch_size)


def _converted(
    names: Sequence[str], types: Sequence[TensorType], arrays: Sequence[Array]
) -> list[Array]:
    return [
        data.as_dtype(name, array, type.dtype)
        for name, array, type in zip(names, arrays, types, strict=True)
    ]


def _check_ids(
    model: Model,
    names: Sequence[str],
    types: Sequence[TensorType],
    arrays: Sequence[Array],
) -> None:
    """Refuse ids that an `Embedding` has no row for, T0311."""
    for index, layer, rows in model.steps.looked_up(tuple(types)):
        data.check_ids(names[index], arrays[index], layer, rows)


def _check_inputs(
    names: Sequence[str],
    types: Sequence[TensorType],
    arrays: Sequence[Array],
    targets: Sequence[tuple[str, Array]] = (),
    outputs: Sequence[TensorType] = (),
) -> None:
    """Refuse inputs of wrong sizes, before anything is said of their dtypes."""
    every = [*zip(names, arrays, strict=True), *targets]
    data.check_sizes([name for name, _ in every], [array for _, array in every])
    fixed = types[0].shape[0].value if types[0].rank else None
    first = [array[:fixed] for array in arrays] if fixed else arrays
    try:
        data.check_shapes(names, types, first)
    except RunShapeError as error:
        if len(targets) == len(names) == len(outputs) == 1:
            output, (name, target) = outputs[0], targets[0]
            rows = output.with_shape(output.shape[:-1])
            if data.fits(types[0], target) and (
                data.fits(output, arrays[0]) or data.fits(rows, arrays[0])
            ):
                advice = f"they fit if swapped: `{names[0]}` and `{name}`"
                told = error.diagnostics[0]
                told = replace(told, help=(advice, *told.help))
                raise RunShapeError(told) from None
        raise


def _checked(
    names: list[str], arrays: list[Any], signature: Signature, batch_size: int | None
) -> Batches:
    size = data.check_sizes(names, arrays)
    for name, array in zip(names, arrays, strict=True):
        data.check_finite(name, array)
    fixed = signature.inputs[0].shape[0].value if signature.inputs[0].rank else None
    chosen = _batch_size(batch_size, fixed, size)
    first = [array[:fixed] for array in arrays] if fixed else arrays
    data.check_types(names, signature.types, first)
    xp = array_module()
    return Batches([xp.asarray(a) for a in arrays], signature, size, chosen)


def _batch_size(given: int | None, fixed: int | None, size: int) -> int:
    chosen = given if given is not None else fixed or 32
    whole = isinstance(chosen, (int, np.integer)) and not isinstance(chosen, bool)
    if not whole or chosen < 1:
        raise Fault(
            "T0204",
            f"`batch_size` is a positive integer, not {chosen!r}",
            argument="batch_size",
        )
    if fixed and (chosen != fixed or size % fixed):
        raise data.refuse(
            "T0701",
            f"the model is made for batches of exactly {fixed}, and {size} samples in "
            f"batches of {chosen} do not come out even",
            "leave `batch_size` out of `Input`: then every size fits",
        )
    return int(chosen)


def _inputs(model: Model, x: Any) -> tuple[list[str], list[Any]]:
    """Input arrays in the model's order, with the names for messages."""
    if x is None or hasattr(x, "__next__"):
        raise Fault(
            "T0204",
            "data are arrays here, not a generator"
            if x is not None
            else "`x` is missing",
            argument="x",
            help=["pass NumPy arrays, lists, or a dictionary by input name"],
        )
    names = model.names_of_inputs(_count(x))
    if isinstance(x, Mapping):
        missing = [name for name in names if name not in x]
        if missing:
            given = ", ".join(map(str, x)) or "nothing"
            raise data.refuse(
                "T0703",
                f"there is no data for the input `{missing[0]}`; given: {given}",
            )
        values = [x[name] for name in names]
    elif len(names) == 1:
        values = list(x) if _several(model, x) else [x]
    else:
        values = list(x) if isinstance(x, (list, tuple)) else [x]
    if len(values) != len(names):
        many = data.counted(len(names), "input")
        raise data.refuse(
            "T0701",
            f"the model has {many} ({', '.join(names)}), and `x` is "
            f"{_told_count(values)}",
        )
    labels = ["x"] if len(names) == 1 and not isinstance(x, Mapping) else list(names)
    return labels, [data.as_array(n, v) for n, v in zip(labels, values, strict=True)]


def _told_count(values: Sequence[Any]) -> str:
    """How many arrays were given; rows of numbers are one array."""
    rows = len(values) > 1 and not any(hasattr(value, "shape") for value in values)
    return "1 array" if rows else data.counted(len(values), "array")


def _several(model: Model, x: Any) -> bool:
    """Whether `x` for a model with one input is a list of whole arrays."""
    if not isinstance(x, (list, tuple)) or not all(hasattr(i, "shape") for i in x):
        return False
    if not isinstance(model, Network) or not model.built:
        return len(x) == 1
    return bool(x) and len(x[0].shape) == model.input_types[0].rank


def _count(x: Any) -> int:
    """The number of arrays in `x`, for a model that does not declare its inputs."""
    if isinstance(x, Mapping):
        return len(x)
    if isinstance(x, (list, tuple)) and x and all(hasattr(i, "shape") for i in x):
        return len(x)
    return 1


def _targets(goals: Sequence[OutputGoal], y: Any) -> list[Any]:
    """The target of each output, None where the output needs none."""
    needed = [goal for goal in goals if goal.needs_target]
    if y is None:
        if needed:
            raise data.refuse(
                "T0703",
                f"there is no target for the output `{needed[0].name}`: `y` is missing",
            )
        return [None] * len(goals)
    if isinstance(y, Mapping):
        known = [goal.name for goal in goals]
        strange = [key for key in y if key not in known]
        missing = [goal.name for goal in needed if goal.name not in y]
        if strange or missing:
            wrong = f"`{(missing or strange)[0]}`"
            raise data.refuse(
                "T0703",
                f"`y` has no target for the output {wrong}"
                if missing
                else f"`y` names the output {wrong}, which the model has not",
                f"the outputs are {', '.join(known)}",
            )
        return [y.get(goal.name) if goal.needs_target else None for goal in goals]
    if len(goals) == 1:
        single = isinstance(y, (list, tuple)) and len(y) == 1 and hasattr(y[0], "shape")
        return [y[0] if single else y]
    values = list(y) if isinstance(y, (list, tuple)) else [y]
    if len(values) != len(goals):
        raise data.refuse(
            "T0701",
            f"the model has {data.counted(len(goals), 'output')}, and `y` is "
            f"{_told_count(values)}",
            "name them: a dictionary by output name",
        )
    return [
        v if goal.needs_target else None for v, goal in zip(values, goals, strict=True)
    ]


def _named_targets(
    goals: Sequence[OutputGoal], values: Sequence[Any], taken: Sequence[str]
) -> list[tuple[str, Array] | None]:
    """The targets as arrays, with their names for messages."""
    found: list[tuple[str, Array] | None] = []
    for goal, value in zip(goals, values, strict=True):
        name = "y" if "y" not in taken and goal.single else goal.name
        found.append(None if value is None else (name, data.as_array(name, value)))
    return found


def _add_target(
    goal: OutputGoal,
    output: TensorType,
    target: tuple[str, Array] | None,
    names: list[str],
    arrays: list[Any],
) -> TensorType | None:
    if target is None:
        return None
    name, array = target
    type = data.target_type(array, output, goal.takes_labels)
    array = data.as_dtype(name, array, type.dtype)
    if goal.takes_labels and output.rank:
        data.check_labels(name, array, output.shape[-1].value, goal.ignored_class)
    names.append(name)
    arrays.append(array)
    return type


def _weights(
    goals: Sequence[OutputGoal],
    outputs: Sequence[TensorType],
    sample_weight: Any,
    class_weight: Any,
    arrays: list[Any],
) -> list[Any]:
    if class_weight is not None:
        if len(goals) != 1 or sample_weight is not None or not goals[0].needs_target:
            raise Fault(
                "T0204",
                "`class_weight` is for models with one output and its target, and "
                "without `sample_weight`",
                argument="class_weight",
            )
        return [weights_of_classes(class_weight, arrays[-1], outputs[0], goals[0])]
    if sample_weight is None:
        return [None] * len(goals)
    if isinstance(sample_weight, Mapping):
        return [sample_weight.get(goal.name) for goal in goals]
    if len(goals) > 1 and isinstance(sample_weight, (list, tuple)):
        return list(sample_weight)
    return [sample_weight if goal.needs_target else None for goal in goals]


def _add_weight(
    goal: OutputGoal, value: Any, like: TensorType, names: list[str], arrays: list[Any]
) -> TensorType | None:
    if value is None:
        return None
    name = "sample_weight" if goal.single else f"sample_weight of {goal.name}"
    array = data.as_dtype(name, data.as_array(name, value), F32)
    names.append(name)
    arrays.append(array)
    dims = [
        like.shape[axis]
        if axis < like.rank and like.shape[axis].value is None
        else Dim.of(size)
        for axis, size in enumerate(array.shape)
    ]
    return TensorType(F32, tuple(dims))


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays in a nest of data, with names for messages."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(str(key), item)
    elif _is_list_of_arrays(value):
        for index, item in enumerate(value):
            yield from leaves(f"{name}[{index}]", item)
    elif value is not None:
        yield name, value


def _is_list_of_arrays(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and hasattr(value[0], "shape")
        and bool(getattr(value[0], "ndim", 1))
    )


def split(value: Any, at: int) -> tuple[Any, Any]:
    """All arrays in a nest cut in two along the samples."""
    if value is None:
        return None, None
    if isinstance(value, Mapping):
        parts = {key: split(item, at) for key, item in value.items()}
        return {k: a for k, (a, _) in parts.items()}, {
            k: b for k, (_, b) in parts.items()
        }
    if _is_list_of_arrays(value):
        halves = [split(item, at) for item in value]
        return [a for a, _ in halves], [b for _, b in halves]
    array = data.as_array("x", value)
    return array[:at], array[at:]
