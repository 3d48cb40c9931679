"""Layers that widen, narrow or repeat axes of time or space; none has weights."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault
from ..dim import ZERO, Dim
from ..layer import Layer
from ..ops.formula import indexed
from ..ops.resizing import METHODS
from ..ops.windows import FORMATS, one_of, per_axis
from ..registry import call
from .formats import Spatial

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

Pair = tuple[int, int]


def _natural(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Bordered(Spatial):
    """A layer that adds or takes something before and after each axis of space."""

    def borders(self, argument: str, value: Any) -> tuple[Pair, ...]:
        """What lies before and after each axis: a number, one for each, or pairs."""
        given = (value,) * self.rank if self.rank == 1 or _natural(value) else value
        entries = [
            (entry, entry) if _natural(entry) else entry
            for entry in (given if isinstance(given, (tuple, list)) else ())
        ]
        fits = len(entries) == self.rank and all(
            isinstance(entry, (tuple, list))
            and len(entry) == 2
            and all(map(_natural, entry))
            for entry in entries
        )
        if not fits:
            pair = "a pair (before, after)"
            many = f"{self.rank} of these, or {self.rank} pairs (before, after)"
            raise Fault(
                "T0204",
                f"`{argument}` of `{type(self).__name__}` is a number from 0 on, or "
                f"{pair if self.rank == 1 else many}, not {value!r}",
                argument=argument,
            )
        return tuple((before, after) for before, after in entries)


class ZeroPadding(Bordered):
    """Zeros around the axes of space."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.padding = self.borders("padding", padding)

    def call(self, inputs: Any) -> Any:
        width = [(0, 0)] * self.checked(inputs).ndim
        for axis, pair in zip(self.space, self.padding, strict=True):
            width[axis] = pair
        return call("pad", inputs, width)


class ZeroPadding1D(ZeroPadding):
    """Zeros before the first step and after the last.

    `padding` is their number on both sides or a pair (before, after). Input
    f32[batch, steps, channels], output f32[batch, before + steps + after, channels];
    channels stand second with `channels_first`. Any dtype.

    >>> import numpy as np
    >>> ZeroPadding1D((0, 1))(np.ones((1, 2, 1), "float32")).numpy().ravel().tolist()
    [1.0, 1.0, 0.0]
    """


class ZeroPadding2D(ZeroPadding):
    """Zeros around images.

    `padding` is the number of rows and columns on each side, or (rows, columns), or
    ((top, bottom), (left, right)). Input f32[batch, height, width, channels], or
    channels second with `channels_first`. Any dtype.

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 0), (2, 2)))(np.ones((1, 4, 5, 3), "float32")).shape
    (1, 5, 9, 3)
    """

    rank = 2


class ZeroPadding3D(ZeroPadding):
    """Zeros around volumes.

    `padding` is a number, one for each of depth, height and width, or a pair (before,
    after) for each. Input f32[batch, depth, height, width, channels], or channels
    second with `channels_first`. Any dtype.

    >>> import numpy as np
    >>> ZeroPadding3D((0, 1, 2))(np.ones((1, 2, 3, 4, 1), "float32")).shape
    (1, 2, 5, 8, 1)
    """

    rank = 3


