"""Layers that spread the values of pictures evenly, by how often each occurs."""

from __future__ import annotations

from typing import Any

from ..dim import Dim, ceildiv, product
from ..ops.windows import channels_last, in_format, per_axis
from ..registry import call
from ..types import I32
from .augmentation import Augmentation, number, value_bounds
from .colouring import BYTES, rescaled
from .core import positive

__all__ = [
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
]


def counted(ids: Any, groups: Dim, bins: int) -> Any:
    """How often each of `bins` numbers occurs in each group, f32[groups, bins]."""
    flat = call("reshape", ids, (product(ids.type.shape),))
    ones = call("ones", flat.type.shape, "float32")
    found = call("segment_sum", ones, flat, groups * bins)
    return call("reshape", found, (groups, bins))


def slots(images: Any, bins: int) -> Any:
    """Values from 0 to 255 as numbers of `bins` bins."""
    scaled = images * ((bins - 1) / 255.0)
    return call("cast", call("clip", scaled, 0.0, bins - 1.0), "int32")


class Equalization(Augmentation):
    """In training, values replaced such that all are about equally frequent.

    Input and output f32[batch, height, width, channels] with values in `value_range`.
    Values are counted in `bins`, for each channel and over all pictures of a batch,
    as Keras counts them; a channel whose values lie in one bin stays as it is.

    >>> import numpy as np
    >>> x = np.array([[[[100.0], [101.0], [102.0]]]])
    >>> Equalization()(x).numpy().ravel().tolist()
    [0.0, 128.0, 255.0]
    """

    def __init__(
        self,
        value_range: Any = BYTES,
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(None, data_format, **kwargs)
        self.value_range = value_bounds(self, value_range)
        self.bins = positive(self, "bins", bins)

    def changed(self, images: Any) -> Any:
        last: Any = channels_last(images, self.data_format)
        values = rescaled(last, self.value_range, BYTES)
        channels = values.type.shape[3]
        ids = slots(values, self.bins) + call("arange", channels) * self.bins
        counts = counted(ids, channels, self.bins)
        sums = call("cumsum", counts, axis=1)
        total = call("max", sums, axis=1, keepdims=True)
        first = call("where", sums > 0.0, sums, total)
        first = call("min", first, axis=1, keepdims=True)
        rest = call("maximum", total - first, 1.0)
        table = call("round", (sums - first) * 255.0 / rest)
        table = call("cast", call("clip", table, 0.0, 255.0), images.dtype)
        found = call("take", call("reshape", table, (channels * self.bins,)), ids)
        many = call("sum", call("cast", counts > 0.0, "int32"), axis=1) > 1
        found = rescaled(call("where", many, found, values), BYTES, self.value_range)
        return in_format(found, self.data_format)


class ContrastLimitedAdaptiveHistogramEqualization(Augmentation):
    """Values replaced such that all are about equally frequent around each pixel.

    Input and output f32[batch, height, width, channels] with values in `value_range`.
    The picture is cut into `tile_grid_size` (rows, columns) of tiles, mirrored where
    they do not fit; the counts of 256 values in a tile are cut at `clip_limit` times
    their mean, if that is above 0, and each pixel is mapped between the four tiles
    around it. It acts in training and without. Source: Zuiderveld 1994.

    >>> import numpy as np
    >>> x = np.array([[[[0.0], [255.0]]]])
    >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1))
    >>> layer(x).shape
    (1, 1, 2, 1)
    """

    always = True
    LEVELS = 256

    def __init__(
        self,
        value_range: Any = BYTES,
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(None, data_format, **kwargs)
        self.value_range = value_bounds(self, value_range)
        self.clip_limit = float(clip_limit)
        self.tile_grid_size = per_axis(
            type(self).__name__, "tile_grid_size", tile_grid_size, 2
        )

    def changed(self, images: Any) -> Any:
        last: Any = channels_last(images, self.data_format)
        values = rescaled(last, self.value_range, BYTES)
        sizes = values.type.shape[1:3]
        tiles = [
            ceildiv(n, grid) for n, grid in zip(sizes, self.tile_grid_size, strict=True)
        ]
        for axis, (size, tile, grid) in enumerate(
            zip(sizes, tiles, self.tile_grid_size, strict=True), 1
        ):
            values = call("take", values, mirrored(size, tile * grid), axis=axis)
        levels = call("cast", call("clip", values, 0.0, 255.0), "int32")
        table = self._tables(levels, tiles)
        found = call("cast", self._between(table, levels, tiles), images.dtype)
        for axis, size in enumerate(sizes, 1):
            found = call("take", found, call("arange", size), axis=axis)
        return in_format(rescaled(found, BYTES, self.value_range), self.data_format)

    def _tables(self, levels: Any, tiles: list[Dim]) -> Any:
        """What levels become in tiles: f32[batch rows columns channels 256]."""
        batch, _, _, channels = levels.type.shape
        rows, columns = self.tile_grid_size
        places = [
            call("floor_divide", call("arange", side * count), whole(side))
            for count, side in zip(self.tile_grid_size, tiles, strict=True)
        ]
        tile = self._flat(levels.type.shape, places)
        groups = batch * (rows * columns) * channels
        counts = counted(tile + levels, groups, self.LEVELS)
        area = number(tiles[0] * tiles[1], "float32")
        if self.clip_limit > 0:
            kept = call("minimum", counts, area * (self.clip_limit / self.LEVELS))
            excess = call("sum", counts - kept, axis=1, keepdims=True)
            counts = kept + excess / self.LEVELS
        sums = call("cumsum", counts, axis=1)
        least = call("min", sums, axis=1, keepdims=True)
        rest = area - least
        rest = call("where", call("equal", rest, 0.0), 1.0, rest)
        table = call("clip", (sums - least) * 255.0 / rest, 0.0, 255.0)
        return call("reshape", table, (groups * self.LEVELS,))

    def _flat(self, shape: Any, places: list[Any]) -> Any:
        """Where the table of each pixel begins, its tile given by row and column."""
        batch, _, _, channels = shape
        rows, columns = self.tile_grid_size
        start = call("reshape", call("arange", batch), (batch, 1, 1, 1))
        down = call("reshape", places[0], (1, shape[1], 1, 1))
        across = call("reshape", places[1], (1, 1, shape[2], 1))
        tile = (start * rows + down) * columns + across
        return (tile * whole(channels) + call("arange", channels)) * self.LEVELS

    def _between(self, table: Any, levels: Any, tiles: list[Dim]) -> Any:
        """The levels by the tables of the four tiles around, as near as they are."""
        shape, ends = levels.type.shape, []
        for side, grid, place in zip(tiles, self.tile_grid_size, (1, 2), strict=True):
            length = number(side, "float32")
            at = call("cast", call("arange", shape[place]), "float32") / length - 0.5
            low = call("floor", at)
            form = (1, shape[1], 1, 1) if place == 1 else (1, 1, shape[2], 1)
            near = [call("clip", low + more, 0.0, grid - 1.0) for more in (0.0, 1.0)]
            share = call("reshape", at - low, form)
            ends.append(([call("cast", n, "int32") for n in near], share))
        (rows, down), (columns, across) = ends
        upper, lower = (
            self._read(table, levels, row, columns[0]) * (1.0 - across)
            + self._read(table, levels, row, columns[1]) * across
            for row in rows
        )
        return upper * (1.0 - down) + lower * down

    def _read(self, table: Any, levels: Any, row: Any, column: Any) -> Any:
        return call(
            "take", table, self._flat(levels.type.shape, [row, column]) + levels
        )


def whole(size: Dim) -> Any:
    """A size as an integer tensor."""
    return call("size", value=size, dtype=I32)


def mirrored(size: Dim, count: Dim) -> Any:
    """The first `count` places of a line of `size` and its mirror image in turn."""
    if size == count:
        return call("arange", size)
    twice = whole(size * 2)
    place = call("mod", call("arange", count), twice)
    return call("minimum", place, twice - 1 - place)
