"""Cells: one step of a recurrent layer.

A cell of the library splits its step in two: what depends on the input alone, which a
recurrent layer computes for all steps at once, and the rest, which it repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import activations
from ..diagnostics import Fault
from ..initializers import Initializer, Ones
from ..layer import Layer
from ..layer_parts import ids_fault
from ..operand import Operand
from ..ops.random import dropout as drop_out
from ..registry import call
from ..types import DType, TensorType
from ..variable import SeedGenerator
from .core import positive
from .formats import shape_text
from .weighted import Weighted

__all__ = [
    "GRUCell",
    "LSTMCell",
    "SimpleRNNCell",
]


class Pass(NamedTuple):
    """A cell set up for one sequence: weights cut up, dropout decided.

    `project(x)` is what depends on the input alone, of [..., features];
    `step(projected, states)` gives the output and the new states, in a list.
    """

    project: Callable[[Any], Any]
    step: Callable[[Any, Any], tuple[Any, Any]]


class Cell(Weighted):
    """What the library's cells share: two kernels, a bias, dropout on both sides.

    `parts` is how many gates and candidates stand side by side in each kernel.
    """

    parts: ClassVar[int] = 1
    bias_parts: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        implementation: int = 2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = positive(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.dropout = share(self, "dropout", dropout)
        self.recurrent_dropout = share(self, "recurrent_dropout", recurrent_dropout)
        self.seed, self.seed_generator = seed, SeedGenerator(seed)
        # Keras's word for whether each gate drops its own elements of the input.
        self.implementation = 1 if self.recurrent_dropout else implementation

    @property
    def state_size(self) -> Any:
        """The size of the state, or of each."""
        return self.units

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    def build(self, input_shape: Any) -> None:
        features = known_features(self, input_shape, -1)
        width = self.parts * self.units
        self.features = features
        self.kernel = self.add_role("kernel", (features, width))
        self.recurrent_kernel = self.add_role(
            "recurrent", (self.units, width), name="recurrent_kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_bias((*self.bias_parts, width))

    def add_bias(self, shape: tuple[int, ...]) -> Any:
        """Make the bias."""
        return self.add_role("bias", shape)

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """States of zeros for a batch: f32[batch, units] each."""
        count = len(tree_sizes(self.state_size))
        zeros = call("zeros", (batch_size, self.units), self.compute_dtype)
        return [zeros] * count

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        given = [states] if isinstance(states, Operand) else list(states)
        count = len(tree_sizes(self.state_size))
        if len(given) != count:
            raise Fault(
                "T0203",
                f"`{self.name}` has {count} {'state' if count == 1 else 'states'} and "
                f"got {len(given)}",
                argument="states",
            )
        run = self.begin(inputs.type, training)
        output, new = run.step(run.project(inputs), given)
        return output, new[0] if isinstance(states, Operand) else new

    def begin(self, type: TensorType, training: bool) -> Pass:
        """Set up for one sequence, whose steps have a type."""
        batch = type.shape[0]
        once = self.recurrent_dropout == 0 and self.implementation != 1
        inner = self.masks(self.dropout, (batch, self.features), training, once)
        across = self.masks(
            self.recurrent_dropout, (batch, self.units), training, self.parts == 1
        )
        return Pass(lambda x: self.project(x, inner), self.stepping(across))

    def masks(
        self, rate: float, shape: tuple[Any, ...], training: bool, once: bool
    ) -> list[Any] | None:
        """What is dropped in all steps: one tensor of factors, or one for each part."""
        if not training or rate == 0:
            return None
        ones = call("ones", shape, self.compute_dtype)
        count = 1 if once else self.parts
        return [drop_out(ones, rate, None, self.seed_generator) for _ in range(count)]

    def project(self, x: Any, masks: list[Any] | None) -> Any:
        """The input's share of all gates, of one step or of all at once."""
        if not x.type.dtype.is_float:
            raise ids_fault(self.name, 0, x.type)
        result = mapped(x, self.kernel, masks)
        bias = self.input_bias
        return result if bias is None else result + bias

    @property
    def input_bias(self) -> Any:
        """The bias on the side of the input."""
        return self.bias

    def stepping(
        self, masks: list[Any] | None
    ) -> Callable[[Any, Any], tuple[Any, list[Any]]]:
        """The function of a projected input and states that makes a step."""
        raise NotImplementedError


