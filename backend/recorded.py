"""Arithmetic that is done again for other sizes, without the code that led to it.

A function of whole numbers runs once on `Recorded` ones. What it computes becomes a
list of steps, and each question that it asks, such as which number is larger, a step
with its answer. While all answers are the same the function would go the same way for
other numbers, so its results follow by the steps alone.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..graph.diagnostics import Fault, TulleError

Function = Callable[[Any, Any], Any]
MANY = -1  # of a step that has many operands: the right one, and the answer
Step = tuple[Callable[..., Any], Any, int, bool | int | None]  # answer of a question
KEPT = 4  # recipes of a function
PATIENCE = 4  # how many are made that no other numbers have used
WORTH = 3  # runs on plain numbers that take as long as a recording


class Unrecordable(TypeError, AttributeError):
    """What needs more than the arithmetic that is recorded, so that nothing is."""


class Recorded:
    """A whole number that its `Recording` knows how to find again.

    Where a plain number is needed, as an index or a key, the recording is held to this
    one: that is a question as well.
    """

    __slots__ = ("place", "recording", "value")
    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to this class

    def __init__(self, recording: Recording, place: int, value: int):
        self.recording, self.place, self.value = recording, place, value

    def __bool__(self) -> bool:
        return self.recording.ask(operator.ne, self, 0)

    def __index__(self) -> int:
        self.recording.ask(operator.eq, self, self.value)
        return self.value

    __int__ = __index__

    def __hash__(self) -> int:
        return hash(self.__index__())

    def __neg__(self) -> Any:
        return self.recording.compute(operator.sub, 0, self)

    def __abs__(self) -> Any:
        return self.recording.compute(max, self, -self)

    def bit_length(self) -> Any:
        """How many bits the number has."""
        return self.recording.compute(_bits, self, 0)

    def __getattr__(self, name: str) -> Any:
        raise Unrecordable(f"a recorded number has no `{name}`")

    def __eq__(self, other: object) -> bool:
        return self is other or self.recording.ask(operator.eq, self, other)

    def __ne__(self, other: object) -> bool:
        return self is not other and self.recording.ask(operator.ne, self, other)

    def __repr__(self) -> str:
        return str(self.value)


def _bits(number: int, _: int) -> int:
    return number.bit_length()


def _refused(*operands: Any) -> Any:
    raise Unrecordable("an operation that is not recorded")


def _operation(function: Function, neutral: int | None) -> Callable[..., Any]:
    """An operation on a number and a right operand, which may leave it as it is."""

    def computed(self: Recorded, other: Any) -> Any:
        recording = self.recording
        if other.__class__ is int:
            if other == neutral:
                return self
            place = recording.constant(other)
        elif other.__class__ is Recorded and other.recording is recording:
            place, other = other.place, other.value
        else:
            return recording.compute(function, self, other)
        key = function, self.place, place
        found = recording.known.get(key)
        if found is None:
            found = recording.known[key] = recording.new(function(self.value, other))
        return found

    return computed


def _turned(function: Function, neutral: int | None) -> Callable[..., Any]:
    """The same on a left operand that is a plain number."""

    def computed(self: Recorded, other: Any) -> Any:
        if other.__class__ is int and other == neutral:
            return self
        return self.recording.compute(function, other, self)

    return computed


def _question(function: Function) -> Callable[..., Any]:
    def asked(self: Recorded, other: Any) -> Any:
        return self.recording.ask(function, self, other)

    return asked


for _name, _right, _left in (
    ("add", 0, 0), ("sub", 0, None), ("mul", 1, 1), ("floordiv", 1, None),
    ("mod", None, None), ("pow", 1, None),
):  # fmt: skip
    _function = getattr(operator, _name)
    setattr(Recorded, f"__{_name}__", _operation(_function, _right))
    setattr(Recorded, f"__r{_name}__", _turned(_function, _left))
for _name in ("truediv", "divmod", "lshift", "rshift", "and", "or", "xor"):
    setattr(Recorded, f"__{_name}__", _refused)
    setattr(Recorded, f"__r{_name}__", _refused)
for _name in ("float", "complex", "round", "invert"):
    setattr(Recorded, f"__{_name}__", _refused)
for _name in ("lt", "le", "gt", "ge"):
    setattr(Recorded, f"__{_name}__", _question(getattr(operator, _name)))


class Recording:
    """Numbers that are given, and what is computed from them.

    >>> recording = Recording([5, 7])
    >>> rows, columns = recording.number(0), recording.number(1)
    >>> area = rows * columns if rows < columns else columns
    >>> recipe = recording.finish([area, 3])
    >>> recipe.results([2, 9]), recipe.results([9, 2])
    ([18, 3], None)
    """

    def __init__(self, given: Sequence[int]):
        self._given = given
        self._leaves: dict[int, Recorded] = {}  # by their place among what is given
        self._constants: dict[int, int] = {}  # the place of each
        self.known: dict[tuple[Function, Any, int], Any] = {}  # results and answers
        self._count = 0  # of places

    def number(self, index: int) -> Any:
        """One of the numbers that are given."""
        found = self._leaves.get(index)
        if found is None:
            found = self._leaves[index] = self.new(self._given[index])
        return found

    def compute(self, function: Function, left: Any, right: Any) -> Any:
        """The result of an operation; NotImplemented where an operand is no number."""
        return self._once(function, left, right, self.new)

    def ask(self, function: Function, left: Any, right: Any) -> Any:
        """The answer to a question; NotImplemented where an operand is no number."""
        return self._once(function, left, right, bool)

    def _once(
        self, function: Function, left: Any, right: Any, kept: Callable[[Any], Any]
    ) -> Any:
        one, first = self._operand(left)
        two, second = self._operand(right)
        if one < 0 or two < 0:
            return NotImplemented
        key = function, one, two
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = kept(function(first, second))
        return found

    def together(self, function: Callable[..., Any], given: Sequence[Any]) -> Any:
        """The numbers that a function makes of many at a time."""
        operands = [self._operand(one) for one in given]
        key = function, tuple([place for place, _ in operands]), MANY
        found = self.known.get(key)
        if found is None:
            made = function(*[value for _, value in operands])
            found = self.known[key] = tuple([self.new(value) for value in made])
        return found

    def new(self, value: int) -> Recorded:
        """A number that is found at a place of its own."""
        self._count += 1
        return Recorded(self, self._count - 1, value)

    def _operand(self, given: Any) -> tuple[int, int]:
        """The place of an operand and its value; -1 if it is no number."""
        if given.__class__ is Recorded:
            if given.recording is not self:
                raise Unrecordable("a number of another recording")
            return given.place, given.value
        if given.__class__ is not int:
            if isinstance(given, (float, np.floating)):
                raise Unrecordable("an operation on a fraction")
            if not isinstance(given, (int, np.integer)):
                return -1, 0
            given = int(given)
        return self.constant(given), given

    def constant(self, value: int) -> int:
        """The place of a plain number."""
        place = self._constants.get(value)
        if place is None:
            place = self._constants[value] = self._count
            self._count += 1
        return place

    def finish(self, wanted: Iterable[Any]) -> Recipe:
        """How results are found again; what they do not need is left out.

        That ends the recording.
        """
        results = [self._operand(one)[0] for one in wanted]
        needed, kept = set(results), []
        for step in reversed(self.known.items()):
            (_, left, right), found = step
            if right == MANY:
                if not needed.isdisjoint([one.place for one in found]):
                    needed.update(left)
                    kept.append(step)
            elif found.__class__ is not Recorded or found.place in needed:
                needed.update((left, right))
                kept.append(step)
        leaves = [(n, one) for n, one in self._leaves.items() if one.place in needed]
        constants = [pair for pair in self._constants.items() if pair[1] in needed]
        order = [*[one.place for _, one in leaves], *[place for _, place in constants]]
        places = {old: new for new, old in enumerate(order)}
        steps: list[Step] = []
        for (function, left, right), found in reversed(kept):
            if right == MANY:
                steps.append((function, [places[one] for one in left], right, MANY))
                for one in found:
                    places[one.place] = len(places)
            elif found.__class__ is Recorded:
                steps.append((function, places[left], places[right], None))
                places[found.place] = len(places)
            else:
                steps.append((function, places[left], places[right], found))
        self.known.clear()  # whoever keeps a number keeps the recording
        reads, values = [n for n, _ in leaves], [value for value, _ in constants]
        wanted = [places[place] for place in results]
        return Recipe(_picked(reads), values, steps, _picked(wanted))


Pick = Callable[[Sequence[int]], Iterable[int]]


def _picked(places: Sequence[int]) -> Pick:
    """What takes the numbers at some places out of others."""
    if len(places) > 1:
        return operator.itemgetter(*places)
    return lambda numbers: [numbers[place] for place in places]


class Recipe(NamedTuple):
    """The steps of a recording, in their order.

    Places count the numbers that are read, the constants, and what steps compute.
    """

    reads: Pick
    constants: list[int]
    steps: list[Step]
    wanted: Pick  # the results

    def results(self, given: Sequence[int]) -> list[int] | None:
        """The results for other numbers; None where a question has another answer."""
        values = [*self.reads(given), *self.constants]
        add = values.append
        try:
            for function, left, right, answer in self.steps:
                if answer is None:
                    add(function(values[left], values[right]))
                elif answer is MANY:
                    values += function(*[values[place] for place in left])
                elif function(values[left], values[right]) is not answer:
                    return None
        except ArithmeticError:  # the function tells what is wrong itself
            return None
        return [*self.wanted(values)]


Joint = TypeVar("Joint", bound=Callable[..., Any])


def jointly(function: Joint) -> Joint:
    """Make a function of whole numbers one step of recordings, whatever it asks.

    It gives a number or a tuple of some, as many for all numbers, and raises nothing.
    What it asks then holds no recording to its answers.

    >>> @jointly
    ... def halves(number, most):
    ...     while number > most:
    ...         number //= 2
    ...     return number
    >>> recording = Recording([40])
    >>> recipe = recording.finish([halves(recording.number(0), 8)])
    >>> recipe.results([40]), recipe.results([9])
    ([5], [4])
    """

    def several(*given: Any) -> tuple[Any, ...]:
        found = function(*given)
        return found if isinstance(found, tuple) else (found,)

    @functools.wraps(function)
    def computed(*given: Any) -> Any:
        for one in given:
            if one.__class__ is Recorded:
                found = one.recording.together(several, given)
                return found[0] if len(found) == 1 else found
        return function(*given)

    return computed  # type: ignore[return-value]


def truth(function: Function, one: int, two: int) -> int:
    """Whether a comparison holds, as a number: 1 or 0, where nobody asks which."""
    return _chosen(function, one, two)


def larger(one: int, two: int) -> int:
    """The larger one of two numbers: of recorded ones whichever it is, unlike `max`."""
    if one.__class__ is int and two.__class__ is int:
        return one if one > two else two
    return _chosen(max, one, two)


def smaller(one: int, two: int) -> int:
    """The smaller one of two numbers: of recorded ones whichever it is."""
    if one.__class__ is int and two.__class__ is int:
        return one if one < two else two
    return _chosen(min, one, two)


def _chosen(function: Function, one: Any, two: Any) -> int:
    number = one if type(one) is Recorded else two
    if type(number) is not Recorded:
        return int(function(one, two))
    found: int = number.recording.compute(function, one, two)
    return found


class Recipes:
    """Those of one function, for answers that differ; the last used one comes first.

    The first numbers are recorded, then those of which no recipe told after it had
    told nothing `wait` times. What the function needs more than whole numbers for is
    not recorded.
    """

    def __init__(self, wait: int = WORTH) -> None:
        self._known: list[tuple[Recipe, Any]] = []
        self._patience = PATIENCE
        self._wait = wait
        self._missed = wait  # times that no recipe had the results

    def results(
        self,
        given: Sequence[int],
        function: Callable[[Recording], tuple[Iterable[Any], Any]],
    ) -> tuple[list[int], Any] | None:
        """The results for numbers, and what else the function gave when it ran.

        None where the function is to run on the plain numbers.
        """
        for index, (recipe, rest) in enumerate(self._known):
            found = recipe.results(given)
            if found is not None:
                self._patience = PATIENCE
                if index:
                    self._known.insert(0, self._known.pop(index))
                return found, rest
        self._missed += 1
        if self._missed <= self._wait or not self._patience:
            return None
        self._missed = 0
        return self._record(given, function)

    def _record(
        self,
        given: Sequence[int],
        function: Callable[[Recording], tuple[Iterable[Any], Any]],
    ) -> tuple[list[int], Any] | None:
        self._patience -= 1
        recording = Recording(given)
        try:
            wanted, rest = function(recording)
        except (Fault, TulleError):  # run on plain numbers it says the same of these
            return None
        except (ArithmeticError, Unrecordable):
            self._patience = 0
            return None
        recipe = recording.finish(wanted)
        found = recipe.results(given)
        assert found is not None
        self._known.insert(0, (recipe, rest))
        del self._known[KEPT:]
        return found, rest
