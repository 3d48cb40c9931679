"""Operands of losses and metrics: converted, compared, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..graph.decide import equal
from ..graph.diagnostics import Fault
from ..graph.dim import Origin, product
from ..graph.modes import handed
from ..graph.network import Network
from ..graph.node import Node
from ..graph.registry import OPS, call
from ..graph.tensor import SymbolicTensor, Tensor, convert_to_tensor
from ..graph.trace import current_trace
from ..graph.types import F32, I32, TensorType

_EXACT: ContextVar[bool] = ContextVar("exact_shapes", default=False)


@contextmanager
def exact_shapes() -> Iterator[None]:
    """Drop no axis of size 1 in here: target and prediction have to be of one shape.

    So the language reads them; Python forgives one last axis, as Keras does.
    """
    token = _EXACT.set(True)
    try:
        yield
    finally:
        _EXACT.reset(token)


_PREDICTED: ContextVar[Node | None] = ContextVar("predicted", default=None)


@contextmanager
def predicted_by(node: Node | None) -> Iterator[None]:
    """Let refusals point at the node of a model that the prediction stands for."""
    token = _PREDICTED.set(node)
    try:
        yield
    finally:
        _PREDICTED.reset(token)


def as_tensor(value: Any, dtype: Any = None) -> Any:
    """A tensor or symbolic tensor of what was given."""
    return convert_to_tensor(value, dtype)


def as_floats(value: Any) -> Any:
    """A tensor of floating-point values; integers become float32."""
    tensor = convert_to_tensor(value)
    return tensor if tensor.type.dtype.is_float else call("cast", tensor, F32.name)


def element_count(tensor: Any, axes: Sequence[int] | None = None) -> Any:
    """The number of elements along axes (None: all), as a number or a scalar."""
    shape = tensor.type.shape
    chosen = range(len(shape)) if axes is None else axes
    count = product(shape[axis] for axis in chosen)
    if count.value is not None:
        return float(count.value)
    return call("size", count, tensor.type.dtype)


def divide_no_nan(left: Any, right: Any) -> Any:
    """The quotient, 0 where the divisor is 0."""
    empty = right == 0
    return call("where", empty, 0.0, left / call("where", empty, 1.0, right))


def raise_rank(tensor: Any, rank: int) -> Any:
    """The tensor with axes of size 1 added at the end."""
    while tensor.type.rank < rank:
        tensor = call("expand_dims", tensor, -1)
    return tensor


def squeezed(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Target and prediction in one rank, where they differ by a last axis of size 1.

    Beside a column a vector becomes one too; otherwise the axis goes.
    """
    one, two = y_true.type, y_pred.type
    if _EXACT.get() or not _differ_by_last(one, two):
        return y_true, y_pred
    if min(one.rank, two.rank) == 1:
        return raise_rank(y_true, 2), raise_rank(y_pred, 2)
    if one.rank > two.rank:
        return call("squeeze", y_true, -1), y_pred
    return y_true, call("squeeze", y_pred, -1)


def _differ_by_last(one: TensorType, two: TensorType) -> bool:
    slim, wide = sorted((one, two), key=lambda type: type.rank)
    if wide.rank != slim.rank + 1 or not slim.rank or wide.shape[-1].value != 1:
        return False
    return _fits(slim, wide.with_shape(wide.shape[:-1]))


