"""Convolutional LSTM: gates made by convolutions of the input and of the state."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import activations
from ..diagnostics import Fault
from ..dim import Dim
from ..layer_parts import ids_fault
from ..ops.windows import FORMATS, one_of, per_axis
from ..registry import call
from ..tensor import SymbolicTensor, input_node
from ..trace import Trace, tracing
from ..types import TensorType
from .core import positive
from .formats import format_of
from .normalization import along
from .recurrent import OfCell, given
from .recurrent_cells import LongShortTerm, Pass, known_features

__all__ = [
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
]


class ConvLSTMCell(LongShortTerm):
    """One step of a convolutional LSTM: the formula of `LSTMCell` with convolutions.

    Input f32[batch, *space, channels], states of the shape that the convolution gives,
    with `filters` channels. Weights `kernel` [*kernel_size, channels, 4 * filters],
    `recurrent_kernel` [*kernel_size, filters, 4 * filters], `bias` [4 * filters].
    Source: Shi et al. 2015, without the connections from c to the gates.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        filters = positive(self, "filters", filters)
        super().__init__(
            filters, activation, use_bias, dropout, recurrent_dropout, seed,
            implementation=1, **kwargs,
        )  # fmt: skip
        kind = f"ConvLSTM{rank}D"
        self.rank, self.filters = rank, filters
        self.kernel_size = per_axis(kind, "kernel_size", kernel_size, rank)
        self.strides = per_axis(kind, "strides", strides, rank)
        word = padding.lower() if isinstance(padding, str) else padding
        self.padding = one_of(kind, "padding", word, ("valid", "same"))
        self.data_format = format_of(self, data_format)
        self.dilation_rate = per_axis(kind, "dilation_rate", dilation_rate, rank)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.axis = 1 if self.data_format == FORMATS[1] else rank + 1
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise Fault(
                "T0204",
                f"`{kind}` takes strides or dilation above 1, not both: `strides` are "
                f"{self.strides} and `dilation_rate` is {self.dilation_rate}",
                argument="dilation_rate",
            )

    def build(self, input_shape: Any) -> None:
        channels, width = known_features(self, input_shape, self.axis), 4 * self.units
        self.step_shape = tuple(input_shape)
        self.kernel = self.add_role("kernel", (*self.kernel_size, channels, width))
        self.recurrent_kernel = self.add_role(
            "recurrent", (*self.kernel_size, self.units, width), name="recurrent_kernel"
        )
        self.bias = self.add_bias((width,)) if self.use_bias else None

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros for a batch of inputs of the size that the cell was built for."""
        return self.zeros_for((batch_size, *self.step_shape[1:]))

    def zeros_for(self, shape: Any) -> list[Any]:
        """The first states for inputs of a shape at each step."""
        type = TensorType(self.input_dtype, tuple(map(Dim.of, shape)))
        with tracing(Trace()):
            made = self.convolved(SymbolicTensor(input_node("step", type)), self.kernel)
        sizes = list(made.type.shape)
        sizes[self.axis] = Dim.of(self.units)
        return [call("zeros", tuple(sizes), self.compute_dtype)] * 2

    def convolved(self, x: Any, kernel: Any, masks: Any = None) -> Any:
        """The input's share of the gates; with masks each gate sees its own input."""
        options = {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }
        return self._mapped(x, kernel, masks, options)

    def across(self, h: Any, masks: list[Any] | None) -> Any:
        options = {"padding": "same", "data_format": self.data_format}
        return self._mapped(h, self.recurrent_kernel, masks, options)

    def _mapped(self, x: Any, kernel: Any, masks: Any, options: dict[str, Any]) -> Any:
        if masks is None:
            return call("conv", x, kernel, **options)
        parts = call("split", kernel, 4, axis=-1)
        found = [
            call("conv", x * mask, part, **options)
            for mask, part in zip(masks, parts, strict=True)
        ]
        return call("concatenate", found, axis=self.axis)

    def begin(self, type: TensorType, training: bool) -> Pass:
        """Set up for one sequence, whose steps have a type."""
        inner = self.masks(self.dropout, type.shape, training, False)
        state = self.zeros_for(type.shape)[0].type.shape
        across = self.masks(self.recurrent_dropout, state, training, False)
        return Pass(lambda x: self.project(x, inner), self.stepping(across))

    def project(self, x: Any, masks: list[Any] | None) -> Any:
        if not x.type.dtype.is_float:
            raise ids_fault(self.name, 0, x.type)
        if x.ndim == self.rank + 2:
            return self._with_bias(self.convolved(x, self.kernel, masks))
        steps, batch, *rest = x.type.shape
        many = None
        if masks is not None:
            whole = (steps, batch, *rest)
            many = [
                call("reshape", call("broadcast_to", m, whole), (steps * batch, *rest))
                for m in masks
            ]
        flat = call("reshape", x, (steps * batch, *rest))
        made = self._with_bias(self.convolved(flat, self.kernel, many))
        return call("reshape", made, (steps, batch, *made.type.shape[1:]))

    def _with_bias(self, x: Any) -> Any:
        return x if self.bias is None else x + along(self.bias, x.type, (self.axis,))


class ConvLSTM(OfCell):
    """What convolutional LSTMs share; a concrete one says the `rank` of its space."""

    cell_kind = ConvLSTMCell
    further: ClassVar[dict[str, Any]] = {"zero_output_for_mask": False}
    space: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__({**given(locals()), "rank": self.space})

    def first_states(self, step_shape: Any, batch: Any) -> list[Any]:
        return self.cell.zeros_for(step_shape)  # type: ignore[no-any-return]


class ConvLSTM1D(ConvLSTM):
    """An LSTM whose gates are convolutions along one axis of space.

    Input f32[batch, steps, length, channels], output f32[batch, new length, filters],
    or with `return_sequences` f32[batch, steps, new length, filters]; with
    `return_state` the last h and c follow. With `channels_first` channels stand before
    space. Padding and strides are those of the input's convolution; the state's keeps
    its size. Weights `kernel` [*kernel_size, channels, 4 * filters], `recurrent_kernel`
    [*kernel_size, filters, 4 * filters], `bias` [4 * filters]. Source: Shi et al. 2015,
    without the connections from c to the gates.

    >>> import numpy as np
    >>> ConvLSTM1D(4, 3)(np.ones((2, 5, 8, 3), "float32")).shape
    (2, 6, 4)
    """

    space, rank = 1, 4
    axes = "(batch, steps, length, channels)"


class ConvLSTM2D(ConvLSTM):
    """An LSTM whose gates are convolutions over images.

    Input f32[batch, steps, height, width, channels], output f32[batch, new height, new
    width, filters]; the rest as in `ConvLSTM1D`.

    >>> import numpy as np
    >>> ConvLSTM2D(4, 3, padding="same")(np.ones((2, 5, 8, 8, 3), "float32")).shape
    (2, 8, 8, 4)
    """

    space, rank = 2, 5
    axes = "(batch, steps, height, width, channels)"


class ConvLSTM3D(ConvLSTM):
    """An LSTM whose gates are convolutions over volumes.

    Input f32[batch, steps, depth, height, width, channels], output f32[batch, new
    depth, new height, new width, filters]; the rest as in `ConvLSTM1D`.

    >>> import numpy as np
    >>> ConvLSTM3D(2, 2)(np.ones((1, 2, 3, 3, 3, 1), "float32")).shape
    (1, 2, 2, 2, 2)
    """

    space, rank = 3, 6
    axes = "(batch, steps, depth, height, width, channels)"
