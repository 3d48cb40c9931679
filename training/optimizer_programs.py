"""Steps of an optimizer on values: from some time on each is one program.

A loop written by hand asks for the same step again and again. After a few times, which
are done op by op, the step is compiled as that of `fit` is: over arenas, in one kernel
where the optimizer works element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph.autocasting import autocast_dtype
from ..graph.configuration import settings
from ..graph.device import array_module, current_device, module_of
from ..graph.diagnostics import TulleError
from ..graph.graph import Graph, Objective
from ..graph.recording import forget
from ..graph.tensor import SymbolicTensor, convert_to_tensor, input_node
from ..graph.trace import current_trace
from ..graph.types import TensorType, dtype_of
from ..graph.variable import Variable
from ..graph.variable_substitution import replacements
from ..graph.watching import is_of_library
from .schedules import rate_dtype

if TYPE_CHECKING:
    from .optimizer import Optimizer, Pairs

FIRST = 10  # steps that are done op by op
KEPT = 16  # programs


@dataclass
class Planned:
    """The program of a step: of gradients, then of the rate if that is `asked` for."""

    program: Any
    asked: TensorType | None

    def run(self, optimizer: Optimizer, pairs: Pairs) -> None:
        """Do a step."""
        arrays = [gradient.array for gradient, _ in pairs]
        if self.asked is not None:
            rate = convert_to_tensor(optimizer.learning_rate)
            if rate.type != self.asked:
                with optimizer.giving_rate(rate):
                    optimizer.take_step(pairs)
                return
            arrays.append(rate.array)
        self.program(arrays)
        for variable in optimizer.touched():
            forget(variable)


class StepPrograms:
    """The programs of an optimizer's steps, by the variables that have a gradient."""

    def __init__(self) -> None:
        self._counts: dict[Any, int] = {}
        self._known: dict[Any, Planned | None] = {}  # None where there is no program

    def take(self, optimizer: Optimizer, pairs: Pairs) -> None:
        """Do a step, op by op or as a program."""
        found = self._found(optimizer, pairs) if _plain(pairs) else None
        if found is None:
            optimizer.take_step(pairs)
        else:
            found.run(optimizer, pairs)

    def _found(self, optimizer: Optimizer, pairs: Pairs) -> Planned | None:
        """The program of a step whose like has been taken often enough."""
        variables = tuple([variable for _, variable in pairs])
        now = (_makeup(optimizer, variables), settings(), current_device())
        key = (variables, *now)
        if key in self._known:
            return self._known[key]
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= FIRST:
            return None
        self._counts = {}
        current = {k: p for k, p in self._known.items() if k[1:] == now}
        self._known = current if len(current) < KEPT else {}
        self._known[key] = planned(optimizer, variables)
        return self._known[key]


def planned(optimizer: Optimizer, variables: Sequence[Variable]) -> Planned | None:
    """The program of a step that moves variables; None if there can be none.

    There is none for what may do something else each time that it is asked: rules of
    a user's that make no claim, and constraints of a user's. A rate of a user's is
    asked for at each step. A variable that is given twice is moved twice, in turn.
    """
    from ..backend import compile_calls
    from .steps import packed

    everyone = (optimizer, *optimizer.members)
    if len(set(variables)) < len(variables) or not all(map(_claimed, everyone)):
        return None
    if not all(_of_library(variable.constraint) for variable in variables):
        return None
    foreign = [one for one in everyone if not _of_library(one.schedule)]
    if foreign and (optimizer.members or optimizer.gradient_accumulation_steps):
        return None
    nodes = [input_node("gradient", variable.type) for variable in variables]
    given = dict(zip(variables, nodes, strict=True))
    rate = (
        input_node("rate", TensorType(dtype_of(rate_dtype()), ())) if foreign else None
    )

    def apply(pairs: Sequence[tuple[Any, Variable]]) -> None:
        with optimizer.giving_rate(None if rate is None else SymbolicTensor(rate)):
            optimizer.apply_gradients(pairs)

    try:
        groups = packed(optimizer, variables) if _free(optimizer, variables) else ()
        objective = Objective("", tuple(variables), apply, groups, given)
        inputs = nodes if rate is None else [*nodes, rate]
        program = compile_calls(Graph(tuple(inputs), {}, (), True, objective))
    except TulleError:  # op by op it is told
        return None
    return Planned(program, None if rate is None else rate.tensor_type)


def _makeup(optimizer: Optimizer, variables: Sequence[Variable]) -> Any:
    """What a program of a step is made of, apart from variables; a key for that."""
    rates = [one.schedule for one in (optimizer, *optimizer.members)]
    held = [(i, v.constraint) for i, v in enumerate(variables)]
    kept = [(i, _at_present(held)) for i, held in held if held is not None]
    return optimizer.revision, *map(_at_present, rates), *kept


def _at_present(thing: Any) -> Any:
    """A key for what a schedule or constraint of the library does for now."""
    if thing is None or not _of_library(thing):
        return type(thing)
    return type(thing), repr(vars(thing))


def _plain(pairs: Pairs) -> bool:
    """Whether a step is of values on the device in force, and of variables' own."""
    if current_trace() is not None or replacements() is not None:
        return False
    if autocast_dtype() is not None:
        return False
    xp = array_module()
    return all(module_of(gradient.array) is xp for gradient, _ in pairs)


def _claimed(optimizer: Optimizer) -> bool:
    """Whether equal steps do the same: rules of the library, or what claims it."""
    own = [kind for kind in type(optimizer).__mro__[:-1] if not is_of_library(kind)]
    return all("elementwise" in vars(kind) for kind in own)


def _of_library(thing: Any) -> bool:
    return thing is None or is_of_library(type(thing))


def _free(optimizer: Optimizer, variables: Sequence[Variable]) -> bool:
    """Whether the arenas that a step wants are there, or no others in their place.

    So optimizers that share variables do not take them from each other by turns.
    """
    for group in optimizer.packable(variables):
        alike: dict[str, list[Variable]] = {}
        for variable in group:
            alike.setdefault(variable.dtype, []).append(variable)
        for some in alike.values():
            homes = {variable.arena for variable in some}
            same = all(h is not None and h.variables == tuple(some) for h in homes)
            if homes != {None} and not same:
                return False
    return True
