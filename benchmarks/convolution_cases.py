"""The convolutions and poolings that `convolutions.py` measures, and data for them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

POOLS = ("max pooling", "average pooling")


@dataclass(frozen=True)
class Case:
    """One op on images of a size, perhaps with what usually follows it."""

    op: str
    size: tuple[int, ...]
    channels: int
    filters: int = 0
    kernel: int = 3  # of pooling the window, of upsampling the factor
    batch: int = 8
    stride: int = 1
    dilation: int = 1
    padding: str = "same"
    groups: int = 1
    tail: str = ""  # "relu" behind a bias, or "norm": of a batch, bias and relu

    @property
    def rank(self) -> int:
        return len(self.size)

    @property
    def name(self) -> str:
        sizes = "×".join(map(str, self.size))
        kernel = "×".join([str(self.kernel)] * self.rank)
        words = [self.op, kernel, f"{self.batch}×{sizes}×{self.channels}"]
        if self.filters:
            words.append(f"→{self.filters}")
        for word, usual in (("stride", 1), ("dilation", 1), ("groups", 1)):
            value = getattr(self, word)
            if value != usual:
                words.append(f"{word} {value}")
        words += [self.padding] if self.padding == "valid" else []
        return " ".join([*words, *([f"+ {self.tail}"] if self.tail else [])])

    @property
    def weights(self) -> list[tuple[int, ...]]:
        """The shapes of the kernels."""
        space = (self.kernel,) * self.rank
        point = (1,) * self.rank
        return {
            "conv": [(*space, self.channels // self.groups, self.filters)],
            "depthwise": [(*space, self.channels, 1)],
            "separable": [
                (*space, self.channels, 1),
                (*point, self.channels, self.filters),
            ],
            "transposed": [(*space, self.filters, self.channels)],
        }.get(self.op, [])

    def margins(self) -> list[tuple[int, int]]:
        """What `same` adds on each axis; equal on both sides, as PyTorch wants it."""
        if self.padding == "valid" or self.op == "upsampling":
            return [(0, 0)] * self.rank
        reach = (self.kernel - 1) * self.dilation + 1
        found = []
        for size in self.size:
            if self.op == "transposed":
                total = max(reach - self.stride, 0)
            else:
                last = (math.ceil(size / self.stride) - 1) * self.stride
                total = max(last + reach - size, 0)
            if total % 2:
                raise ValueError(f"{self.name} is padded more on one side")
            found.append((total // 2, total // 2))
        return found

    def result_shape(self) -> tuple[int, ...]:
        """The shape of what it computes, channels last."""
        reach = (self.kernel - 1) * self.dilation + 1
        sizes = []
        for size, (low, high) in zip(self.size, self.margins(), strict=True):
            if self.op == "upsampling":
                sizes.append(size * self.kernel)
            elif self.op == "transposed":
                sizes.append((size - 1) * self.stride + reach - low - high)
            else:
                sizes.append((size + low + high - reach) // self.stride + 1)
        return self.batch, *sizes, self.filters or self.channels

    def given(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Images, kernels, what follows them, and a cotangent of the result."""
        random = np.random.default_rng(3)
        result = self.result_shape()
        tail = {"": 0, "relu": 1, "norm": 2}[self.tail]
        shapes = [(self.batch, *self.size, self.channels), *self.weights]
        shapes += [result[-1:]] * tail
        operands = [random.standard_normal(shape, np.float32) for shape in shapes]
        return operands, random.standard_normal(result, np.float32)


def conv(*size: int, of: tuple[int, int], **options: Any) -> Case:
    return Case("conv", size, *of, **options)


