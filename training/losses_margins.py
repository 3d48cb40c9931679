"""Losses of margins: right answers need to lead by some distance."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph.diagnostics import Fault
from ..graph.masking import set_mask
from ..graph.registry import call
from .bounds import FROM_0
from .configured import told_to_caller
from .loss import FunctionLoss, Reduction, floats_of, plain
from .operands import as_floats, as_tensor

__all__ = [
    "CategoricalHinge",
    "Circle",
    "Hinge",
    "SquaredHinge",
    "categorical_hinge",
    "circle",
    "hinge",
    "squared_hinge",
]
# What stands for minus infinity in a logsumexp, and has a gradient.
NOTHING = -1e30


@told_to_caller
def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of `max(1 - y_true y_pred, 0)` over the last axis.

    Both f32[..., n], the result f32[...]; targets are -1 and 1, and where all are 0 or
    1 they are read so. Raises T0601 for unequal shapes.

    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]]).numpy().tolist()
    [1.0]
    """
    return call("mean", _lack("hinge", y_true, y_pred), axis=-1)


@told_to_caller
def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of `max(1 - y_true y_pred, 0)²` over the last axis.

    Both f32[..., n], the result f32[...]; targets are -1 and 1, and where all are 0 or
    1 they are read so. Raises T0601 for unequal shapes.

    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]]).numpy().tolist()
    [1.25]
    """
    lack = _lack("squared_hinge", y_true, y_pred)
    return call("mean", call("square", lack), axis=-1)


def _lack(name: str, y_true: Any, y_pred: Any) -> Any:
    """How much is missing for a lead of 1."""
    y_true, y_pred = floats_of(name, y_true, y_pred)
    binary = call("all", call("logical_or", y_true == 0, y_true == 1))
    signs = call("where", binary, 2.0 * y_true - 1.0, y_true)
    return call("relu", 1.0 - signs * y_pred)


@told_to_caller
def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """What the right class lacks for a lead of 1 over the best wrong one.

    Both f32[..., classes], the target one-hot, the result f32[...]. Raises T0601 for
    unequal shapes.

    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 1.0]]).numpy().tolist()
    [0.5]
    """
    y_true, y_pred = floats_of("categorical_hinge", y_true, y_pred)
    right = call("sum", y_true * y_pred, axis=-1)
    wrong = call("max", (1.0 - y_true) * y_pred, axis=-1)
    return call("maximum", wrong - right + 1.0, 0.0)


@told_to_caller
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Any:
    """How far embeddings of one class are from being nearer than those of others.

    `y_true` i32[B], `y_pred` f32[B, size] of length 1, the result f32[B]; each is held
    against `ref_labels` i32[R] and `ref_embeddings` f32[R, size], by default the batch
    itself, of which with `remove_diagonal` none is held against itself. The result
    carries a mask of what is above 0. Raises T0601 for other shapes. Formula: Sun et
    al. 2020.

    >>> loss = circle([0, 1], [[1.0, 0.0], [0.0, 1.0]], remove_diagonal=False)
    >>> loss.numpy().round(3).tolist()
    [0.0, 0.0]
    """
    y_pred, y_true = as_floats(y_pred), _column(y_true)
    references = y_pred if ref_embeddings is None else as_floats(ref_embeddings)
    labels = y_true if ref_labels is None else _column(ref_labels)
    _check_embeddings(y_true, y_pred)
    _check_embeddings(labels, references)
    alike = y_true == call("transpose", labels)
    other = call("logical_not", alike)
    if remove_diagonal:
        sizes = (y_true.type.shape[0], labels.type.shape[0])
        alike = call("logical_and", alike, call("eye", *sizes, dtype="int32") == 0)
    cosines = call("matmul", y_pred, call("transpose", references))
    distances = call("relu", 1.0 - cosines)
    near = gamma * (margin + distances) * (distances - margin)
    lead = call("relu", 1.0 + margin - distances)
    far = gamma * lead * (1.0 - margin - distances)
    positive, negative = (
        call("logsumexp", call("where", mask, value, NOTHING), axis=1)
        for mask, value in ((alike, near), (other, far))
    )
    losses = call("softplus", positive + negative)
    set_mask(losses, losses > 0)
    return losses


def _column(labels: Any) -> Any:
    labels = as_tensor(labels)
    return call("expand_dims", labels, -1) if labels.type.rank == 1 else labels


def _check_embeddings(labels: Any, embeddings: Any) -> None:
    one, two = labels.type, embeddings.type
    if two.rank == 2 and one.rank == 2 and one.shape[1].value == 1:
        return
    raise Fault(
        "T0601",
        f"`circle` takes labels [batch] and embeddings [batch, size], not {one} and "
        f"{two}",
        operands={0: f"{one}, the labels", 1: f"{two}, the embeddings"},
    )


class Hinge(FunctionLoss):
    """What answers lack for a lead of 1; see `hinge`.

    >>> Hinge()([[-1.0, 1.0]], [[0.5, 0.5]]).item()
    1.0
    """

    __init__ = plain(hinge)


class SquaredHinge(FunctionLoss):
    """The square of what answers lack for a lead of 1; see `squared_hinge`.

    >>> SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]]).item()
    1.25
    """

    __init__ = plain(squared_hinge)


class CategoricalHinge(FunctionLoss):
    """What the right class lacks for a lead of 1; see `categorical_hinge`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]]).item()
    0.5
    """

    __init__ = plain(categorical_hinge)


class Circle(FunctionLoss):
    """The loss of embeddings with labels; see `circle`.

    >>> Circle()([0, 0], [[1.0, 0.0], [1.0, 0.0]]).item()
    0.0
    """

    argument_bounds: ClassVar = {"gamma": FROM_0}

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ):
        super().__init__(
            circle,
            name,
            reduction,
            dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
