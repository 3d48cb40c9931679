"""Arrays as native code sees them: an address, a shape, a dtype and steps along axes.

A placeholder is an address without memory: a value that each run has somewhere else,
such as an input, is bound to one. Words that point into placeholders are found by their
size, and told from all other words.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..graph.diagnostics import InternalError
from .recorded import Recorded, larger, smaller

FIRST = 1 << 62  # the address where placeholders begin
ROOM = 1 << 44  # addresses that each has
OWN = 1 << 17  # from here on a number says which operand of its step an array is
WITHIN = (1 << 18) - 1  # the last number says that words point to words beside them

Array = Any
Shape = tuple[int, ...]


class StridedArray:
    """An address with a shape, a dtype, and steps along the axes in elements.

    `dense` says that elements lie side by side in their order. `owner` is the array
    of NumPy's, if there is one.
    """

    __slots__ = ("address", "dense", "dtype", "itemsize", "owner", "shape", "steps")

    def __init__(
        self,
        address: int,
        shape: Shape,
        dtype: np.dtype[Any],
        steps: Shape | None = None,
        dense: bool = True,
        owner: Array = None,
    ):
        self.address, self.shape, self.dtype = address, shape, dtype
        self.itemsize, self.dense, self.owner = dtype.itemsize, dense, owner
        self.steps = dense_steps(shape) if steps is None else steps

    @classmethod
    def of(cls, array: Array) -> StridedArray:
        """An array of NumPy's or of a device."""
        if isinstance(array, StridedArray):
            return array
        dtype = np.dtype(array.dtype)
        item, flags = dtype.itemsize, array.flags
        steps = tuple([stride // item for stride in array.strides])
        dense = bool(flags.c_contiguous)
        return cls(address_of(array), array.shape, dtype, steps, dense, array)

    def at(self, address: int) -> StridedArray:
        """An array of the same shape, dtype and steps at another address."""
        return StridedArray(address, self.shape, self.dtype, self.steps, self.dense)

    def cut(self, lengths: Mapping[int, int]) -> StridedArray:
        """Its first elements along some axes, as many as is said."""
        shape = tuple([lengths.get(axis, n) for axis, n in enumerate(self.shape)])
        dense = self.dense and self.steps == dense_steps(shape)
        return StridedArray(self.address, shape, self.dtype, self.steps, dense)

    def slice(self, index: int) -> StridedArray:
        """A slice along the first axis, from the last one if its index is negative."""
        count = index % max(1, self.shape[0])
        address = self.address + count * self.steps[0] * self.itemsize
        return StridedArray(
            address, self.shape[1:], self.dtype, self.steps[1:], self.dense
        )

    def part(self, index: Sequence[Any]) -> StridedArray | None:
        """A part along the first axes, by the entries of `getitem`.

        None for positions that are not there.
        """
        shape, steps, first, axis = list[int](), list[int](), 0, 0
        for kind, *entry in index:
            if kind == "new":
                shape.append(1)
                steps.append(0)
                continue
            start = entry[0]
            if kind == "slice":
                _, count, stride = entry
                if count < 0:
                    return None
                shape.append(count)
                steps.append(stride * self.steps[axis])
            elif start < 0:
                return None
            first += start * self.steps[axis]
            axis += 1
        whole = (*shape, *self.shape[axis:])
        strides = (*steps, *self.steps[axis:])
        address, dense = self.address + first * self.itemsize, is_dense(whole, strides)
        return StridedArray(address, whole, self.dtype, strides, dense)

    @property
    def strides(self) -> Shape:
        """The steps in bytes."""
        return tuple([step * self.itemsize for step in self.steps])

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the elements take."""
        return self.size * self.itemsize

    @property
    def span(self) -> tuple[int, int]:
        """The addresses between which its elements lie."""
        pairs = zip(self.shape, self.strides, strict=True)
        reach = [(length - 1) * stride for length, stride in pairs]
        low = self.address + sum(smaller(0, far) for far in reach)
        high = self.address + sum(larger(0, far) for far in reach)
        return low, high + self.itemsize

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "data": (int(self.address), False), "version": 3,
            "shape": tuple(map(int, self.shape)),
            "typestr": self.dtype.str, "strides": tuple(map(int, self.strides)),
        }  # fmt: skip

    def array(self) -> Array:
        """It as an array of NumPy's, which does not keep its memory alive."""
        if self.owner is not None:
            return self.owner
        found = np.asarray(self)
        # The interface has no name for types that are not NumPy's own.
        return found if found.dtype == self.dtype else found.view(self.dtype)


def is_dense(shape: Shape, steps: Shape) -> bool:
    """Whether elements with these steps lie side by side in their order."""
    pairs = zip(shape, steps, dense_steps(shape), strict=True)
    return 0 in shape or all(n == 1 or one == two for n, one, two in pairs)


def is_same(one: Array, other: Array) -> bool:
    """Whether two arrays have the same elements of memory in the same order."""
    first, second = StridedArray.of(one), StridedArray.of(other)
    alike = (first.shape, first.steps, first.dtype)
    return first.address == second.address and alike == (
        second.shape, second.steps, second.dtype,
    )  # fmt: skip


def dense_steps(shape: Shape) -> Shape:
    """The steps of an array whose elements lie side by side."""
    steps, size = [], 1
    for length in reversed(shape):
        steps.append(size)
        size *= length
    return tuple(steps[::-1])


def address_of(array: Array) -> int:
    """Where an array begins."""
    if isinstance(array, StridedArray):
        return array.address
    host = getattr(array, "__array_interface__", None)
    found: int = (host or array.__cuda_array_interface__)["data"][0]
    return found


def data_address(array: np.ndarray[Any, Any]) -> int:
    """Where an array of NumPy itself begins, sooner than its interface tells.

    It is the first field of an array, as NumPy has promised extensions.
    """
    if array.__class__ is not np.ndarray or not PLAIN_OBJECTS:
        return address_of(array)
    return _POINTER.from_address(id(array) + object.__basicsize__).value or 0


_POINTER = ctypes.c_void_p
PLAIN_OBJECTS = sys.implementation.name == "cpython"  # `id` is where an object lies


class Placeholders:
    """Addresses for arrays whose memory only a run knows."""

    def __init__(self) -> None:
        self.count = 0

    def place(self, like: StridedArray) -> StridedArray:
        """A new placeholder with the shape, dtype and steps of an array."""
        self.count += 1
        if self.count > OWN:  # the next ones are taken for operands
            raise InternalError(f"more than {OWN} arrays are elsewhere in a program")
        return like.at(placeholder_address(self.count - 1))


def operand_placeholder(operand: int) -> int:
    """The placeholder of an operand, which is the same in all steps of a kind."""
    return placeholder_address(OWN + operand)


def within(offset: int) -> int:
    """An address so many bytes behind the first of the words that it is among."""
    return placeholder_address(WITHIN) + offset


def placeholder_address(number: int) -> int:
    """The address of a placeholder by its number."""
    return FIRST + number * ROOM + ROOM // 2


def placeholder_at(word: int | Recorded) -> int:
    """The number of the placeholder that a word points into, or -1.

    Of a recorded word it is that for the numbers at hand, and nothing is asked.
    """
    value = word.value if isinstance(word, Recorded) else word
    return (value - FIRST) // ROOM if value >= FIRST else -1


def placeholder_number(array: StridedArray) -> int:
    """The number of the placeholder that an array is."""
    return (array.address - FIRST) // ROOM


def find_placeholders(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words that point into placeholders: their places, the numbers, how far in."""
    places = np.nonzero(words >= FIRST)[0]
    found = words[places] - FIRST
    return places, found // ROOM, found % ROOM - ROOM // 2
