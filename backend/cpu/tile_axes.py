"""Whether a loop kernel can run on some images and rows alone, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..loops import LoopKernel
from ..loops.language import Access, Nest


class TileAxes(NamedTuple):
    """The dimensions of an array that are the images of a tile, and its rows."""

    image: int | None
    row: int | None


NOWHERE = TileAxes(None, None)


def tile_axes(kernel: LoopKernel, tiled: Sequence[int]) -> list[TileAxes] | None:
    """For each operand and output where its images and rows are.

    Those of the operands that are `tiled` are their first dimensions. None if a kernel
    looks beyond the images and rows that it computes.
    """
    if len(kernel.nests) > 1 or kernel.partials:
        return None
    nest = kernel.nests[0]
    places = [access.axes[:2] for access in nest.accesses if access.array in tiled]
    if len(set(places)) != 1:
        return None
    if any(one.picked is not None and one.array in tiled for one in nest.accesses):
        return None
    moving = {axis for axis in places[0] if axis is not None}
    if _looks_around(nest, moving):
        return None
    count = len(kernel.operands) + len(kernel.outputs)
    found = []
    for array in range(count):
        here = {_of(one, places[0]) for one in nest.accesses if one.array == array}
        if len(here) > 1:
            return None
        found.append(here.pop() if here else NOWHERE)
        axes = [one.axes for one in nest.accesses if one.array == array]
        if array >= len(kernel.operands) and not moving <= set(axes[0]):
            return None
    return found


def _looks_around(nest: Nest, moving: set[int]) -> bool:
    """Whether a nest counts along axes, or folds them."""
    counted = {value.data for value in nest.values if value.op == "index"}
    folded = set(nest.along("inner")) if nest.has_folds else set[int]()
    return bool(moving & (counted | folded))


def _of(access: Access, axes: Sequence[int | None]) -> TileAxes:
    image, row = (
        access.axes.index(axis) if axis is not None and axis in access.axes else None
        for axis in axes
    )
    return TileAxes(image, row)