PLAIN = [
    # The first layers of networks: few channels.
    conv(28, 28, of=(1, 32), batch=32),
    conv(28, 28, of=(1, 8), batch=32, kernel=5, padding="valid"),
    conv(32, 32, of=(3, 16), batch=32),
    conv(111, 111, of=(3, 32), stride=2),
    conv(111, 111, of=(3, 64), kernel=7, stride=2),
    conv(112, 112, of=(3, 64), batch=1, kernel=4, stride=4, padding="valid"),
    conv(64, 64, of=(3, 3), kernel=5),
    # The middle of residual networks, large images first.
    conv(112, 112, of=(32, 32), batch=1),
    conv(56, 56, of=(64, 64), batch=1),
    conv(56, 56, of=(64, 64)),
    conv(28, 28, of=(128, 128), batch=1),
    conv(28, 28, of=(128, 128)),
    conv(14, 14, of=(256, 256), batch=1),
    conv(14, 14, of=(256, 256)),
    conv(7, 7, of=(512, 512), batch=1),
    conv(7, 7, of=(512, 512)),
    conv(32, 32, of=(16, 16), batch=32),
    conv(16, 16, of=(32, 32), batch=32),
    conv(8, 8, of=(64, 64), batch=32),
    conv(28, 28, of=(32, 64), batch=32, padding="valid"),
    conv(64, 64, of=(8, 8)),
    conv(32, 32, of=(16, 1)),
    conv(12, 12, of=(128, 128), kernel=5),
    conv(14, 14, of=(32, 32), kernel=7),
    # Products at each place.
    conv(56, 56, of=(64, 256), kernel=1),
    conv(56, 56, of=(256, 64), kernel=1),
    conv(28, 28, of=(128, 512), kernel=1, batch=1),
    conv(14, 14, of=(1024, 256), kernel=1),
    conv(7, 7, of=(512, 512), kernel=1, batch=32),
    conv(32, 32, of=(16, 16), kernel=1, batch=32),
    conv(64, 64, of=(32, 3), kernel=1),
    # Strides, dilation, groups.
    conv(57, 57, of=(64, 128), stride=2),
    conv(29, 29, of=(128, 256), stride=2),
    conv(15, 15, of=(256, 512), stride=2),
    conv(56, 56, of=(256, 512), kernel=1, stride=2, padding="valid"),
    conv(56, 56, of=(16, 64), kernel=4, stride=4, padding="valid"),
    conv(28, 28, of=(64, 64), dilation=2),
    conv(14, 14, of=(128, 128), dilation=4),
    conv(28, 28, of=(128, 128), groups=4),
    conv(14, 14, of=(256, 256), groups=32),
]
OTHER = [
    # One and three axes of space.
    conv(128, of=(8, 16), batch=32),
    conv(1000, of=(1, 32), kernel=7),
    conv(256, of=(64, 64), batch=32, padding="valid"),
    conv(512, of=(128, 128), dilation=4),
    conv(127, of=(32, 64), stride=2, kernel=5),
    conv(128, of=(256, 256), kernel=1),
    conv(16, 16, 16, of=(1, 16)),
    conv(16, 16, 16, of=(16, 32), batch=1),
    conv(8, 8, 8, of=(64, 64)),
    conv(15, 15, 15, of=(16, 32), stride=2),
    # A filter for each channel.
    Case("depthwise", (56, 56), 128),
    Case("depthwise", (14, 14), 512, batch=1),
    Case("depthwise", (57, 57), 64, stride=2),
    Case("depthwise", (28, 28), 96, kernel=7),
    Case("depthwise", (32, 32), 8, batch=32),
    Case("depthwise", (256,), 64, batch=32, kernel=5),
    Case("separable", (28, 28), 64, 128),
    Case("separable", (7, 7), 512, 512, batch=32),
    # Back to larger images.
    Case("transposed", (7, 7), 128, 64, 4, 32, stride=2),
    Case("transposed", (28, 28), 64, 32, 2, stride=2, padding="valid"),
    Case("transposed", (14, 14), 64, 64, stride=2, padding="valid"),
    Case("transposed", (28, 28), 16, 3, 4, stride=2),
    Case("transposed", (28, 28), 32, 32),
    Case("transposed", (64,), 64, 32, 4, stride=2),
    Case("upsampling", (28, 28), 64, kernel=2),
    # Pooling.
    Case("max pooling", (56, 56), 64, kernel=2, stride=2, padding="valid"),
    Case("max pooling", (111, 111), 64, stride=2),
    Case("max pooling", (28, 28), 3, kernel=2, stride=2, padding="valid", batch=32),
    Case("max pooling", (28, 28), 64),
    Case("max pooling", (256,), 64, kernel=2, stride=2, padding="valid", batch=32),
    Case("average pooling", (56, 56), 64, kernel=2, stride=2, padding="valid"),
    Case("average pooling", (28, 28), 32, kernel=2, stride=2, padding="valid"),
    Case("average pooling", (7, 7), 512, kernel=7, padding="valid", batch=32),
    Case("average pooling", (16, 16, 16), 16, kernel=2, stride=2, padding="valid"),
    # With what follows.
    conv(28, 28, of=(64, 64), tail="relu"),
    conv(32, 32, of=(3, 32), tail="relu", batch=32),
    conv(28, 28, of=(64, 64), tail="norm"),
    conv(14, 14, of=(256, 256), kernel=1, tail="norm"),
    conv(56, 56, of=(64, 64), batch=1, tail="relu"),
]
CASES = {case.name: case for case in (*PLAIN, *OTHER)}
