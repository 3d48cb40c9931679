"""Convolutions by cuDNN, which reads windows from the images as they lie.

It knows images with channels last as ours, but kernels with filters first alone: ours,
with filters last, it would take for such ones without a word. So they are copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ...graph.node import Node
from ..pipeline.plan import number
from ..strided_arrays import address_of, dense_steps
from .convolution import Convolution, Convolving
from .cudnn import (
    DTYPES,
    Front,
    Planned,
    Unsupported,
    aligned,
    is_aligned,
    planned,
    result,
    tensor,
)
from .form import Form, Place, Sizes
from .products import ALIGNMENT
from .windows import Windows, windows_of

if TYPE_CHECKING:
    from .writer import Writer

Array = Any
Shape = tuple[int, ...]


def accepts(node: Node) -> bool:
    """Whether a node is a convolution of a dtype that cuDNN computes here."""
    return (
        node.op.name in OPERATIONS
        and node.dtype.short in DTYPES
        and all(source.dtype == node.dtype for source in node.inputs)
    )


@dataclass(frozen=True)
class Correlation:
    """One of the three convolutions of a set of sizes."""

    name: str
    kind: str
    windows: Windows
    filters: int

    @property
    def kernel(self) -> Shape:
        """The shape of a kernel with filters first and channels last."""
        return (self.filters, *self.windows.kernel, self.windows.width)

    def padding(self) -> tuple[list[int], list[int]]:
        """What stands in front of images and behind them.

        Behind them there may be less than a stride more than windows reach: as much as
        in front, if so many. Raises `Unsupported` where windows leave images out.
        """
        windows, behind = self.windows, []
        for size, count, taps, low, stride, dilation in zip(
            windows.size, windows.count, windows.kernel, windows.low,
            windows.strides, windows.dilation, strict=True,
        ):  # fmt: skip
            least = (count - 1) * stride + (taps - 1) * dilation + 1 - size - low
            behind.append(max(least, min(low, least + stride - 1)))
        if min(*windows.low, *behind) < 0:
            raise Unsupported("it has no word for images that are cut off")
        return list(windows.low), behind

    def put(self, graph: Any, front: Front) -> list[Any]:
        """The convolution of a graph, and its tensors: two operands and the result."""
        low, high = self.padding()
        windows = self.windows
        shapes = {
            "images": (
                windows.images, *windows.size, windows.width * windows.groups,
            ),
            "placed": (windows.images, *windows.count, self.filters),
            "kernel": self.kernel,
        }  # fmt: skip
        method, one, other, out = OPERATIONS[self.name]
        lying = [channels_second(shapes[name]) for name in (one, other, out)]
        operands = [tensor(graph, front, self.kind, *lie) for lie in lying[:2]]
        found = getattr(graph, method)(
            *operands, pre_padding=low, post_padding=high,
            stride=list(windows.strides), dilation=list(windows.dilation),
        )  # fmt: skip
        return [*operands, result(found, front, self.kind, *lying[2])]


# The front end's name, what it reads and what it makes.
OPERATIONS = {
    "conv_forward": ("conv_fprop", "images", "kernel", "placed"),
    "conv_input": ("conv_dgrad", "placed", "kernel", "images"),
    "conv_kernel": ("conv_wgrad", "images", "placed", "kernel"),
}


def channels_second(shape: Shape) -> tuple[Shape, Shape]:
    """Shape and strides of an array with channels last, as cuDNN orders its axes."""
    steps = dense_steps(shape)
    order = (0, len(shape) - 1, *range(1, len(shape) - 1))
    first, second = zip(*((shape[k], steps[k]) for k in order), strict=True)
    return first, second


class Convolved(Convolving):
    """A convolution by cuDNN; where it has no plan, what is done `instead`."""

    def __init__(self, node: Node, front: Front, instead: Form):
        super().__init__(node)
        self.front, self.instead = front, instead

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Those of cuDNN, and of what may be done instead."""
        return (*self.front.errors, *self.instead.errors)

    @property
    def texts(self) -> dict[str, str]:
        """What is launched instead."""
        return self.instead.texts

    def scratch_bytes(self, sizes: Sizes) -> int:
        """The workspace, and a kernel with filters first."""
        found = self._planned(windows_of(self.node, sizes), sizes)
        if found is None:
            return self.instead.scratch_bytes(sizes)
        operation, plan = found
        kernel = prod(operation.kernel) * self.node.dtype.size
        return 2 * ALIGNMENT + plan.workspace + kernel

    def _planned(
        self, windows: Windows, sizes: Sizes
    ) -> tuple[Correlation, Planned] | None:
        """What cuDNN does, and its plan; None where plain products are at hand."""
        if min(windows.images, *windows.count, windows.taps) <= 0:
            return None
        if windows.plain and isinstance(self.instead, Convolution):
            return None
        name = self.node.op.name
        kernel = self.node if name == "conv_kernel" else self.node.inputs[1]
        filters = number(kernel.shape[-1], sizes)
        operation = Correlation(name, self.node.dtype.short, windows, filters)
        plan = planned(self.front, operation)
        return None if plan is None else (operation, plan)

    def compute(self, writer: Writer, place: Place, windows: Windows) -> None:
        """A copy of the kernel and the call, or what is done instead."""
        found = self._planned(windows, place.sizes)
        if found is None:
            writer.choice.refuse(self.instead.refused())
            self.instead.put(writer, place)
            return
        operation, plan = found
        workspace, kernel = self._scratch(place.scratch, plan, operation)
        (one, other), (target,) = place.sources, place.targets
        one, out = aligned(writer, one), kernel
        if operation.name == "conv_kernel":
            other = aligned(writer, other)
        else:
            writer.copy(kernel, filters_first(other))
            other = kernel
            out = target if is_aligned(target) else writer.apart(target)
        places = [address_of(array) for array in (one, other, out)]
        writer.act(plan.call(places, workspace))
        if operation.name == "conv_kernel":
            writer.copy(filters_first(target), kernel)
        elif out is not target:
            writer.copy(target, out)

    def _scratch(
        self, scratch: Array, plan: Planned, operation: Correlation
    ) -> tuple[int, Array]:
        """The address of the workspace, and a place for the kernel behind it."""
        begin = address_of(scratch)
        workspace = begin + -begin % ALIGNMENT
        end = workspace + plan.workspace
        start = end + -end % ALIGNMENT - begin
        size = prod(operation.kernel) * self.node.dtype.size
        kernel = scratch[start : start + size].view(self.node.dtype.numpy)
        return workspace, kernel.reshape(operation.kernel)


def filters_first(kernel: Array) -> Array:
    """A kernel of ours as cuDNN orders it."""
    return kernel.transpose(kernel.ndim - 1, *range(kernel.ndim - 1))
