"""A dense layer between axes that an equation names."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass
from typing import Any

from .. import activations
from ..diagnostics import Fault
from ..initializers import Initializer, VarianceScaling
from ..layer_parts import ids_fault
from ..registry import call
from .adapted import Adapted

__all__ = [
    "EinsumDense",
]

# `ab,bc->ac`, with an ellipsis in front or at the end of input and output.
FORMS = (
    r"(?P<input>[a-zA-Z]+),(?P<kernel>[a-zA-Z]+)->(?P<output>[a-zA-Z]+)",
    r"\.\.\.(?P<input>[a-zA-Z]+),(?P<kernel>[a-zA-Z]+)->\.\.\.(?P<output>[a-zA-Z]+)",
    r"(?P<input>[a-zA-Z]{2,})\.\.\.,(?P<kernel>[a-zA-Z]+)->(?P<output>[a-zA-Z]+)\.\.\.",
)


class EinsumDense(Adapted):
    """`activation(einsum(equation, x, kernel) + bias)`.

    `equation` names the axes of input, kernel and output, as in `abc,cd->abd`; an
    ellipsis in front, or at the end, of input and output stands for further axes.
    `output_shape` has the sizes of the output without batch and ellipsis, None where
    the input tells. The bias has the axes of the output that `bias_axes` names. With
    `lora_rank`, `kernel` is frozen and a correction of that rank learns. Raises T0204
    for an equation that does not say all, T0302 for sizes that contradict it.

    >>> import numpy as np
    >>> EinsumDense("abc,cd->abd", (None, 4), bias_axes="d")(np.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    kernel_initializer: Initializer
    kernel_regularizer: Any
    kernel_constraint: Any

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(lora_rank, lora_alpha, **kwargs)
        self.equation, self.bias_axes = equation, bias_axes
        self.letters = Letters.of(equation, bias_axes)
        self.partial_output_shape = sizes_given(self, output_shape)
        self.activation = activations.get(activation)

    def build(self, input_shape: Any) -> None:
        sizes = self._sizes(input_shape)
        letters = self.letters
        kernel = tuple(self._known(sizes, letter) for letter in letters.kernel)
        self.kernel = self.add_weight(
            kernel,
            with_fans(self.kernel_initializer, *letters.fan_axes()),
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.bias_axes:
            bias = [
                self._known(sizes, letter) if letter in self.bias_axes else 1
                for letter in letters.biased(self.bias_axes)
            ]
            if letters.elided == "right":
                bias += [1] * (len(input_shape) - len(letters.input))
            self.bias = self.add_role("bias", bias)
        self.adapt_weight()

    def call(self, inputs: Any) -> Any:
        if not inputs.type.dtype.is_float:
            raise ids_fault(self.name, 0, inputs.type)
        result = call("einsum", self.letters.text, inputs, self.adapted(self.kernel))
        if self.bias is not None:
            result = result + self.bias
        return result if self.activation is None else self.activation(result)

    def _sizes(self, shape: Any) -> dict[str, int | None]:
        """The size of each letter: of the input, else of `output_shape`."""
        letters = self.letters
        more = len(shape) - len(letters.input)
        if more < 0 or (more and not letters.elided):
            axes = ", ".join(f"`{letter}`" for letter in letters.input)
            raise Fault(
                "T0306",
                f"`{self.name}` names the axes {axes} of its input in "
                f"`{self.equation}`, and the input has shape {shape}",
                operands={0: str(shape)},
                argument="equation",
            )
        start = more if letters.elided == "left" else 0
        places = shape[start : start + len(letters.input)]
        sizes: dict[str, int | None] = {}
        for letter, size in zip(letters.input, places, strict=True):
            self._agree(sizes, letter, size, shape)
        whole = letters.elided == "left" and more
        named = letters.output if whole else letters.output[1:]
        if len(self.partial_output_shape) != len(named):
            raise Fault(
                "T0204",
                f"`output_shape` of `{self.name}` has a size for each of "
                f"{', '.join(f'`{letter}`' for letter in named)} in "
                f"`{self.equation}`, not {self.partial_output_shape}",
                argument="output_shape",
                help=["the batch and the axes of `...` are left out"],
            )
        for letter, size in zip(named, self.partial_output_shape, strict=True):
            self._agree(sizes, letter, size, shape)
        return sizes

    def _agree(
        self, sizes: dict[str, int | None], letter: str, size: int | None, shape: Any
    ) -> None:
        """Take down the size of a letter; refuses one that contradicts another."""
        known = sizes.get(letter)
        if known is not None and size is not None and size != known:
            raise Fault(
                "T0302",
                f"`{letter}` of `{self.equation}` in `{self.name}` is both {known} and "
                f"{size}: the input has shape {shape}, and `output_shape` is "
                f"{self.partial_output_shape}",
                operands={0: str(shape)},
                argument="output_shape",
            )
        sizes[letter] = size if known is None else known

    def _known(self, sizes: dict[str, int | None], letter: str) -> int:
        size = sizes.get(letter)
        if size is None:
            raise Fault(
                "T0306",
                f"`{self.name}` has a weight along `{letter}` of `{self.equation}`, "
                "whose size has to be a number: neither the input nor `output_shape` "
                f"{self.partial_output_shape} tells it",
                argument="output_shape",
            )
        return size


@dataclass(frozen=True)
class Letters:
    """An equation, taken apart; `elided` is the side of the ellipsis, if any."""

    text: str
    input: str
    kernel: str
    output: str
    elided: str

    @classmethod
    def of(cls, equation: Any, bias_axes: Any) -> Letters:
        """The letters of an equation; refuses what does not say all sizes."""
        text = equation.replace(" ", "") if isinstance(equation, str) else ""
        for form, elided in zip(FORMS, ("", "left", "right"), strict=True):
            found = re.fullmatch(form, text)
            if found:
                letters = cls(
                    text, found["input"], found["kernel"], found["output"], elided
                )
                letters.check(bias_axes)
                return letters
        raise refusal(
            f"{equation!r} is not of the form `ab,bc->ac`, `...ab,bc->...ac` or "
            "`ab...,bc->ac...`"
        )

    def check(self, bias_axes: Any) -> None:
        """Refuse letters that stand alone, and twice in one place."""
        for part in (self.input, self.kernel, self.output):
            twice = next((letter for letter in part if part.count(letter) > 1), None)
            if twice:
                raise refusal(f"`{twice}` stands twice in `{part}` of `{self.text}`")
        for letter in self.output:
            if letter not in self.input + self.kernel:
                raise refusal(
                    f"`{letter}` stands in the output of `{self.text}`, and neither "
                    "in its input nor in its kernel"
                )
        for letter in self.kernel:
            if letter not in self.input + self.output:
                raise refusal(
                    f"`{letter}` stands in the kernel of `{self.text}` alone, so "
                    "nothing tells its size"
                )
        for letter in bias_axes or "":
            if letter not in self.output:
                raise refusal(
                    f"`{letter}` is no axis of the output `{self.output}` of "
                    f"`{self.text}`",
                    "bias_axes",
                )

    def fan_axes(self) -> tuple[list[int], list[int]]:
        """The axes of the kernel that count as inputs, and those as outputs."""
        places = list(enumerate(self.kernel))
        return (
            [i for i, letter in places if letter not in self.output],
            [i for i, letter in places if letter in self.output],
        )

    def biased(self, bias_axes: str) -> str:
        """The letters of the output from the first that the bias has."""
        return self.output[min(map(self.output.index, bias_axes)) :]


def refusal(words: str, argument: str = "equation") -> Fault:
    return Fault("T0204", f"{words} (`EinsumDense`)", argument=argument)


def sizes_given(layer: Any, value: Any) -> tuple[int | None, ...]:
    """`output_shape` as a tuple of positive sizes, None for one not told."""
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if any(size is not None and (type(size) is not int or size < 1) for size in sizes):
        raise Fault(
            "T0204",
            f"`output_shape` of `{type(layer).__name__}` has positive sizes, or None "
            f"for one that the input tells, not {value!r}",
            argument="output_shape",
        )
    return sizes


def with_fans(initializer: Initializer, inputs: list[int], outputs: list[int]) -> Any:
    """An initializer that counts inputs and outputs along given axes of the kernel."""
    if not isinstance(initializer, VarianceScaling):
        return initializer
    told = initializer.input_axes is not None and initializer.output_axes is not None
    if told:
        return initializer
    found = copy(initializer)
    found.input_axes, found.output_axes = inputs, outputs
    return found