def mapped(x: Any, kernel: Any, masks: Sequence[Any] | None) -> Any:
    """x @ kernel; with several masks each part of the kernel sees its own x."""
    if masks is None:
        return call("matmul", x, kernel)
    if len(masks) == 1:
        return call("matmul", x * masks[0], kernel)
    parts = call("split", kernel, len(masks), axis=-1)
    products = [
        call("matmul", x * mask, part) for mask, part in zip(masks, parts, strict=True)
    ]
    return call("concatenate", products, axis=-1)


def cut(x: Any, sizes: Sequence[int], axis: int = -1) -> list[Any]:
    """Pieces of an axis, of given sizes."""
    index: list[Any] = [slice(None)] * x.ndim
    found, start = [], 0
    for size in sizes:
        index[axis] = slice(start, start + size)
        found.append(x[tuple(index)])
        start += size
    return found


def activated(function: Any, x: Any) -> Any:
    """An activation, None being none."""
    return x if function is None else function(x)


def share(layer: Layer, name: str, value: Any) -> float:
    """A part of all elements, from 0 to 1."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise Fault(
            "T0204",
            f"`{name}` of `{type(layer).__name__}` is a number from 0 to 1, "
            f"not {value!r}",
            argument=name,
        )
    return float(value)


def known_features(layer: Layer, shape: Any, axis: int) -> int:
    """The size of the axis that weights are made for; refuses an unknown one."""
    size = shape[axis] if shape else None
    if size is None:
        raise Fault(
            "T0306",
            f"`{layer.name}` has weights for each feature of its input, whose number "
            f"has to be known, and its input is {shape_text(shape)} at each step",
            operands={0: shape_text(shape)},
        )
    return int(size)


def tree_sizes(sizes: Any) -> list[Any]:
    """The sizes of states in a nest, in order."""
    if isinstance(sizes, (list, tuple)):
        return [size for item in sizes for size in tree_sizes(item)]
    return [sizes]


class SimpleRNNCell(Cell):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias), which is the output.

    Input f32[batch, features], state f32[batch, units]; gives the output and the new
    state. Weights `kernel` [features, units], `recurrent_kernel` [units, units], `bias`
    [units]. In training, `dropout` of the input and `recurrent_dropout` of the state
    are dropped. Source: Elman 1990.

    >>> import numpy as np
    >>> output, state = SimpleRNNCell(4)(np.ones((2, 3), "float32"), np.zeros((2, 4)))
    >>> output.shape, state.shape
    ((2, 4), (2, 4))
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, **kwargs
        )

    def stepping(
        self, masks: list[Any] | None
    ) -> Callable[[Any, Any], tuple[Any, list[Any]]]:
        def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
            h = x + mapped(states[0], self.recurrent_kernel, masks)
            output = activated(self.activation, h)
            return output, [output]

        return step


class ForgetBias(Initializer):
    """The first bias of an LSTM: 1 for the forget gate, the second of four parts."""

    def __init__(self, inner: Initializer):
        super().__init__()
        self.inner = inner

    def values(self, shape: tuple[int, ...], dtype: DType, seed: int) -> Any:
        part = shape[0] // 4
        pieces = (self.inner, part), (Ones(), part), (self.inner, 2 * part)
        return np.concatenate([made.values((n,), dtype, seed) for made, n in pieces])


class LongShortTerm(Cell):
    """The gates of a long short-term memory, whatever maps input and state to them."""

    parts = 4
    axis: int = -1  # of the channels, along which the gates stand side by side
    recurrent_activation: Any
    unit_forget_bias: bool

    @property
    def state_size(self) -> Any:
        return [self.units, self.units]

    def add_bias(self, shape: tuple[int, ...]) -> Any:
        plain = self.bias_initializer  # type: ignore[attr-defined]
        first = ForgetBias(plain) if self.unit_forget_bias else plain
        return self.add_weight(
            shape,
            first,
            name="bias",
            regularizer=self.bias_regularizer,  # type: ignore[attr-defined]
            constraint=self.bias_constraint,  # type: ignore[attr-defined]
        )

    def across(self, h: Any, masks: list[Any] | None) -> Any:
        """The state's share of all gates."""
        return mapped(h, self.recurrent_kernel, masks)

    def stepping(
        self, masks: list[Any] | None
    ) -> Callable[[Any, Any], tuple[Any, list[Any]]]:
        gate, units = self.recurrent_activation, self.units

        def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
            h, c = states
            i, f, candidate, o = cut(x + self.across(h, masks), [units] * 4, self.axis)
            kept = activated(gate, f) * c
            new = kept + activated(gate, i) * activated(self.activation, candidate)
            output = activated(gate, o) * activated(self.activation, new)
            return output, [output, new]

        return step


