"""Cells one above the other, and what recurrent layers ask of cells of any kind."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..autocasting import autocasting
from ..diagnostics import Fault
from ..dim import Dim
from ..layer import Layer
from ..operand import Operand
from ..registry import call
from ..types import TensorType
from .recurrent_cells import Cell, Pass, tree_sizes

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Cells one above the other: the output of each is the input of the next.

    The states are a list with those of each cell, in its own form; the output is that
    of the last. Raises T0204 for what is no cell.

    >>> from .recurrent_cells import GRUCell, LSTMCell
    >>> cell = StackedRNNCells([LSTMCell(4), GRUCell(3)])
    >>> cell.state_size, cell.output_size
    ([[4, 4], 3], 3)
    """

    def __init__(self, cells: Any, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise Fault(
                "T0204",
                f"`cells` of `StackedRNNCells` is a list of cells, not {cells!r}",
                argument="cells",
            )
        self.cells = [checked_cell(self, "cells", cell) for cell in cells]

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the output of the last cell."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The first states of each cell for a batch."""
        return [initial_state_of(cell, batch_size) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        batch = input_shape[0]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (batch, output_size_of(cell))

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        run = self.begin(inputs.type, training)
        output, new = run.step(run.project(inputs), states)
        return output, new

    def begin(self, type: TensorType, training: bool) -> Pass:
        """Set up all cells for one sequence; only the first sees it as a whole."""
        runs = []
        for cell in self.cells:
            runs.append(begin(cell, type, training))
            type = type.with_shape((type.shape[0], Dim.of(output_size_of(cell))))
        first = runs[0]

        def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
            found = []
            output = x
            for run, state in zip(runs, states, strict=True):
                projected = output if run is first else run.project(output)
                nest = [state] if isinstance(state, Operand) else state
                output, new = run.step(projected, nest)
                found.append(like(state, new))
            return output, found

        return Pass(first.project, step)


def begin(cell: Any, type: TensorType, training: bool) -> Pass:
    """A cell set up for one sequence; cells that users write see each step whole."""
    own = getattr(cell.__class__, "call", None)
    if own is Cell.call or own is StackedRNNCells.call:
        return _within(cell, type, training)
    mode = {"training": training} if getattr(cell, "wants_training", False) else {}

    def step(x: Any, states: Any) -> tuple[Any, Any]:
        run = cell if callable(cell) else cell.call
        found = run(x, states, **mode)
        if not isinstance(found, (list, tuple)) or len(found) != 2:
            raise Fault(
                "T0209",
                f"the cell `{cell.__class__.__name__}` gives an output and the next "
                "states, and its `call` gives something else",
                help=["end it with `return output, [state]`"],
            )
        output, new = found
        return output, [new] if isinstance(new, Operand) else list(new)

    return Pass(lambda x: x, step)


def _within(cell: Any, type: TensorType, training: bool) -> Pass:
    """A cell of the library set up; it computes in its own dtype."""
    seen, dtype = cell.seen_as(), cell.compute_dtype
    with autocasting(seen):
        run = cell.begin(type, training)

    def project(x: Any) -> Any:
        with autocasting(seen):
            return run.project(call("cast", x, dtype) if x.type.dtype.is_float else x)

    def step(x: Any, states: Any) -> tuple[Any, Any]:
        with autocasting(seen):
            return run.step(x, states)  # type: ignore[no-any-return]

    return Pass(project, step)


def like(state: Any, new: Any) -> Any:
    """New states in the form of the old ones; refuses another number of them."""
    leaves, structure = tree.flatten(new)[0], tree.flatten(state)[1]
    count = tree.count_leaves(structure)
    if len(leaves) != count:
        raise Fault(
            "T0321", f"a cell takes {count} states and gives {len(leaves)} new ones"
        )
    return tree.unflatten(structure, iter(leaves))


def checked_cell(holder: Layer, argument: str, cell: Any) -> Any:
    """A cell: something with `call` and `state_size`; refuses anything else."""
    lacking = [name for name in ("call", "state_size") if not hasattr(cell, name)]
    if not lacking and not isinstance(cell, type):
        return cell
    advice = []
    if isinstance(cell, type):
        advice = [f"make one of the class: `{cell.__name__}(…)`"]
    elif isinstance(cell, Layer) and hasattr(cell, "cell"):
        advice = [f"a whole layer has a cell: `{type(cell.cell).__name__}(…)`"]
    what = " and ".join(f"`{name}`" for name in lacking) or "`call` and `state_size`"
    shown_as = f"`{cell.name}`" if isinstance(cell, Layer) else repr(cell)
    raise Fault(
        "T0204",
        f"a cell in `{argument}` of `{type(holder).__name__}` has {what}, and "
        f"{shown_as} is none",
        argument=argument,
        help=advice,
    )


def output_size_of(cell: Any) -> Any:
    """The size of what a cell gives: what it says, else that of its first state."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return tree_sizes(cell.state_size)[0]


def initial_state_of(cell: Any, batch: Any) -> Any:
    """The first state of a cell for a batch, zeros if it does not say."""
    own = getattr(cell, "get_initial_state", None)
    if own is not None:
        return own(batch_size=batch)
    dtype = getattr(cell, "compute_dtype", "float32")

    def zeros(size: Any) -> Any:
        if isinstance(size, (list, tuple)):
            return [zeros(item) for item in size]
        return call("zeros", (batch, size), dtype)

    return zeros(cell.state_size)
