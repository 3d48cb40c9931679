"""What the loops of `fit` run: a step at a time, from arrays or from a source.

A feed gives the samples done, a program and what it takes. `Batches` is the one for
arrays in memory, whose checks are made once; a `Stream` checks each batch as it comes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..graph.device import to_numpy
from ..graph.diagnostics import DataError, RunShapeError, TensorTypeError
from .batches import Batches, prepare, prepare_again
from .notices import warn
from .sources import FromArrays, Random, Source, unpacked
from .stepping import CustomStep, is_custom

if TYPE_CHECKING:
    from .model import Model

Run = tuple[int, Callable[[Any], Any], Any]


class StandardStep:
    """Steps of one kind by the programs that Tulle makes."""

    def __init__(self, model: Model, kind: str, class_weight: Any = None):
        self.model, self.kind, self.class_weight = model, kind, class_weight
        self._signature: Any = None
        self._program: Any = None

    def ready(self, element: Any) -> Run:
        """The number of samples in a batch, and the program with its arrays."""
        x, y, weight = unpacked(element)
        scored = self.kind != "predict"
        classes = self.class_weight if y is not None else None
        batch = prepare_again(self.model, x, y, weight, classes, scored)
        if self._signature != batch.signature:
            program = self.model.steps.program
            self._program = program(self.kind, batch.signature, batch.known_for)
            self._signature = batch.signature
        return batch.size, self._program, batch.arrays

    def get_state(self) -> dict[str, Any]:
        """What a step remembers besides the variables."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on as `get_state` told."""

    def begin(self) -> None:
        """A pass begins; weights may have been frozen since the last one."""
        self._signature = None
        if self.kind != "predict":
            self.model.reset_metrics()

    def follow(self) -> None:
        """The programs themselves follow what is frozen."""

    def figures(self) -> dict[str, Any]:
        """The figures so far."""
        return self.model.get_metrics_result()

    def outputs(self, found: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
        """The arrays of a prediction, and what arranges others likewise."""
        return list(found.values()), self.model.arranged

    def results(self, found: Any) -> Any:
        """The outputs of a prediction, in NumPy arrays that nobody else holds."""
        return self.model.arranged([to_numpy(array) for array in found.values()])


class Ready:
    """Arrays in memory, checked once, for one program."""

    again = True
    name = "the data"

    def __init__(self, model: Model, kind: str, batches: Batches):
        self.batches, self.step = batches, StandardStep(model, kind)
        self.model, self.kind = model, kind
        self.steps, self.size = batches.steps, batches.size
        self.batch_size = batches.batch_size

    def each(self, random: Random, start: int = 0, done: int = 0) -> Iterator[Run]:
        """One pass, from a step on."""
        program = self.model.steps.program(self.kind, self.batches.signature)
        order = None if random is None else random.permutation(self.size)
        for total, arrays in self.batches.each(order, start):
            yield total, program, arrays

    def state(self) -> dict[str, Any]:
        """What decides the next pass besides the random numbers."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let the next pass be the one that `state` told of."""

    def skip(self, passes: int, random: Random) -> None:
        """Act as if so many passes were over."""
        for _ in range(passes if random is not None else 0):
            assert random is not None
            random.permutation(self.size)


class Stream:
    """Batches of a source, each checked when it comes and told by its number."""

    def __init__(self, source: Source, step: Any):
        self.source, self.step = source, step
        self.again, self.name = source.again, source.name
        self.size, self.batch_size = source.size, source.batch_size

    @property
    def steps(self) -> int | None:
        return self.source.steps

    def each(self, random: Random, start: int = 0, done: int = 0) -> Iterator[Run]:
        """One pass, from a step on, before which `done` samples are over."""
        for number, element in enumerate(self.source.begin(random, start), start):
            try:
                count, program, arrays = self.step.ready(element)
            except (DataError, RunShapeError, TensorTypeError) as error:
                raise _numbered(error, number, self.name) from None
            done += count
            yield done, program, arrays

    def state(self) -> dict[str, Any]:
        """What decides the next pass besides the random numbers."""
        return self.source.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let the next pass be the one that `state` told of."""
        self.source.restore(state)

    def skip(self, passes: int, random: Random) -> None:
        """Act as if so many passes were over."""
        self.source.skip(passes, random)


Feed = Ready | Stream


def _numbered(error: Any, number: int, name: str) -> Exception:
    note = f"in batch {number} of {name}, counted from 0"
    told = (replace(d, notes=(*d.notes, note)) for d in error.diagnostics)
    found: Exception = type(error)(*told)
    return found


def step_of(model: Model, kind: str, class_weight: Any = None) -> Any:
    """The steps of a kind that a model takes."""
    made = CustomStep if is_custom(model, kind) else StandardStep
    return made(model, kind, class_weight)


def feed_of(
    model: Model,
    kind: str,
    source: Source | None,
    given: tuple[Any, Any, Any],
    batch_size: int | None,
    class_weight: Any = None,
) -> Feed:
    """The feed for a kind of step; `given` are arrays, where there is no source."""
    if source is None and is_custom(model, kind):
        source = FromArrays(*given, batch_size, least=int(kind != "predict"))
    if source is not None:
        return Stream(source, step_of(model, kind, class_weight))
    x, y, weight = given
    scored = kind != "predict"
    batches = prepare(model, x, y, weight, class_weight, batch_size, scored)
    return Ready(model, kind, batches)


class Course:
    """Passes cut into epochs: a pass each, or so many steps each."""

    def __init__(self, feed: Feed, steps: int | None, random: Random = None):
        self.feed, self.wanted, self.random = feed, steps, random
        self.ended = False  # whether nothing is left and nothing can come
        self._pass: Iterator[Run] | None = None  # the one under way
        self._begun: dict[str, Any] = {}  # the state before it began
        self._taken = self._total = 0  # its steps and samples so far
        self._before = 0  # its samples in earlier epochs

    @property
    def steps(self) -> int | None:
        """The steps of an epoch, where known."""
        return self.feed.steps if self.wanted is None else self.wanted

    def skip(self, epochs: int) -> None:
        """Act as if so many epochs were over."""
        if self.wanted is None or not self.feed.steps:
            self.feed.skip(epochs, self.random)
            return
        # An epoch ends with its pass, though it may have fewer steps then.
        passes, rest = divmod(epochs, -(-self.feed.steps // self.wanted))
        self.feed.skip(passes, self.random)
        if rest:
            taken = rest * self.wanted
            self._begin(taken, taken * (self.feed.batch_size or 0))

    # Its place.

    def state(self) -> dict[str, Any]:
        """The place in the data, to go on from."""
        begun = self._begun if self._pass is not None else self._next_pass()
        place: dict[str, Any] = {"taken": None, "total": 0, "before": 0}
        if self._pass is not None and self._taken:
            counts = self._taken, self._total, self._before
            place = dict(zip(place, counts, strict=True))
        shape = {"samples": self.feed.size, "batch_size": self.feed.batch_size}
        return {**begun, **place, **shape}

    def _next_pass(self) -> dict[str, Any]:
        """What decides the pass that comes next."""
        random = self.random
        drawn = None if random is None else random.bit_generator.state
        return {"random": drawn, "source": self.feed.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was told."""
        self.close()
        if self.random is not None and state["random"] is not None:
            self.random.bit_generator.state = state["random"]
        self.feed.restore(state["source"])
        if state["taken"] is not None:
            self._begin(state["taken"], state["total"])
            self._before = state["before"]

    def _begin(self, taken: int = 0, total: int = 0) -> None:
        self._begun = self._next_pass()
        self._pass = self.feed.each(self.random, taken, total)
        self._taken, self._total, self._before = taken, total, 0

    def first(self) -> Run | None:
        """The step that comes next, which still comes then.

        Where a pass is over it is one of the next pass, as a sample.
        """
        if self._pass is None:
            self._begin()
        assert self._pass is not None
        run = next(self._pass, None)
        if run is not None:
            self._pass = itertools.chain([run], self._pass)
        elif self._taken and self.feed.again:
            place = self.state()
            self.restore({**place, **self._next_pass(), "taken": None})
            run = self.first()
            self.restore(place)
        return run

    # Epochs.

    def epoch(self, label: str, step: int = 0) -> Iterator[Run]:
        """The steps of one epoch from a step on, with the samples done in it."""
        if not step:
            self._before = self._total if self._pass is not None else 0
        while self.wanted is None or step < self.wanted:
            run = self._next(step)
            if run is None:
                if not step or self.wanted is not None:
                    self._tell_empty(label, step)
                return
            step += 1
            self._taken += 1
            self._total, program, arrays = run
            yield self._total - self._before, program, arrays

    def _next(self, step: int) -> Run | None:
        """The next step, of another pass if the last epoch ended with its pass."""
        for _ in range(2):
            fresh = self._pass is None
            if self._pass is None:
                if step and self.wanted is None:
                    return None
                self._begin()
            assert self._pass is not None
            run = next(self._pass, None)
            if run is not None:
                return run
            self._pass = None
            if fresh or step or self.wanted is None or not self.feed.again:
                break
        return None

    def close(self) -> None:
        """Leave a pass that is under way."""
        current, self._pass = self._pass, None
        if current is not None and hasattr(current, "close"):
            current.close()

    def _tell_empty(self, label: str, step: int) -> None:
        name, wanted = self.feed.name, self.wanted
        self.ended = not self.feed.again
        of = "" if wanted is None else f" of {wanted}"
        if step:
            message = f"{name} ended after {step}{of} batches of {label}"
        else:
            message = f"{name} gave no batch for {label}"
        warn(
            message,
            "give it as many batches as `steps_per_epoch` times `epochs`"
            if wanted is not None
            else "a generator gives its batches once: set `steps_per_epoch`, or make "
            "a `data.Dataset.from_generator` of it",
        )