class LSTMCell(LongShortTerm):
    """One step of a long short-term memory.

    i, f, g, o = parts of x @ kernel + h @ recurrent_kernel + bias;
    c' = s(f) * c + s(i) * a(g), h' = s(o) * a(c'), with s the `recurrent_activation`
    and a the `activation`. Input f32[batch, features], states [h, c] of f32[batch,
    units]; gives h' and [h', c']. Weights `kernel` [features, 4 * units],
    `recurrent_kernel` [units, 4 * units], `bias` [4 * units], in which `f` starts at 1
    with `unit_forget_bias`. Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000.

    >>> import numpy as np
    >>> states = [np.zeros((2, 4), "float32")] * 2
    >>> output, (h, c) = LSTMCell(4)(np.ones((2, 3), "float32"), states)
    >>> output.shape, c.shape
    ((2, 4), (2, 4))
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, **kwargs
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)


class GRUCell(Cell):
    """One step of a gated recurrent unit.

    z, r, g = parts of x @ kernel + bias and likewise of h @ recurrent_kernel;
    z = s(zx + zh), r = s(rx + rh), g = a(gx + r * gh), h' = z * h + (1 - z) * g, with s
    the `recurrent_activation` and a the `activation`. Without `reset_after`, gh is
    (r * h) @ recurrent_kernel instead of r times the product. Input f32[batch,
    features], state f32[batch, units]; gives h' and the new state. Weights `kernel`
    [features, 3 * units], `recurrent_kernel` [units, 3 * units], `bias` [3 * units], or
    [2, 3 * units] with `reset_after`: one for the input, one for the state. Source: Cho
    et al. 2014.

    >>> import numpy as np
    >>> output, state = GRUCell(4)(np.ones((2, 3), "float32"), np.zeros((2, 4)))
    >>> output.shape, state.shape
    ((2, 4), (2, 4))
    """

    parts = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, **kwargs
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    @property
    def bias_parts(self) -> tuple[int, ...]:  # type: ignore[override]
        return (2,) if self.reset_after else ()

    @property
    def input_bias(self) -> Any:
        if self.bias is None or not self.reset_after:
            return self.bias
        return self.bias[0]

    def stepping(
        self, masks: list[Any] | None
    ) -> Callable[[Any, Any], tuple[Any, list[Any]]]:
        candidate = self._after(masks) if self.reset_after else self._before(masks)

        def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
            h = states[0]
            z, g = candidate(x, h)
            output = z * h + (1 - z) * activated(self.activation, g)
            return output, [output]

        return step

    def _after(self, masks: list[Any] | None) -> Callable[[Any, Any], tuple[Any, Any]]:
        bias = None if self.bias is None else self.bias[1]
        sizes = [self.units] * 3

        def parts(x: Any, h: Any) -> tuple[Any, Any]:
            inner = mapped(h, self.recurrent_kernel, masks)
            zh, rh, gh = cut(inner if bias is None else inner + bias, sizes)
            zx, rx, gx = cut(x, sizes)
            reset = activated(self.recurrent_activation, rx + rh)
            return activated(self.recurrent_activation, zx + zh), gx + reset * gh

        return parts

    def _before(self, masks: list[Any] | None) -> Callable[[Any, Any], tuple[Any, Any]]:
        units = self.units
        gates, last = cut(self.recurrent_kernel, [2 * units, units])
        first = None if masks is None else masks[:2]

        def parts(x: Any, h: Any) -> tuple[Any, Any]:
            gx, candidate = cut(x, [2 * units, units])
            z, r = cut(gx + mapped(h, gates, first), [units, units])
            kept = h if masks is None else h * masks[2]
            kept = activated(self.recurrent_activation, r) * kept
            inner = call("matmul", kept, last)
            return activated(self.recurrent_activation, z), candidate + inner

        return parts
