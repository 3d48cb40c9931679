"""Masks: truth values that travel with a tensor and say which steps count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import tree
from .calling import told_with
from .kinds import CALLS

if TYPE_CHECKING:
    from .layer import Layer


@told_with(CALLS)
def set_mask(x: Any, mask: Any) -> None:
    """Let a tensor carry a mask, true where a step counts.

    >>> from .tensor import convert_to_tensor
    >>> x = convert_to_tensor([[1.0, 2.0]])
    >>> set_mask(x, convert_to_tensor([[True, False]]))
    >>> get_mask(x).numpy().tolist()
    [[True, False]]
    """
    x._keras_mask = mask


def get_mask(x: Any) -> Any:
    """The mask that a tensor carries, or None."""
    return getattr(x, "_keras_mask", None)


def masks_of(value: Any) -> Any:
    """The masks of a nest of tensors, in a nest like it; None if there are none."""
    leaves, structure = tree.flatten(value)
    found = [get_mask(leaf) for leaf in leaves]
    if all(mask is None for mask in found):
        return None
    return tree.unflatten(structure, iter(found))


def carry(layer: Layer, inputs: Any, mask: Any, result: Any) -> None:
    """Let the results carry the mask that the layer makes of the given one."""
    if mask is None and not layer.makes_mask:
        return
    leaves, _ = tree.flatten(result)
    if all(get_mask(leaf) is not None for leaf in leaves):
        return
    made = layer.compute_mask(inputs, mask)
    # Fewer masks than results: those behind, such as scores, carry none, as in Keras.
    for leaf, one in zip(leaves, _listed(made), strict=False):
        if one is not None and get_mask(leaf) is None:
            set_mask(leaf, one)


def _listed(masks: Any) -> list[Any]:
    """The masks in a nest, in order; None stands for an output without one."""
    if isinstance(masks, dict):
        masks = list(masks.values())
    if isinstance(masks, (list, tuple)):
        return [mask for item in masks for mask in _listed(item)]
    return [masks]
