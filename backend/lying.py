"""Where arrays lie: what native code is told of them, without arrays of NumPy's.

An address may be that of memory that is not there: a value that is elsewhere in every
run, such as an input, is bound to one of `Elsewhere`. Words that point there are found
by their size, and told from all other words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from .recorded import Recorded, larger, smaller

FIRST = 1 << 62  # where memory that is not there begins
ROOM = 1 << 44  # addresses of one array of it
OWN = 1 << 17  # from here on a number says which operand of its step an array is
WITHIN = (1 << 18) - 1  # the last number says that words point to words beside them

Array = Any
Shape = tuple[int, ...]


class Lying:
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
    def of(cls, array: Array) -> Lying:
        """Where an array lies, of NumPy's or of a device."""
        if isinstance(array, Lying):
            return array
        dtype = np.dtype(array.dtype)
        item, flags = dtype.itemsize, array.flags
        steps = tuple([stride // item for stride in array.strides])
        dense = bool(flags.c_contiguous)
        return cls(address_of(array), array.shape, dtype, steps, dense, array)

    def at(self, address: int) -> Lying:
        """Something else that lies likewise, at an address."""
        return Lying(address, self.shape, self.dtype, self.steps, self.dense)

    def cut(self, lengths: Mapping[int, int]) -> Lying:
        """Its first elements along some axes, as many as is said."""
        shape = tuple([lengths.get(axis, n) for axis, n in enumerate(self.shape)])
        dense = self.dense and self.steps == dense_steps(shape)
        return Lying(self.address, shape, self.dtype, self.steps, dense)

    def slice(self, index: int) -> Lying:
        """A slice along the first axis, from the last one if its index is negative."""
        count = index % max(1, self.shape[0])
        address = self.address + count * self.steps[0] * self.itemsize
        return Lying(address, self.shape[1:], self.dtype, self.steps[1:], self.dense)

    def part(self, index: Sequence[Any]) -> Lying | None:
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
        address, dense = self.address + first * self.itemsize, follows(whole, strides)
        return Lying(address, whole, self.dtype, strides, dense)

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


def follows(shape: Shape, steps: Shape) -> bool:
    """Whether elements with these steps lie side by side in their order."""
    pairs = zip(shape, steps, dense_steps(shape), strict=True)
    return 0 in shape or all(n == 1 or one == two for n, one, two in pairs)


def is_same(one: Array, other: Array) -> bool:
    """Whether two arrays have the same elements of memory in the same order."""
    first, second = Lying.of(one), Lying.of(other)
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
    if isinstance(array, Lying):
        return array.address
    host = getattr(array, "__array_interface__", None)
    found: int = (host or array.__cuda_array_interface__)["data"][0]
    return found


class Elsewhere:
    """Places for arrays that are not there."""

    def __init__(self) -> None:
        self.count = 0

    def place(self, like: Lying) -> Lying:
        """A new array that lies like another one, apart from all others."""
        self.count += 1
        return like.at(place_of(self.count - 1))


def own(operand: int) -> int:
    """Where the operand of a step lies, so far as all steps of its sort are told."""
    return place_of(OWN + operand)


def within(offset: int) -> int:
    """An address so many bytes behind the first of the words that it is among."""
    return place_of(WITHIN) + offset


def place_of(number: int) -> int:
    """Where the array that is not there lies that has a number."""
    return FIRST + number * ROOM + ROOM // 2


def number_at(word: int | Recorded) -> int:
    """The number of the array that is not there which a word points into, or -1.

    Of a recorded word it is that for the numbers at hand, and nothing is asked.
    """
    value = word.value if isinstance(word, Recorded) else word
    return (value - FIRST) // ROOM if value >= FIRST else -1


def number_of(array: Lying) -> int:
    """How many arrays that are not there came before one of them."""
    return (array.address - FIRST) // ROOM


def pointing(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words that point elsewhere: their places, numbers of arrays, how far in."""
    places = np.nonzero(words >= FIRST)[0]
    found = words[places] - FIRST
    return places, found // ROOM, found % ROOM - ROOM // 2
