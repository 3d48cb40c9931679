"""A bound program on a device: its actions as they come, and how a run does them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...graph.node import Node
from ..binding import host_step, shows
from ..loops.bind import Known
from ..strided_arrays import is_same
from .form import Place
from .graphs import Choice, Replayed
from .launches import THREADS, KernelLaunch, packed
from .special import Device
from .state import Inputs

Array = Any
Action = Callable[[], None]
Update = tuple[Array, Array]  # a variable's array, and what becomes its value


class Writer:
    """The actions of a program over bound arrays.

    What `keep` holds lives as long: words of launches and captured work point there.
    """

    def __init__(
        self,
        xp: Any,
        functions: Mapping[str, Any],
        device: Device,
        choice: Choice,
        keep: Sequence[Array],
    ):
        self.xp, self.functions, self.device = xp, functions, device
        self.choice = choice
        self.known = Known()  # launches that differ by addresses alone
        self.keep = list(keep)
        self.parts: list[Action | KernelLaunch] = []

    def add(self, found: Sequence[KernelLaunch]) -> None:
        """Launches, to follow what came before."""
        self.parts += [launch for launch in found if launch.total]

    @contextmanager
    def sizes_of_their_own(self) -> Iterator[None]:
        """What is written within has other sizes than what comes before and after."""
        before, self.known = self.known, Known()
        yield
        self.known = before

    def act(self, action: Action) -> None:
        """Something that the host calls."""
        self.parts.append(action)

    def copy(self, target: Array, source: Array) -> None:
        """A copy on the device; nothing if the one array is the other."""
        if is_same(target, source):
            return
        copyto = self.xp.copyto
        self.act(lambda: copyto(target, source))

    def apart(self, like: Array) -> Array:
        """New memory for an array."""
        found = self.xp.empty(like.shape, like.dtype)
        self.keep.append(found)
        return found

    def dense(self, array: Array) -> Array:
        """The array, or a copy of it that lies in the order of its axes."""
        if array.flags.c_contiguous:
            return array
        found = self.apart(array)
        self.copy(found, array)
        return found

    def call(self, node: Node, place: Place) -> None:
        """A step that CuPy computes, or a layer of the user's."""
        arrays = place.sources, place.targets
        self.act(host_step(self.xp, node, *arrays, place.sizes))

    def finish(
        self, outputs: Mapping[str, Array], updates: Sequence[Update]
    ) -> dict[str, Array]:
        """Write the updates last, and say where the outputs lie then."""
        owners = {id(array) for array, _ in updates}
        found = {
            name: self._before(value, owners, updates)
            for name, value in outputs.items()
        }
        pairs = [(t, self._before(s, owners, updates)) for t, s in updates]
        for target, source in pairs:
            self.update(target, source)
        return found

    def _before(
        self, value: Array, owners: set[int], updates: Sequence[Update]
    ) -> Array:
        """A value as it is before variables are updated that it shows."""
        if not shows(value, owners):
            return value
        kept = self.apart(value)
        self.copy(kept, value)
        return kept

    def update(self, target: Array, source: Array) -> None:
        """A copy into a variable, unless the data was found to be at fault."""
        if not self.device.checks:
            self.copy(target, source)
            return
        xp, flag = self.xp, self.device.faults.words[0]
        self.act(lambda: xp.copyto(target, source, where=xp.equal(flag, 0)))

    def work(self) -> Action:
        """All of it, in turn; the words of all launches go to the device at once."""
        words, starts = packed([p for p in self.parts if isinstance(p, KernelLaunch)])
        placed, begin = self.xp.asarray(words), iter(starts)
        actions = [
            self._launch(part, placed[next(begin) :])
            if isinstance(part, KernelLaunch)
            else part
            for part in self.parts
        ]

        def run() -> None:
            with np.errstate(all="ignore"):
                for action in actions:
                    action()

        return run

    def _launch(self, launch: KernelLaunch, words: Array) -> Action:
        function = self.functions[launch.name]
        grid, block = (launch.blocks,), (THREADS,)
        flag = self.device.faults.words if self.device.checks else np.uint64(0)
        arguments = (words, np.int64(launch.total), np.int32(launch.lanes), flag)
        return lambda: function(grid, block, arguments)


class Runner:
    """A bound program as a function of its inputs, on the device of its arrays."""

    def __init__(
        self,
        writer: Writer,
        inputs: Inputs,
        places: Mapping[int, Array],
        outputs: Mapping[str, Array],
        errors: tuple[type[Exception], ...],
    ):
        self.device, self.keep = writer.device, writer.keep
        self.inputs, self.places, self.outputs = inputs, places, outputs
        self.replay = Replayed(writer.xp, writer.choice, writer.work(), errors)
        self.here = writer.xp.cuda.Device()

    def __call__(self, *arrays: Array) -> dict[str, Any]:
        with self.here:
            self.inputs.send(arrays, self.places)
            self.device.counters.before_run()
            self.replay()
            self.device.faults.after_run()
            return {name: value.copy() for name, value in self.outputs.items()}
