"""Rows of convolution and pooling, against loops over outputs and taps."""

import itertools
from typing import Any

import numpy as np
from op_row import Row

LAST, FIRST = "channels_last", "channels_first"


def many(value: Any, rank: int) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def to_last(x: Any, data_format: str | None) -> Any:
    return np.moveaxis(x, 1, -1) if data_format == FIRST else x


def from_last(x: Any, data_format: str | None) -> Any:
    return np.moveaxis(x, -1, 1) if data_format == FIRST else x


def around(n: int, k: int, s: int, d: int, padding: str) -> tuple[int, int, int]:
    """Padding before and after, and the number of outputs."""
    reach = (k - 1) * d + 1
    if padding == "valid":
        return 0, 0, (n - reach) // s + 1
    count = -(-n // s)
    total = max((count - 1) * s + reach - n, 0)
    if padding == "causal":
        return reach - 1, 0, count
    return total // 2, total - total // 2, count


def conv(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    x, rank = to_last(x, data_format), kernel.ndim - 2
    strides, gaps = many(strides, rank), many(dilation_rate, rank)
    sides = [
        around(*row, padding)
        for row in zip(x.shape[1:-1], kernel.shape, strides, gaps, strict=False)
    ]
    wide = np.pad(x, [(0, 0), *((a, b) for a, b, _ in sides), (0, 0)])
    counts = tuple(count for _, _, count in sides)
    filters, width = kernel.shape[-1], kernel.shape[-2]
    groups = x.shape[-1] // width
    found = np.zeros((x.shape[0], *counts, filters))
    for place in np.ndindex(counts):
        for tap in np.ndindex(kernel.shape[:-2]):
            at = [
                i * s + t * d
                for i, s, t, d in zip(place, strides, tap, gaps, strict=False)
            ]
            seen = wide[(slice(None), *at)]
            for f in range(filters):
                first = f // (filters // groups) * width
                part = seen[:, first : first + width] @ kernel[tap][:, f]
                found[(slice(None), *place, f)] += part
    return from_last(found, data_format)


def depthwise(x: Any, kernel: Any, data_format: str | None = None, **options: Any):
    x = to_last(x, data_format)
    parts = [
        conv(x[..., c : c + 1], kernel[..., c : c + 1, :], **options)
        for c in range(x.shape[-1])
    ]
    return from_last(np.concatenate(parts, axis=-1), data_format)


def separable(x: Any, kernel: Any, point: Any, **options: Any) -> Any:
    return conv(depthwise(x, kernel, **options), point)


def conv_transpose(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    x, rank = to_last(x, data_format), kernel.ndim - 2
    strides, gaps = many(strides, rank), many(dilation_rate, rank)
    extra = many(output_padding, rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, gaps, strict=False)]
    full = [
        (n - 1) * s + r for n, s, r in zip(x.shape[1:-1], strides, reach, strict=False)
    ]
    room = np.zeros((x.shape[0], *(f + 99 for f in full), kernel.shape[-2]))
    for place in np.ndindex(x.shape[1:-1]):
        for tap in np.ndindex(kernel.shape[:-2]):
            at = [
                i * s + t * d
                for i, s, t, d in zip(place, strides, tap, gaps, strict=False)
            ]
            room[(slice(None), *at)] += x[(slice(None), *place)] @ kernel[tap].T
    cut = [slice(None)]
    for n, s, r, f, more in zip(
        x.shape[1:-1], strides, reach, full, extra, strict=False
    ):
        if padding == "valid":
            front, size = 0, n * s + max(r - s, 0) if more is None else f + more
        else:
            size = n * s if more is None else (n - 1) * s + r - 2 * (r // 2) + more
            front = max(f - size, 0) // 2
        cut.append(slice(front, front + size))
    return from_last(room[tuple(cut)], data_format)


def pooling(fold: Any) -> Any:
    def formula(
        x: Any,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Any:
        x = to_last(x, data_format)
        rank = x.ndim - 2
        size = many(pool_size, rank)
        steps = size if strides is None else many(strides, rank)
        sides = [
            around(n, k, s, 1, padding)
            for n, k, s in zip(x.shape[1:-1], size, steps, strict=True)
        ]
        found = np.zeros((x.shape[0], *(c for _, _, c in sides), x.shape[-1]))
        for place in np.ndindex(found.shape[1:-1]):
            low = [
                i * s - a for i, s, (a, _, _) in zip(place, steps, sides, strict=False)
            ]
            cut = [slice(max(a, 0), a + k) for a, k in zip(low, size, strict=False)]
            part = x[(slice(None), *cut)]
            found[(slice(None), *place)] = fold(part, axis=tuple(range(1, rank + 1)))
        return from_last(found, data_format)

    return formula


def adaptive(fold: Any) -> Any:
    def formula(x: Any, output_size: Any, data_format: str | None = None) -> Any:
        x = to_last(x, data_format)
        rank = x.ndim - 2
        sizes = many(output_size, rank)
        found = np.zeros((x.shape[0], *sizes, x.shape[-1]))
        for place in itertools.product(*map(range, sizes)):
            cut = [
                slice(i * n // m, -(-(i + 1) * n // m))
                for i, n, m in zip(place, x.shape[1:-1], sizes, strict=True)
            ]
            part = x[(slice(None), *cut)]
            found[(slice(None), *place)] = fold(part, axis=tuple(range(1, rank + 1)))
        return from_last(found, data_format)

    return formula


GEOMETRY = {"strides": (2, 1), "dilation": (1, 2), "low": (1, 0), "groups": 1}


def forward(x: Any, kernel: Any, strides: Any, dilation: Any, low: Any, groups: int,
            count: Any) -> Any:  # fmt: skip
    found = np.zeros((x.shape[0], *count, kernel.shape[-1]))
    for n, i, j, f, a, b, c in np.ndindex(*found.shape, *kernel.shape[:-1]):
        at = i * strides[0] + a * dilation[0] - low[0]
        by = j * strides[1] + b * dilation[1] - low[1]
        if 0 <= at < x.shape[1] and 0 <= by < x.shape[2]:
            wide = f // (kernel.shape[-1] // groups) * kernel.shape[-2] + c
            found[n, i, j, f] += x[n, at, by, wide] * kernel[a, b, c, f]
    return found


def spread(g: Any, kernel: Any, size: Any, groups: int, **options: Any) -> Any:
    """The transpose of `forward` in x, from unit vectors."""
    shape = (1, *size, kernel.shape[-2] * groups)
    found = np.zeros((g.shape[0], *shape[1:]))
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        one = forward(unit, kernel, groups=groups, count=g.shape[1:-1], **options)
        found[(slice(None), *place[1:])] = (one * g).sum(axis=(1, 2, 3))
    return found


def weighing(x: Any, g: Any, kernel: Any, groups: int, **options: Any) -> Any:
    """The transpose of `forward` in the kernel, from unit vectors."""
    shape = (*kernel, x.shape[-1] // groups, g.shape[-1])
    found = np.zeros(shape)
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        one = forward(x, unit, groups=groups, count=g.shape[1:-1], **options)
        found[place] = (one * g).sum()
    return found


POOLED = {"kernel": (2, 3), "strides": (2, 2), "low": (1, 0)}


def taps(x: Any, kernel: Any, strides: Any, low: Any, count: Any, fill: float) -> Any:
    """All windows as [batch, count…, taps, channels]."""
    wide = np.full((x.shape[0], 40, 40, x.shape[-1]), fill)
    wide[:, low[0] : low[0] + x.shape[1], low[1] : low[1] + x.shape[2]] = x
    rows = [
        [wide[:, i * strides[0] + a, j * strides[1] + b] for a, b in np.ndindex(kernel)]
        for i, j in np.ndindex(count)
    ]
    found = np.asarray(rows).reshape(
        *count, kernel[0] * kernel[1], x.shape[0], x.shape[-1]
    )
    return np.moveaxis(found, -2, 0)


def window_fold(fold: Any, fill: float) -> Any:
    def formula(x: Any, **options: Any) -> Any:
        return fold(taps(x, fill=fill, **options), axis=-2)

    return formula


def window_spread(g: Any, kernel: Any, strides: Any, low: Any, size: Any) -> Any:
    everywhere = np.repeat(g[..., None, :], kernel[0] * kernel[1], axis=-2)
    return put_back(everywhere, kernel, strides, low, size)


def put_back(parts: Any, kernel: Any, strides: Any, low: Any, size: Any) -> Any:
    wide = np.zeros((parts.shape[0], 40, 40, parts.shape[-1]))
    for i, j in np.ndindex(parts.shape[1:3]):
        for number, (a, b) in enumerate(np.ndindex(kernel)):
            here = (slice(None), i * strides[0] + a, j * strides[1] + b)
            wide[here] += parts[:, i, j, number]
    return wide[:, low[0] : low[0] + size[0], low[1] : low[1] + size[1]]


def window_pick(x: Any, index: Any, **options: Any) -> Any:
    found = taps(x, count=index.shape[1:3], fill=0.0, **options)
    return np.take_along_axis(found, index[..., None, :], axis=-2)[..., 0, :]


def window_put(g: Any, index: Any, kernel: Any, **options: Any) -> Any:
    hit = np.arange(kernel[0] * kernel[1])[:, None] == index[..., None, :]
    return put_back(hit * g[..., None, :], kernel=kernel, **options)


def row(name: str, formula: Any, shapes: tuple[str, ...], **more: Any) -> Row:
    more.setdefault("nan", False)
    return Row(name, formula, shapes, **more)


IMAGE, KERNEL = "A B C 2", "2 3 2 3"
ROWS = (
    row("conv", conv, ("A B 2", "2 2 3")),
    row("conv", conv, ("A B 2", "3 2 3"), options={"padding": "causal", "strides": 2}),
    row("conv", conv, (IMAGE, KERNEL), options={"padding": "same"}),
    row("conv", conv, (IMAGE, KERNEL), options={"strides": (2, 1), "padding": "same"}),
    row("conv", conv, (IMAGE, KERNEL), options={"dilation_rate": 2}),
    row("conv", conv, (IMAGE, "1 1 2 3")),
    row("conv", conv, ("A B C 4", "2 2 2 6"), options={"strides": 2}),
    row("conv", conv, ("A 4 B C", KERNEL.replace(" 2 3", " 4 2")),
        options={"data_format": FIRST, "padding": "same", "strides": 2}),
    row("conv", conv, ("A 3 B 3 2", "2 2 2 2 2"), options={"padding": "same"}),
    row("depthwise_conv", depthwise, (IMAGE, "2 2 2 3"), options={"padding": "same"}),
    row("depthwise_conv", depthwise, ("A 2 B C", "2 2 2 1"),
        options={"data_format": FIRST, "strides": 2}),
    row("separable_conv", separable, (IMAGE, "2 2 2 2", "1 1 4 3"),
        options={"padding": "same", "strides": 2}),
    row("conv_transpose", conv_transpose, ("A B 2", "3 4 2"), options={"strides": 2}),
    row("conv_transpose", conv_transpose, ("A B 2", "1 4 2"), options={"strides": 3}),
    row("conv_transpose", conv_transpose, ("A 2 3 2", "3 2 4 2"),
        options={"strides": 2, "padding": "same", "output_padding": (1, 0)}),
    row("conv_transpose", conv_transpose, ("A 2 B 3", "2 3 4 2"),
        options={"strides": (2, 3), "padding": "same", "data_format": FIRST}),
    row("conv_transpose", conv_transpose, ("A B 2", "2 4 2"),
        options={"dilation_rate": 2, "output_padding": 0}),
    row("conv_forward", forward, ("A 4 5 2", KERNEL),
        options={**GEOMETRY, "count": (3, 2)}),
    row("conv_forward", forward, ("A 4 5 2", "2 2 1 4"),
        options={**GEOMETRY, "groups": 2, "count": (2, 3)}),
    row("conv_input", spread, ("A 3 2 3", KERNEL),
        options={**GEOMETRY, "size": (4, 5)}),
    row("conv_input", spread, ("A 3 2 4", "2 2 1 4"),
        options={**GEOMETRY, "groups": 2, "size": (4, 5)}),
    row("conv_input", spread, ("A 3 2 4", "2 2 2 4"),
        options={**GEOMETRY, "groups": 2, "size": (4, 5)}),
    row("conv_kernel", weighing, ("A 4 5 2", "A 3 2 3"),
        options={**GEOMETRY, "kernel": (2, 3)}),
    row("conv_kernel", weighing, ("A 4 5 4", "A 3 2 4"),
        options={**GEOMETRY, "groups": 2, "kernel": (2, 3)}),
    row("conv_kernel", weighing, ("A 4 5 2", "A 3 2 4"),
        options={**GEOMETRY, "groups": 2, "kernel": (2, 3)}),
    row("max_pool", pooling(np.max), ("A B C 2",), options={"pool_size": 2}, kinds="p"),
    row("max_pool", pooling(np.max), ("A B 2",), kinds="p",
        options={"pool_size": 3, "strides": 2, "padding": "same"}),
    row("max_pool", pooling(np.max), ("A 2 B 3 4",), kinds="p",
        options={"pool_size": 2, "strides": (1, 2, 2), "data_format": FIRST}),
    row("max_pool", pooling(np.max), ("A B C 2",), kinds="i", below=99,
        options={"pool_size": 2, "padding": "same"}),
    row("average_pool", pooling(np.mean), ("A B C 2",), options={"pool_size": 2}),
    row("average_pool", pooling(np.mean), ("A B C 2",),
        options={"pool_size": (2, 3), "strides": (2, 2), "padding": "same"}),
    row("average_pool", pooling(np.mean), ("A 2 B",),
        options={"pool_size": 2, "padding": "same", "data_format": FIRST}),
    row("adaptive_average_pool", adaptive(np.mean), ("A 5 7 2",),
        options={"output_size": (3, 2)}),
    row("adaptive_max_pool", adaptive(np.max), ("A 2 5 7",), kinds="p",
        options={"output_size": 3, "data_format": FIRST}),
    row("adaptive_max_pool", adaptive(np.max), ("A 5 7 2",), kinds="i", below=99,
        options={"output_size": (3, 2)}),
    row("window_sum", window_fold(np.sum, 0.0), ("A 4 5 2",),
        options={**POOLED, "count": (3, 2)}),
    row("window_max", window_fold(np.max, -np.inf), ("A 4 5 2",), kinds="p", nan=True,
        options={**POOLED, "count": (3, 2)}),
    row("window_argmax", window_fold(np.argmax, -np.inf), ("A 4 5 2",), kinds="p",
        options={**POOLED, "count": (3, 2)}),
    row("window_spread", window_spread, ("A 3 2 2",),
        options={**POOLED, "size": (4, 5)}),
    row("window_pick", window_pick, ("A 4 5 2", "A 2 2 2"), kinds="fi", below=6,
        options=POOLED),
    row("window_put", window_put, ("A 3 2 2", "A 3 2 2"), kinds="fi", below=6,
        options={**POOLED, "size": (4, 5)}),
)  # fmt: skip
