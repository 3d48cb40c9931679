"""Rows of patches and blocks, place by place."""

from typing import Any

import numpy as np
from op_row import Row

FIRST = "channels_first"


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
           stride: Any = 1) -> Any:  # fmt: skip
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    counts = [
        (n - (k - 1) * dilation - 1) // stride + 1
        for n, k in zip(x.shape[2:], kernel, strict=True)
    ]
    columns = [
        x[:, :, i * stride :, j * stride :][
            :,
            :,
            : (kernel[0] - 1) * dilation + 1 : dilation,
            : (kernel[1] - 1) * dilation + 1 : dilation,
        ].reshape(x.shape[0], x.shape[1] * kernel[0] * kernel[1])
        for i, j in np.ndindex(*counts)
    ]
    return np.stack(columns, axis=2)


def folded(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1,
           padding: Any = 0, stride: Any = 1) -> Any:  # fmt: skip
    """Each column added where `unfold` finds the numbers of places."""
    space = output_size if isinstance(output_size, tuple) else (output_size,) * 2
    taps = np.prod(kernel_size) if isinstance(kernel_size, tuple) else kernel_size**2
    found = np.zeros((x.shape[0], x.shape[1] // taps, space[0] * space[1] + 1), x.dtype)
    places = np.arange(1, found.shape[2]).reshape(1, 1, *space)
    places = unfold(places, kernel_size, dilation, padding, stride)[0]
    for batch, channel, tap, patch in np.ndindex(*found.shape[:2], *places.shape):
        column = x[batch, channel * taps + tap, patch]
        found[batch, channel, places[tap, patch]] += column
    return found[:, :, 1:].reshape(*found.shape[:2], *space)


def patches(x: Any, size: Any, strides: Any = None, data_format: Any = None,
            padding: str = "valid") -> Any:  # fmt: skip
    x = np.moveaxis(x, 1, -1) if data_format == FIRST else x
    steps = size if strides is None else (strides, strides)
    counts = [
        (n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, steps, strict=True)
    ]
    if padding == "same":
        counts = [-(-n // s) for n, s in zip(x.shape[1:3], steps, strict=True)]
        spare = [
            max((c - 1) * s + k - n, 0)
            for c, s, k, n in zip(counts, steps, size, x.shape[1:3], strict=True)
        ]
        x = np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in spare), (0, 0)))
    found = np.zeros((x.shape[0], *counts, size[0] * size[1] * x.shape[-1]))
    for i, j in np.ndindex(*counts):
        top, left = i * steps[0], j * steps[1]
        part = x[:, top : top + size[0], left : left + size[1]]
        found[:, i, j] = part.reshape(found[:, i, j].shape)
    return np.moveaxis(found, -1, 1) if data_format == FIRST else found


def volume_patches(x: Any, size: Any, strides: Any = None,
                   data_format: Any = None) -> Any:  # fmt: skip
    x = np.moveaxis(x, -4, -1) if data_format == FIRST else x
    size = size if isinstance(size, tuple) else (size,) * 3
    steps = size if strides is None else strides
    starts = [
        range(0, n - k + 1, step)
        for n, k, step in zip(x.shape[-4:-1], size, steps, strict=True)
    ]
    counts = tuple(map(len, starts))
    found = np.zeros((*x.shape[:-4], *counts, int(np.prod(size)) * x.shape[-1]))
    for place in np.ndindex(*counts):
        z, y, w = (each[i] for each, i in zip(starts, place, strict=True))
        cube = x[..., z : z + size[0], y : y + size[1], w : w + size[2], :]
        found[(..., *place, slice(None))] = cube.reshape(
            found[(..., *place, slice(None))].shape
        )
    return np.moveaxis(found, -1, -4) if data_format == FIRST else found


def deepened(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    x = np.moveaxis(x, 1, -1) if data_format == FIRST else x
    parts = [
        x[:, i::block_size, j::block_size]
        for i, j in np.ndindex(block_size, block_size)
    ]
    found = np.concatenate(parts, axis=-1)
    return np.moveaxis(found, -1, 1) if data_format == FIRST else found


def spread(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    x = np.moveaxis(x, 1, -1) if data_format == FIRST else x
    n, rows, columns, channels = x.shape
    deep = channels // block_size**2
    found = np.zeros((n, rows * block_size, columns * block_size, deep))
    for number, (i, j) in enumerate(np.ndindex(block_size, block_size)):
        part = x[..., number * deep : (number + 1) * deep]
        found[:, i::block_size, j::block_size] = part
    return np.moveaxis(found, -1, 1) if data_format == FIRST else found


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The threshold found by bisection."""
    low, high = x.min(axis=axis, keepdims=True) - 1, x.max(axis=axis, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis=axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


ROWS = (
    Row("unfold", unfold, ("A 2 B C",), {"kernel_size": (2, 3)}),
    Row("unfold", unfold, ("A 2 B C",),
        {"kernel_size": 2, "dilation": 2, "padding": 1, "stride": 2}),
    Row("fold_patches", folded, ("A 12 8",),
        {"output_size": (3, 6), "kernel_size": (2, 3)}),
    Row("fold_patches", folded, ("A 8 9",), {"output_size": (5, 6), "kernel_size": 2,
        "dilation": 2, "padding": 1, "stride": 2}),
    Row("extract_patches", patches, ("A B C 2",), {"size": (2, 3)}),
    Row("extract_patches", patches, ("A 2 B C",),
        {"size": (3, 2), "strides": 2, "data_format": FIRST, "padding": "same"}),
    Row("extract_patches", volume_patches, ("A B C 4 2",), {"size": (2, 3, 2)}),
    Row("extract_patches_3d", volume_patches, ("B C 4 2",), {"size": (2, 3, 2)}),
    Row("extract_patches_3d", volume_patches, ("A 2 B C 4",),
        {"size": 2, "strides": (2, 1, 3), "data_format": FIRST}),
    Row("depth_to_space", spread, ("A B C 8",), {"block_size": 2}),
    Row("depth_to_space", spread, ("A 4 B C",),
        {"block_size": 2, "data_format": FIRST}),
    Row("space_to_depth", deepened, ("A 4 6 C",), {"block_size": 2}),
    Row("space_to_depth", deepened, ("A C 6 3",),
        {"block_size": 3, "data_format": FIRST}),
    Row("sparsemax", sparsemax, ("A B",), nan=False, kinds="p"),
    Row("sparsemax", sparsemax, ("A B C",), {"axis": 1}, nan=False),
)  # fmt: skip