class Cropping(Bordered):
    """The axes of space without their borders."""

    def __init__(
        self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(data_format, **kwargs)
        self.cropping = self.borders("cropping", cropping)

    def call(self, inputs: Any) -> Any:
        shape = self.checked(inputs).type.shape
        index = [("slice", ZERO, size, 1) for size in shape]
        for axis, (before, after) in zip(self.space, self.cropping, strict=True):
            kept = shape[axis] - before - after
            most = kept.bounds()[1]
            if most is not None and most <= 0:
                raise Fault(
                    "T0320",
                    f"`{self.name}` leaves nothing of axis {axis}: "
                    f"{shape[axis]} - {before} - {after} = {kept}",
                    operands={0: str(inputs.type)},
                    dims=(shape[axis],),
                    help=[f"crop at most {shape[axis] - 1} in all, both ends together"],
                )
            index[axis] = ("slice", Dim.of(before), kept, 1)
        return indexed(inputs, tuple(index))


class Cropping1D(Cropping):
    """The steps without the first and the last ones.

    `cropping` is their number on both sides or a pair (before, after). Input
    f32[batch, steps, channels], output f32[batch, steps - before - after, channels].
    Any dtype. Raises T0320 if nothing is left.

    >>> import numpy as np
    >>> Cropping1D((2, 1))(np.ones((1, 5, 3), "float32")).shape
    (1, 2, 3)
    """

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        Layer.__init__(self, **kwargs)
        self.data_format = FORMATS[0]
        self.cropping = self.borders("cropping", cropping)


class Cropping2D(Cropping):
    """Images without their borders.

    `cropping` is the number of rows and columns on each side, or (rows, columns), or
    ((top, bottom), (left, right)). Input f32[batch, height, width, channels], or
    channels second with `channels_first`. Any dtype. Raises T0320 if nothing is left.

    >>> import numpy as np
    >>> Cropping2D(((1, 0), (2, 1)))(np.ones((1, 4, 5, 3), "float32")).shape
    (1, 3, 2, 3)
    """

    rank = 2

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(Cropping):
    """Volumes without their borders.

    `cropping` is a number, one for each of depth, height and width, or a pair (before,
    after) for each. Input f32[batch, depth, height, width, channels], or channels
    second with `channels_first`. Any dtype. Raises T0320 if nothing is left.

    >>> import numpy as np
    >>> Cropping3D((0, 1, 2))(np.ones((1, 2, 3, 5, 1), "float32")).shape
    (1, 2, 1, 1, 1)
    """

    rank = 3


class UpSampling(Spatial):
    """Each place along the axes of space repeated."""

    size: tuple[int, ...]

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.size = per_axis(type(self).__name__, "size", size, self.rank)

    def call(self, inputs: Any) -> Any:
        x = self.checked(inputs)
        times = dict(zip(self.space, self.size, strict=True))
        # All axes at once, which is one copy.
        pairs = [(size, times.get(axis, 1)) for axis, size in enumerate(x.type.shape)]
        thin = tuple(n for size, _ in pairs for n in (size, 1))
        wide = tuple(n for pair in pairs for n in pair)
        found = call("broadcast_to", call("reshape", x, thin), wide)
        return call("reshape", found, tuple(size * many for size, many in pairs))


class UpSampling1D(UpSampling):
    """Each step repeated `size` times.

    Input f32[batch, steps, channels], output f32[batch, steps * size, channels]. Any
    dtype.

    >>> import numpy as np
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).numpy().ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        Layer.__init__(self, **kwargs)
        self.data_format = FORMATS[0]
        self.size = per_axis(type(self).__name__, "size", size, self.rank)


class UpSampling2D(UpSampling):
    """Images made larger by whole numbers, `size` = (rows, columns).

    `interpolation` is nearest, which repeats pixels, bilinear, bicubic, lanczos3 or
    lanczos5; see `ops.image.resize`. Input f32[batch, height, width, channels], output
    f32[batch, height * rows, width * columns, channels]; channels stand second with
    `channels_first`. Integers become floats where pixels are mixed.

    >>> import numpy as np
    >>> UpSampling2D((3, 2))(np.ones((1, 2, 4, 3), "float32")).shape
    (1, 6, 8, 3)
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(size, data_format, **kwargs)
        kind, word = type(self).__name__, interpolation
        word = word.lower() if isinstance(word, str) else word
        self.interpolation = one_of(kind, "interpolation", word, METHODS)

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        shape = self.checked(inputs).type.shape
        larger = [shape[a] * n for a, n in zip(self.space, self.size, strict=True)]
        return call(
            "resize", inputs, larger, self.interpolation, data_format=self.data_format
        )


class UpSampling3D(UpSampling):
    """Volumes made larger by repeating voxels, `size` = (depth, rows, columns).

    Input f32[batch, depth, height, width, channels], or channels second with
    `channels_first`. Any dtype.

    >>> import numpy as np
    >>> UpSampling3D((1, 2, 3))(np.ones((1, 2, 2, 2, 1), "float32")).shape
    (1, 2, 4, 6, 1)
    """

    rank = 3
