"""Layers that put several tensors together."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ..advice import to_match
from ..decide import equal
from ..diagnostics import Fault
from ..layer import Layer
from ..registry import call

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
]


class Merge(Layer):
    """The base of layers that fold a list of tensors, element by element.

    A tensor of lower rank gets axes of size 1 after its batch axis. The result carries
    a mask if all tensors do: true where one of theirs is.
    """

    op = ""
    least = 1
    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where one of the masks is, if each tensor has one."""
        masks = list(previous_mask or [None])
        if any(mask is None for mask in masks):
            return None
        return reduce(lambda left, right: call("logical_or", left, right), masks)

    def call(self, inputs: Any) -> Any:
        return self.merge(widened(several(self, inputs, self.least)))

    def merge(self, tensors: list[Any]) -> Any:
        """The fold of tensors of one rank."""
        return reduce(lambda left, right: call(self.op, left, right), tensors)


class MaskedMerge(Merge):
    """The base of layers that leave masked steps of one tensor to the others."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        tensors = several(self, inputs, self.least)
        masks = list(mask) if isinstance(mask, (list, tuple)) else [None] * len(tensors)
        wide = widened(tensors)
        if all(one is None for one in masks) or len({x.ndim for x in tensors}) > 1:
            return self.merge(wide)
        pairs = zip(masks, wide, strict=True)
        kept = [None if one is None else along(one, x) for one, x in pairs]
        return self.merge_masked(wide, kept)

    def merge_masked(self, tensors: list[Any], masks: list[Any]) -> Any:
        """The fold of tensors of one rank; masks have their rank, or are None."""
        result, kept = tensors[0], masks[0]
        for x, mask in zip(tensors[1:], masks[1:], strict=True):
            seen = x if mask is None else call("where", mask, x, result)
            own = result if kept is None else call("where", kept, result, seen)
            either = kept is not None and mask is not None
            kept = call("logical_or", kept, mask) if either else None
            result = call(self.op, own, seen)
        return result


def several(layer: Layer, inputs: Any, least: int) -> list[Any]:
    """The tensors of a list; refuses anything else."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        given = len(inputs) if isinstance(inputs, (list, tuple)) else "a tensor"
        raise Fault(
            "T0203",
            f"`{layer.name}` takes a list of at least {least} tensors and got {given}",
            help=[f"write `{type(layer).__name__}()([x, y])`"],
        )
    return list(inputs)


def refuse_more(layer: Layer, tensors: list[Any]) -> None:
    """Refuse more than two tensors."""
    if len(tensors) > 2:
        raise Fault("T0203", f"`{layer.name}` takes two tensors and got {len(tensors)}")


def widened(tensors: list[Any]) -> list[Any]:
    """Tensors of one rank: axes of size 1 are put after the batch axis."""
    rank = max(tensor.ndim for tensor in tensors)
    return [_of_rank(tensor, rank) for tensor in tensors]


def _of_rank(tensor: Any, rank: int) -> Any:
    while tensor.ndim < rank:
        tensor = call("expand_dims", tensor, min(1, tensor.ndim))
    return tensor


def along(mask: Any, x: Any) -> Any:
    """A mask of the first axes of a tensor, with axes of size 1 for the others."""
    while mask.ndim < x.ndim:
        mask = call("expand_dims", mask, -1)
    return mask


class Add(Merge):
    """The sum of a list of tensors; sizes broadcast.

    >>> import numpy as np
    >>> pair = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    >>> Add()(pair).numpy().tolist()
    [4.0, 6.0]
    """

    op = "add"


class Subtract(Merge):
    """The first of two tensors minus the second.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Subtract()(pair).numpy().tolist()
    [2.0]
    """

    op = "subtract"
    least = 2

    def merge(self, tensors: list[Any]) -> Any:
        refuse_more(self, tensors)
        return super().merge(tensors)


class Multiply(MaskedMerge):
    """The product of a list of tensors; sizes broadcast.

    Masked steps count as 1, and as 0 if they are masked in all tensors.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([2.0])]
    >>> Multiply()(pair).numpy().tolist()
    [6.0]
    """

    op = "multiply"

    def merge_masked(self, tensors: list[Any], masks: list[Any]) -> Any:
        pairs = list(zip(tensors, masks, strict=True))
        result = self.merge(
            [x if mask is None else call("where", mask, x, 1) for x, mask in pairs]
        )
        if any(mask is None for mask in masks):
            return result
        seen = reduce(lambda left, right: call("logical_or", left, right), masks)
        return call("where", seen, result, 0)


