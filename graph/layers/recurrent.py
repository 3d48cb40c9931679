"""Layers that go along a sequence with a cell: `RNN`, and those with a cell of theirs.

The loop is `scan`, one node on symbols; the input's share of the cell's work is done
for all steps before it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import control, tree
from ..decide import equal
from ..diagnostics import Fault, TensorTypeError
from ..initializers import snake_case
from ..kinds import wrong_value
from ..layer import Layer
from ..layer_parts import signature
from ..operand import Operand
from ..registry import call
from ..types import TensorType
from ..variable import Variable
from .core import MOST_TURNS
from .recurrent_cells import GRUCell, LSTMCell, Pass, SimpleRNNCell, tree_sizes
from .recurrent_stack import (
    StackedRNNCells,
    begin,
    checked_cell,
    initial_state_of,
    like,
)
from .recurrent_steps import (
    Kept,
    chosen_steps,
    recast_nest,
    slice_at,
    zeros_like_output,
)

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SimpleRNN",
]


class RNN(Layer):
    """A cell applied to each step of a sequence, its states carried along.

    Input f32[batch, steps, ...]; the output is that of the last step, or with
    `return_sequences` [batch, steps, ...] of all, and with `return_state` the last
    states follow it. `cell` is a cell, or a list of them to be stacked: any layer with
    `state_size` (a size, or a nest of sizes) and `call(inputs, states)` that gives an
    output and new states; it may have `output_size` and
    `get_initial_state(batch_size)`.

    `go_backwards` starts at the end and leaves the outputs in the order of the steps
    done. `stateful` starts each batch with the last states of the one before;
    `reset_state` sets them to 0. `unroll` repeats the step instead of a loop, for which
    the number of steps has to be known. Where a mask [batch, steps] is false, the
    states stay and the last output is repeated (0 before the first one), or with
    `zero_output_for_mask` the output is 0. `initial_state` is a state or a list of
    them. Raises T0306 for an input of another rank, T0203 and T0302 for unfit states.

    >>> import numpy as np
    >>> layer = RNN([LSTMCell(4), GRUCell(3)], return_sequences=True)
    >>> layer(np.ones((2, 5, 6), "float32")).shape
    (2, 5, 3)
    """

    supports_masking = True
    rank: ClassVar[int | None] = None  # the number of axes of the input, if one is due

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        self.cell = checked_cell(self, "cell", cell)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.zero_output_for_mask = unroll, zero_output_for_mask
        self._kept: Kept | None = None

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states, in a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    # State between calls.

    @property
    def states(self) -> Any:
        """The states kept by `stateful`, as variables; None without, or unbuilt."""
        return None if self._kept is None else self._kept.nest

    def reset_state(self) -> None:
        """Set the states kept between calls to 0."""
        for variable in tree.flatten(self.states)[0]:
            variable.assign(call("zeros", variable.shape, variable.dtype))

    reset_states = reset_state

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states that a sequence starts with, in a list."""
        found = initial_state_of(self.cell, batch_size)
        return [found] if isinstance(found, Operand) else list(found)

    def build(self, sequences_shape: Any) -> None:
        self.check_shape(sequences_shape)
        batch, _, *rest = sequences_shape
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((batch, *rest))
        if not self.stateful:
            return
        if batch is None:
            raise Fault(
                "T0306",
                f"`{self.name}` keeps a state for each sample (`stateful`), for which "
                f"the batch has to be a number, and its input is {sequences_shape}",
                argument="stateful",
                help=["give the size of the batch: `Input(…, batch_size=32)`"],
            )
        self._kept = Kept(
            tree.map_leaves(self._variable, self.first_states((batch, *rest), batch))
        )

    def first_states(self, step_shape: Any, batch: Any) -> list[Any]:
        """The states of a batch of steps of a shape."""
        return self.get_initial_state(batch)

    def _variable(self, state: Any) -> Variable:
        made = Variable(state.numpy(), trainable=False, name="rnn_state")
        made.path = f"{self.name}/rnn_state"
        return made

    def check_shape(self, shape: Any) -> None:
        """Refuse what is no sequence."""
        rank = len(shape)
        if rank == self.rank or (self.rank is None and rank >= 3):
            return
        named = ("batch", *shape[1:]) if shape[:1] == (None,) else shape
        text = ", ".join("?" if size is None else str(size) for size in named)
        advice = [
            "`return_sequences=True` of a recurrent layer before keeps its steps",
            "for one number a step: `ops.expand_dims(x, -1)`",
        ]
        raise Fault(
            "T0306",
            f"`{self.name}` goes along the steps of {self.axes}, and its input has "
            f"shape ({text})",
            operands={0: f"({text})"},
            help=advice if rank == 2 else [],
        )

    axes: ClassVar[str] = "(batch, steps, …)"

    # The call.

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        self.check_shape(sequences.shape)
        states = self._starting(sequences, initial_state)
        batch, _, *rest = sequences.type.shape
        run = begin(self.cell, sequences.type.with_shape((batch, *rest)), training)
        projected = run.project(call("swapaxes", sequences, 0, 1))
        last, outputs, new = self._along(run, projected, states, self._mask(mask))
        last, outputs, new = recast_nest((last, outputs, new), self.input_dtype)
        if self.stateful:
            pairs = zip(tree.flatten(self.states)[0], tree.flatten(new)[0], strict=True)
            for kept, state in pairs:
                kept.assign(state)
        output = last
        if self.return_sequences:
            if self.go_backwards:
                outputs = call("flip", outputs, 0)
            output = call("swapaxes", outputs, 0, 1)
        return (output, *new) if self.return_state else output

    def _mask(self, mask: Any) -> Any:
        """A mask as truth values, steps first; several are the mask of the first."""
        leaves = tree.flatten(mask)[0]
        if not leaves:
            return None
        found = call("cast", leaves[0], "bool")
        for _ in range(found.ndim - 2):
            found = call("any", found, axis=-1)
        return call("swapaxes", found, 0, 1)

    def _starting(self, sequences: Any, given: Any) -> list[Any]:
        """The states that the sequence starts with."""
        shape = sequences.type.shape
        if given is None and self.stateful:
            self._check_batch(shape[0])
            return list(tree.map_leaves(lambda v: v.value, self.states))
        zeros = self.first_states((shape[0], *shape[2:]), shape[0])
        if given is None:
            return zeros
        if not isinstance(given, (Operand, list, tuple)):
            words = "a tensor or a list of tensors"
            raise wrong_value(self.name, "initial_state", words, given)
        nest = [given] if isinstance(given, Operand) else list(given)
        leaves, wanted = tree.flatten(nest)[0], tree.flatten(zeros)[0]
        if len(leaves) != len(wanted):
            count = "1 state" if len(wanted) == 1 else f"{len(wanted)} states"
            raise Fault(
                "T0203",
                f"`{self.name}` starts with {count}, and `initial_state` has "
                f"{len(leaves)}",
                argument="initial_state",
            )
        for have, want in zip(leaves, wanted, strict=True):
            self._check_state(have.type, want.type)
        leaves = [call("cast", x, w.dtype) for x, w in zip(leaves, wanted, strict=True)]
        return list(tree.unflatten(tree.flatten(zeros)[1], iter(leaves)))

    def _check_batch(self, batch: Any) -> None:
        size = tree.flatten(self.states)[0][0].shape[0]
        if batch.value not in (None, size):
            raise Fault(
                "T0302",
                f"`{self.name}` keeps the states of {size} samples (`stateful`), and "
                f"this batch has {batch}",
                dims=(batch,),
                help=["pass batches of one size; another size needs another layer"],
            )

    def _check_state(self, have: TensorType, want: TensorType) -> None:
        fits = have.rank == want.rank and all(
            equal(a, b) is not False
            for a, b in zip(have.shape, want.shape, strict=True)
        )
        if not fits:
            raise Fault(
                "T0302",
                f"a state of `{self.name}` is {want}, and `initial_state` has {have}",
                argument="initial_state",
            )

    def _along(
        self, run: Pass, sequence: Any, states: list[Any], mask: Any
    ) -> tuple[Any, Any, list[Any]]:
        """The last output, all outputs, steps first, and the last states."""
        repeats = mask is not None and not self.zero_output_for_mask
        carries = repeats or not self.return_sequences
        zero = zeros_like_output(run, sequence, states) if carries else ()

        def step(carry: Any, slices: Any) -> Any:
            (before, old), (x, valid) = carry, slices
            output, new = run.step(x, old)
            new = like(old, new)
            if mask is not None:
                new = chosen_steps(valid, new, old)
                output = chosen_steps(valid, output, before if repeats else None)
            kept = output if carries else ()
            return (kept, new), output if self.return_sequences else ()

        slices = (sequence, () if mask is None else mask)
        loop = self._unrolled if self.unroll else control.scan
        (last, new), outputs = loop(
            step, (zero, states), slices, reverse=self.go_backwards
        )
        return last, outputs, new

    def _unrolled(self, step: Any, carry: Any, slices: Any, reverse: bool) -> Any:
        """What `scan` does, without a loop."""
        count = tree.flatten(slices)[0][0].type.shape[0].value
        if count is None:
            raise Fault(
                "T0306",
                f"`{self.name}` cannot `unroll` a number of steps that is not known",
                argument="unroll",
                help=["give `Input` the number of steps, or leave `unroll` out"],
            )
        if count > MOST_TURNS:
            raise Fault(
                "T0306",
                f"`{self.name}` would `unroll` {count} steps, and {MOST_TURNS} are the "
                "most that are written out one by one",
                argument="unroll",
                help=["take shorter sequences", "leave `unroll` out"],
            )
        found: list[Any] = []
        for place in reversed(range(count)) if reverse else range(count):
            part = slice_at(slices, place)
            carry, output = step(carry, part)
            found.append(output)
        if not self.return_sequences:
            return carry, ()
        return carry, call("stack", found[::-1] if reverse else found)

    # Masks.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        leaves = tree.flatten(previous_mask)[0]
        mask = leaves[0] if leaves and self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask, *[None] * len(tree_sizes(self.cell.state_size))]

    @property
    def makes_mask(self) -> bool:
        """No: the mask of the output is that of the input."""
        return False


