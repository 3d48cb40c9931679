"""A data set ready to run: checked arrays in a program's order, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import tree
from ..graph.device import array_module, module_of
from ..graph.diagnostics import Fault, RunShapeError
from ..graph.dim import Dim
from ..graph.match import empty_sizes
from ..graph.network import Network
from ..graph.types import F32, TensorType
from . import data
from .keeping import Watched, form_of
from .sources import checked_batch_size
from .steps import Signature
from .targets import named_targets, targets_of, told_count, weights_of

if TYPE_CHECKING:
    from .model import Model
    from .objective import OutputGoal

Array = Any

UNNAMED = ("input", "input_1")  # an input that its author gave no name


@dataclass
class Batches:
    """Arrays of equally many samples, and the types that their program is made for."""

    arrays: list[Array]
    signature: Signature
    size: int
    batch_size: int
    below: tuple[tuple[int, int], ...] = ()  # arrays that count from 0 to below a bound
    known_for: Watched | None = None  # the model as it was just found to be still

    @property
    def steps(self) -> int:
        return -(-self.size // self.batch_size)

    def each(
        self, order: Array | None = None, first: int = 0
    ) -> Iterator[tuple[int, list[Array]]]:
        """The number of samples done after a batch, and its arrays, from a batch on.

        Without an order the arrays are views; with one the samples are gathered into
        buffers that the next batch overwrites.
        """
        if not self.size:
            yield 0, self.arrays
        if order is None:
            for start in range(first * self.batch_size, self.size, self.batch_size):
                stop = min(start + self.batch_size, self.size)
                yield stop, [array[start:stop] for array in self.arrays]
            return
        from ..backend.gathering import gatherer

        xp = module_of(order)
        buffers = [
            xp.empty((min(self.batch_size, self.size), *array.shape[1:]), array.dtype)
            for array in self.arrays
        ]
        gather = gatherer(self.arrays, buffers, order)
        for start in range(first * self.batch_size, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            gather(start, stop)
            yield stop, [buffer[: stop - start] for buffer in buffers]


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
    inputs = list(map(data.of_rank, inputs, types))
    if not scored:
        types = _without_samples(types, inputs)
        _check_inputs(names, types, inputs, least=0)
        arrays = _converted(names, types, inputs)
        below = _check_ids(model, names, types, arrays)
        signature = Signature(tuple(types))
        return _checked(names, arrays, signature, batch_size, below, 0)
    outputs = model.output_types_for(types)
    goals = model.demand_compiled().goals
    outputs = tuple(model.demand_compiled().likes(outputs))
    wanted = named_targets(goals, targets_of(goals, y), names)
    _check_inputs(names, types, inputs, [t for t in wanted if t], outputs)
    arrays = _converted(names, types, inputs)
    below = _check_ids(model, names, types, arrays)
    targets: list[TensorType | None] = []
    weights: list[TensorType | None] = []
    for goal, output, target in zip(goals, outputs, wanted, strict=True):
        targets.append(_add_target(goal, output, target, names, arrays, below))
    given = weights_of(goals, outputs, sample_weight, class_weight, arrays)
    for goal, array, like in zip(goals, given, targets, strict=True):
        weights.append(_add_weight(goal, array, like or types[0], names, arrays))
    signature = Signature(tuple(types), tuple(targets), tuple(weights))
    return _checked(names, arrays, signature, batch_size, below)


def prepare_again(
    model: Model, x: Any, y: Any, sample_weight: Any, class_weight: Any, scored: bool
) -> Batches:
    """`prepare` for one of many batches: what their form decides is found out once."""
    given = (x, y, sample_weight)
    found: list[Array] = []
    form = form_of(given, found) if class_weight is None else None
    if form is None:
        return prepare(model, *given, class_weight, scored=scored)
    kept, key = model.steps.kept, (scored, array_module(), form)
    known = kept.recall(key)
    if known is not None:
        batch, places = known
        arrays = [found[place] for place in places]
        if all(map(data.surely_finite, arrays)) and all(
            data.surely_within(arrays[index], stop) for index, stop in batch.below
        ):
            return replace(batch, arrays=arrays, known_for=kept.latest)
    batch = prepare(model, *given, scored=scored)
    at = {id(array): place for place, array in enumerate(found)}
    places = [at.get(id(array)) for array in batch.arrays]
    if None not in places:
        kept.keep(key, (replace(batch, arrays=[]), places))
    return batch


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
) -> list[tuple[int, int]]:
    """Refuse ids that an `Embedding` has no row for, T0311; gives where ids are."""
    found = model.steps.looked_up(tuple(types))
    for index, layer, rows in found:
        data.check_ids(names[index], arrays[index], layer, rows)
    return [(index, rows) for index, _, rows in found]


def _check_inputs(
    names: Sequence[str],
    types: Sequence[TensorType],
    arrays: Sequence[Array],
    targets: Sequence[tuple[str, Array]] = (),
    outputs: Sequence[TensorType] = (),
    least: int = 1,
) -> None:
    """Refuse inputs of wrong sizes, before anything is said of their dtypes."""
    every = [*zip(names, arrays, strict=True), *targets]
    data.check_sizes([name for name, _ in every], [a for _, a in every], least)
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


def _without_samples(
    types: Sequence[TensorType], arrays: Sequence[Array]
) -> tuple[TensorType, ...]:
    """The types of inputs, with the number 0 for what the arrays have nothing of."""
    if all(map(np.size, arrays)):
        return tuple(types)
    shapes = [tuple(map(Dim.of, array.shape)) for array in arrays]
    given = [t.with_shape(s) for t, s in zip(types, shapes, strict=True)]
    empty = empty_sizes(types, given)
    return tuple(type.substitute(empty) for type in types)


def _checked(
    names: list[str],
    arrays: list[Any],
    signature: Signature,
    batch_size: int | None,
    below: Sequence[tuple[int, int]],
    least: int = 1,
) -> Batches:
    size = data.check_sizes(names, arrays, least)
    for name, array in zip(names, arrays, strict=True):
        data.check_finite(name, array)
    fixed = signature.inputs[0].shape[0].value if signature.inputs[0].rank else None
    chosen = _batch_size(batch_size, fixed, size)
    first = [array[:fixed] for array in arrays] if fixed else arrays
    data.check_types(names, signature.types, first)
    xp = array_module()
    own = [xp.asarray(array) for array in arrays]
    return Batches(own, signature, size, chosen, tuple(below))


def _batch_size(given: int | None, fixed: int | None, size: int) -> int:
    chosen = checked_batch_size(given if given is not None else fixed or 32)
    if fixed and (chosen != fixed or size % fixed):
        raise data.refuse(
            "T0701",
            f"the model is made for batches of exactly {fixed}, and {size} samples in "
            f"batches of {chosen} do not come out even",
            "leave `batch_size` out of `Input`: then every size fits",
        )
    return chosen


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
    model.take_names(x)
    names = model.names_of_inputs(_count(x))
    parts = _by_structure(model, x) if len(names) > 1 else None
    if parts is not None:
        values = parts
    elif isinstance(x, Mapping):
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
            f"{told_count(values)}",
        )
    if parts is None and isinstance(x, (list, tuple)) and isinstance(model, Network):
        if model.unordered is not None:
            raise data.refuse("T0701", *model.unordered)
    alone = len(names) == 1 and not isinstance(x, Mapping)
    labels = ["x"] if alone and names[0] in UNNAMED else list(names)
    return labels, [data.as_array(n, v) for n, v in zip(labels, values, strict=True)]


def _by_structure(model: Model, x: Any) -> list[Any] | None:
    """The arrays for inputs given as a nest, from a nest of the same form."""
    if not isinstance(model, Network) or not model.built:
        return None
    return tree.parts_as(model.input_structure, x)


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


def _add_target(
    goal: OutputGoal,
    output: TensorType,
    target: tuple[str, Array] | None,
    names: list[str],
    arrays: list[Any],
    below: list[tuple[int, int]],
) -> TensorType | None:
    if target is None:
        return None
    name, array = target
    type = goal.declared or data.target_type(array, output, goal.takes_labels)
    array = data.as_dtype(name, array, type.dtype)
    if goal.takes_labels and output.rank:
        classes = output.shape[-1].value
        data.check_labels(name, array, classes, goal.ignored_class)
        below += [] if classes is None else [(len(arrays), classes)]
    names.append(name)
    arrays.append(array)
    return type


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