class Average(Merge):
    """The mean of a list of tensors; sizes broadcast.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Average()(pair).numpy().tolist()
    [2.0]
    """

    op = "add"

    def merge(self, tensors: list[Any]) -> Any:
        return super().merge(tensors) / float(len(tensors))


class Maximum(MaskedMerge):
    """The largest of a list of tensors, element by element.

    Masked steps of one tensor are taken from the others.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Maximum()(pair).numpy().tolist()
    [3.0]
    """

    op = "maximum"


class Minimum(MaskedMerge):
    """The smallest of a list of tensors, element by element.

    Masked steps of one tensor are taken from the others.

    >>> import numpy as np
    >>> pair = [np.array([3.0]), np.array([1.0])]
    >>> Minimum()(pair).numpy().tolist()
    [1.0]
    """

    op = "minimum"


class Concatenate(Layer):
    """A list of tensors joined along `axis`; the other axes are equal.

    >>> import numpy as np
    >>> pair = [np.array([1.0]), np.array([2.0])]
    >>> Concatenate()(pair).numpy().tolist()
    [1.0, 2.0]
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return call("concatenate", several(self, inputs, 1), axis=self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks joined along `axis`, true where there is none."""
        if previous_mask is None or all(mask is None for mask in previous_mask):
            return None
        pairs = zip(inputs, previous_mask, strict=True)
        masks = [_full_mask(x, mask) for x, mask in pairs]
        return call("any", call("concatenate", masks, axis=self.axis), axis=-1)


def _full_mask(x: Any, mask: Any) -> Any:
    """A mask with the shape of its tensor."""
    if mask is None:
        return call("ones_like", x, dtype="bool")
    return call("broadcast_to", along(mask, x), x.type.shape)


class Dot(Layer):
    """The product of two tensors, summed over one axis of each, sample by sample.

    `axes` is an axis of both, or a pair with one of each; the batch axis is none of
    them. Inputs f32[batch, ...], output f32[batch, ...] with the other axes of the
    first and then those of the second, or f32[batch, 1] if there are none. `normalize`
    first brings the vectors along `axes` to norm 1, which gives their cosine. Raises
    T0302 for axes of different sizes.

    >>> import numpy as np
    >>> pair = [np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]
    >>> Dot(axes=1)(pair).numpy().tolist()
    [[11.0]]
    """

    supports_masking = True

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        pair = tuple(axes) if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(pair) != 2 or any(type(axis) is not int or axis == 0 for axis in pair):
            raise Fault(
                "T0204",
                "`axes` of `Dot` is an axis of both tensors or a pair of axes, none of "
                f"them the batch axis 0, not {axes!r}",
                argument="axes",
            )
        self.axes = axes if isinstance(axes, int) else pair
        self.pair, self.normalize = pair, bool(normalize)

    def call(self, inputs: Any) -> Any:
        tensors = several(self, inputs, 2)
        refuse_more(self, tensors)
        places = [
            self._place(x, axis) for x, axis in zip(tensors, self.pair, strict=True)
        ]
        self._compare(tensors, places)
        if self.normalize:
            pairs = zip(tensors, places, strict=True)
            tensors = [call("normalize", x, axis=axis) for x, axis in pairs]
        left, right = tensors
        first = "".join(chr(ord("c") + i) for i in range(left.ndim - 1))
        second = "".join(chr(ord("C") + i) for i in range(right.ndim - 1))
        one = first[: places[0] - 1] + "b" + first[places[0] :]
        two = second[: places[1] - 1] + "b" + second[places[1] :]
        rest = (one + two).replace("b", "")
        result = call("einsum", f"a{one},a{two}->a{rest}", left, right)
        return result if rest else call("expand_dims", result, -1)

    def _place(self, x: Any, axis: int) -> int:
        place = axis + x.ndim if axis < 0 else axis
        if not 0 < place < x.ndim:
            raise Fault(
                "T0303",
                f"`axes` of `{self.name}` names axis {axis}, and behind its batch axis "
                f"{x.type} has {x.ndim - 1}",
                operands={0: str(x.type)},
                argument="axes",
            )
        return place

    def _compare(self, tensors: list[Any], places: list[int]) -> None:
        sizes = [x.type.shape[i] for x, i in zip(tensors, places, strict=True)]
        if equal(*sizes) is False:
            raise Fault(
                "T0302",
                f"`{self.name}` sums over axis {places[0]} of {tensors[0].type} and "
                f"axis {places[1]} of {tensors[1].type}, and {sizes[0]} is not "
                f"{sizes[1]}",
                operands={i: str(x.type) for i, x in enumerate(tensors)},
                dims=(sizes[0], sizes[1]),
                argument="axes",
                help=to_match(*sizes) or ["name two axes of one size in `axes`"],
            )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the steps are summed up."""