class OfCell(RNN):
    """An `RNN` of a cell that it makes itself, from its own arguments."""

    cell_kind: ClassVar[type[Layer]]
    further: ClassVar[dict[str, Any]] = {
        "zero_output_for_mask": False,
        "implementation": 2,
    }
    rank = 3
    axes = "(batch, steps, features)"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _settings_of(cls.cell_kind):
            if not hasattr(cls, name):
                setattr(cls, name, _of_cell(name))

    def __init__(self, settings: dict[str, Any]):
        own = dict(settings)
        known = _settings_of(self.cell_kind)
        inner = {name: own.pop(name) for name in known if name in own}
        if "implementation" in own:
            inner["implementation"] = own.pop("implementation")
        if "use_cudnn" in own:
            self._check_cudnn(own.pop("use_cudnn"))
        shared: dict[str, Any] = {
            key: own[key] for key in ("dtype", "trainable") if key in own
        }
        super().__init__(self._cell({**inner, **shared}), **own)

    def _cell(self, settings: dict[str, Any]) -> Layer:
        """The cell; settings at fault are told of the layer that was given them."""
        written = self.cell_kind.__name__
        try:
            return self.cell_kind(**settings, name=snake_case(written))
        except TensorTypeError as error:
            if (fault := error.fault) is None:
                raise
            own = f"`{type(self).__name__}`"
            fault.message = fault.message.replace(f"`{written}`", own)
            raise fault from None

    def _check_cudnn(self, value: Any) -> None:
        if value not in ("auto", True, False):
            raise Fault(
                "T0204",
                f"`use_cudnn` of `{type(self).__name__}` is `auto`, True or False, "
                f"not {value!r}",
                argument="use_cudnn",
            )