def same_shape(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Target and prediction in one shape, by `squeezed`; refuses others, T0601."""
    y_true, y_pred = squeezed(y_true, y_pred)
    check_same(name, y_true, y_pred)
    return y_true, y_pred


def labels_of(name: str, y_true: Any, y_pred: Any, axis: int) -> Any:
    """Class numbers without an axis of size 1 in the place of the classes.

    Raises T0601 or T0402 for what does not belong to the scores.
    """
    labels, scores = y_true.type, y_pred.type
    if labels.rank == scores.rank > 0 and not _EXACT.get():
        place = axis % scores.rank
        shape = list(scores.shape)
        shape[place] = labels.shape[place]
        if labels.shape[place].value == 1 and _fits(labels, scores.with_shape(shape)):
            y_true = call("squeeze", y_true, place)
    y_true = _as_labels(y_true)
    check_labels(name, y_true, y_pred, axis)
    return y_true


def _as_labels(labels: Any) -> Any:
    """Class numbers that come as floats, in whole numbers, as far as they are whole.

    The language and values with fractions are left to be refused.
    """
    if not labels.type.dtype.is_float or _EXACT.get():
        return labels
    if isinstance(labels, Tensor) and (labels.array != labels.array.round()).any():
        return labels
    trace = current_trace()
    if trace is not None and trace.strict:
        raise Fault("T0402", "whether labels are whole numbers is seen in values")
    return call("cast", labels, I32.name)


def check_same(name: str, y_true: Any, y_pred: Any) -> None:
    """Refuse operands of different shapes, T0601."""
    one, two = y_true.type, y_pred.type
    if one.rank == two.rank and _fits(one, two):
        return
    raise Fault(
        "T0601",
        f"`{name}` compares element by element, and the shapes differ: {one} and {two}",
        operands={0: f"{one}, the target", 1: f"{two}, the prediction"},
        dims=(*one.shape, *two.shape),
        notes=_broadcast_note(one, two),
        help=_advice(one, two),
    )


def _fits(one: TensorType, two: TensorType) -> bool:
    pairs = zip(one.shape, two.shape, strict=True)
    return all(equal(a, b) is True for a, b in pairs)


def _broadcast_note(one: TensorType, two: TensorType) -> list[str]:
    from ..graph.ops.elementwise import broadcast_shapes

    try:
        shape = broadcast_shapes("loss", (one, two))
    except Fault:
        return []
    told = f"broadcasting would make {two.with_shape(shape)}"
    if one.rank == two.rank:
        return [f"{told}: it repeats the one along the axis where the other goes on"]
    return [f"{told}: it pairs targets of other samples"]


def _advice(one: TensorType, two: TensorType) -> list[str]:
    for what, wide, slim in (("prediction", two, one), ("target", one, two)):
        if wide.rank == slim.rank + 1 and wide.shape[-1].value == 1:
            if _fits(wide.with_shape(wide.shape[:-1]), slim):
                return [f"drop the last axis of the {what}: `squeeze(…, axis=-1)`"]
    if two.rank == one.rank + 1 and _fits(one, two.with_shape(two.shape[:-1])):
        return ["for class numbers use the `sparse_categorical_…` form"]
    return ["bring both to one shape"]


def check_labels(name: str, y_true: Any, y_pred: Any, axis: int) -> None:
    """Refuse class numbers that do not belong to the predictions, T0601 or T0402."""
    labels, scores = y_true.type, y_pred.type
    if not scores.rank:
        raise Fault(
            "T0601",
            f"`{name}` needs one score for each class, and the prediction is {scores}",
            operands={1: f"{scores}, the prediction"},
        )
    axis %= scores.rank
    rest = [dim for index, dim in enumerate(scores.shape) if index != axis]
    if labels.rank != len(rest) or not _fits(labels, scores.with_shape(rest)):
        raise Fault(
            "T0601",
            f"`{name}` takes one class number where the prediction has one row of "
            f"scores: {labels} does not belong to {scores}",
            operands={0: f"{labels}, the target", 1: f"{scores}, the prediction"},
            help=_label_advice(labels, scores, rest),
        )
    if labels.dtype.is_float:
        raise Fault(
            "T0402",
            f"`{name}` takes class numbers, and the target is {labels}",
            operands={0: str(labels)},
            help=["give integers: `cast(…, i32)`"],
        )


def _label_advice(labels: TensorType, scores: TensorType, rest: Any) -> list[str]:
    wanted = labels.with_shape(rest)
    if labels.rank and labels.rank == scores.rank + 1:
        if _fits(scores, labels.with_shape(labels.shape[:-1])):
            return ["the target comes first, then the prediction: swap them"]
    if labels.rank == len(rest) + 1:
        if labels.shape[-1].value == 1:
            return ["drop the last axis of the target: `squeeze(…, axis=-1)`"]
        if _fits(labels, scores):
            return ["for one-hot targets use the `categorical_…` form"]
    return [f"the target would be {wanted}"]


def check_weights(name: str, losses: Any, weights: Any) -> None:
    """Refuse sample weights that would make the losses larger, T0601."""
    from ..graph.ops.elementwise import broadcast_shapes

    one, two = losses.type, weights.type
    try:
        made = broadcast_shapes(name, (one, two))
    except Fault:
        made = ()
    if len(made) == one.rank and _fits(one.with_shape(made), one):
        return
    ones = ", 1" * (one.rank - 1)
    raise Fault(
        "T0601",
        f"sample weights {two} do not belong to the losses of `{name}`, {one}",
        operands={0: f"{one}, the losses", 1: f"{two}, the weights"},
        help=[f"one weight a sample has the shape ({one.shape[0]}{ones})"]
        if one.rank
        else ["a loss that is already a scalar takes a scalar weight"],
    )


def check_logits(name: str, y_pred: Any, kind: str) -> None:
    """Refuse probabilities where logits are announced, T0602."""
    node = y_pred.node if isinstance(y_pred, SymbolicTensor) else None
    made = _maker(node) if node is not None else None
    if made is None or _made_by(made) != kind:
        return
    text, written = "the probabilities are made here", _PREDICTED.get()
    if made.span is None and written is not None:
        made = _maker(written)
    raise Fault(
        "T0602",
        f"`{name}` is told to take logits, and the prediction is what `{kind}` made",
        origins=[Origin(text, made.span)] if made.span else [],
        argument="loss",
        help=[f"leave out `{kind}`, or `from_logits`; the former is more exact"],
    )


SAME_VALUES = (
    "reshape", "cast", "stop_gradient", "squeeze", "expand_dims", "transpose", "clip",
    "getitem", "barrier", "ensure",
)  # fmt: skip
SAME_LAYERS = ("Reshape", "Flatten", "Identity", "Permute", "Dropout", "RepeatVector")
# With a constant as the other operand these keep what numbers are about.
SCALED = ("multiply", "divide", "add", "subtract", "minimum", "maximum")


def scores(y_pred: Any) -> Node | None:
    """What makes a prediction that is no probability: a layer without an activation."""
    from ..graph.layers import Dense, EinsumDense
    from ..graph.layers.convolution import Convolving

    node = y_pred.node if isinstance(y_pred, SymbolicTensor) else None
    if node is None:
        return None
    same = [name for name in SAME_VALUES if name != "clip"]
    made = _maker(node, same, ())
    layer = _layer_of(made)
    if isinstance(layer, Dense | EinsumDense | Convolving):
        return made if layer.activation is None else None
    return made if made.op.name == "matmul" else None


def _maker(
    node: Node, same: Sequence[str] = SAME_VALUES, scaled: Sequence[str] = SCALED
) -> Node:
    """What computes the values of a node, inside of a model that is a layer, too."""
    while True:
        node = handed(node)
        layer = _layer_of(node)
        if isinstance(layer, Network) and len(layer.output_nodes) == 1:
            node = layer.output_nodes[0]
        elif node.op.name in same or type(layer).__name__ in SAME_LAYERS:
            node = node.inputs[0]
        elif node.op.name in scaled and (other := _beside_constant(node)):
            node = other
        else:
            return node


def _beside_constant(node: Node) -> Node | None:
    """The operand of an op whose other operand is a constant."""
    others = [one for one in node.inputs if one.op.name not in ("constant", "full")]
    return others[0] if len(others) == 1 else None


def _layer_of(node: Node) -> Any:
    return node.attributes["call"].layer if node.op.name == "layer_call" else None


def _made_by(node: Node) -> str:
    """The op behind a node, or a layer's last activation."""
    layer = _layer_of(node)
    if layer is None:
        return node.op.name
    if type(layer).__name__ == "Softmax":
        return "softmax"
    activation = getattr(layer, "activation", None)
    return next((n for n in ("softmax", "sigmoid") if OPS.get(n) is activation), "")