def _settings_of(kind: type[Layer]) -> list[str]:
    """The arguments by name that a cell takes."""
    parameters = signature(kind.__init__).parameters.values()
    return [p.name for p in parameters if p.name not in ("self", "kwargs")]


def _of_cell(name: str) -> property:
    return property(lambda self: getattr(self.cell, name), doc=f"`{name}` of the cell.")


def given(scope: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor, from its `locals()`, in one dictionary."""
    kept = {k: v for k, v in scope.items() if k not in ("self", "__class__", "kwargs")}
    return {**kept, **scope["kwargs"]}


class SimpleRNN(OfCell):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias), along a sequence.

    Input f32[batch, steps, features], output f32[batch, units], or with
    `return_sequences` f32[batch, steps, units]; with `return_state` the last state
    follows. Weights as in `SimpleRNNCell`; states, masks and the order of steps as in
    `RNN`. Source: Elman 1990.

    >>> import numpy as np
    >>> SimpleRNN(4)(np.ones((2, 5, 3), "float32")).shape
    (2, 4)
    """

    cell_kind = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(given(locals()))


class LSTM(OfCell):
    """Long short-term memory along a sequence.

    Input f32[batch, steps, features], output f32[batch, units], or with
    `return_sequences` f32[batch, steps, units]; with `return_state` the last h and c
    follow. Formula and weights as in `LSTMCell`; states, masks and the order of steps
    as in `RNN`. `use_cudnn` is accepted and changes nothing. Source: Hochreiter and
    Schmidhuber 1997.

    >>> import numpy as np
    >>> output, h, c = LSTM(4, return_state=True)(np.ones((2, 5, 3), "float32"))
    >>> output.shape, c.shape
    ((2, 4), (2, 4))
    """

    cell_kind = LSTMCell

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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(given(locals()))


class GRU(OfCell):
    """A gated recurrent unit along a sequence.

    Input f32[batch, steps, features], output f32[batch, units], or with
    `return_sequences` f32[batch, steps, units]; with `return_state` the last state
    follows. Formula and weights as in `GRUCell`; states, masks and the order of steps
    as in `RNN`. `use_cudnn` is accepted and changes nothing. Source: Cho et al. 2014.

    >>> import numpy as np
    >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 4)
    """

    cell_kind = GRUCell

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(given(locals()))
