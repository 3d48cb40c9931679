"""Calls on values that come again and again become programs: of layers, of losses.

What such a call computes follows from the attributes and variables of what is called
and from the types of its arguments. After a few calls with equal ones, which run op by
op, it is traced and compiled. A tape that listens sees a program as one op. What
carries masks stays op by op, and so does code of a user's that may do more than to
compute (`understood.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextvars import ContextVar
from itertools import chain
from operator import call, is_
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

import numpy as np

from . import programs
from .autocasting import autocast_dtype
from .configuration import settings
from .device import current_device
from .diagnostics import Fault, TulleError
from .tensor import Tensor
from .trace import asked_training, current_trace
from .tracebacks import PYTHON_ERRORS
from .variable import times_seeded
from .variable_substitution import replacements
from .watching import Patches, hold_the_same

if TYPE_CHECKING:
    from .traced_calls import CallProgram, HandedOn
    from .understood import Reading

Function = Callable[..., Any]
Made = TypeVar("Made")

FIRST = 10  # calls that run op by op
KEPT = 32  # programs of a layer
FEW = 8  # of them, however much they hold
HELD = 1 << 28  # bytes that more than a few keep for what is between their steps
RESTLESS = 32  # changes of what is called after which it stays op by op
COUNTED = 256  # kinds of calls
MANY = 16  # kinds of calls that are more than will become programs
FAILURES = (TulleError, Fault, AssertionError, RuntimeError, *PYTHON_ERRORS)
PLAIN = frozenset((bool, int, str, type(None)))  # arguments that are their own key
KEPT_AS = "_call_programs"  # the attribute in which programs lie
# Attributes that a call does not read.
APART = frozenset(
    "_given _as_made _compiled _first_call _losses _steps history".split()
) | {KEPT_AS}

# Whether what may become a program is under way, so that what is inside need not.
_within: ContextVar[bool] = ContextVar("within", default=False)


def within_call() -> bool:
    """Whether a call is under way op by op that may become a program itself."""
    return _within.get()


class Watched:
    """Whether what is called, and what is inside, holds what it held."""

    def __init__(self, parts: Sequence[Any], reading: Reading | None):
        self.parts = parts
        self.finders = () if reading is None else reading.finders
        self.found = list(self._find())
        spaces = [*parts, *(() if reading is None else reading.held)]
        self.views: list[Collection[Any]] = [vars(one).values() for one in spaces]
        seen = {id(vars(one).get(name)) for one in parts for name in APART}
        items = [*chain.from_iterable(self.views), *self.found]
        for item in items:  # grows on the way
            if isinstance(item, (list, tuple, dict)) and id(item) not in seen:
                seen.add(id(item))
                held = item.values() if isinstance(item, dict) else item
                views = [item.keys(), held] if isinstance(item, dict) else [held]
                self.views += views
                items += chain.from_iterable(views)
        self.objects = list(chain.from_iterable(self.views))
        self.sizes = list(map(len, self.views))

    def _find(self) -> Iterator[Any]:
        """The classes of parts, and what code finds by name."""
        return chain(map(type, self.parts), map(call, self.finders))

    def unchanged(self) -> bool:
        """Whether everything is as it was."""
        return hold_the_same(self.views, self.sizes, self.objects) and all(
            map(is_, self.found, self._find())
        )


class Kept:
    """The programs of one object, by what of it is called; a copy has none yet."""

    def __init__(self, owner: Any = None):
        self.owner = None if owner is None else ref(owner)
        self.programs: dict[Any, Any] = {}

    def __reduce__(self) -> Any:
        return type(self), ()


def keep_with(owner: Any) -> Kept:
    """Make the place for programs; at first, where others watch the attributes."""
    kept = vars(owner)[KEPT_AS] = Kept(owner)
    return kept


def kept_with(owner: Any, what: Any, make: Callable[[], Made]) -> Made:
    """The programs of what is called of an object, made when first asked for.

    They lie among its attributes: they hold what they read, and so the object itself if
    it is in there, and go with it all the same.
    """
    kept = vars(owner).get(KEPT_AS)
    if kept is None or kept.owner is None or kept.owner() is not owner:
        kept = keep_with(owner)
    found: Made | None = kept.programs.get(what)
    if found is None:
        found = kept.programs[what] = make()
    return found


class CallPrograms:
    """The programs of what is called; a copy of it has none yet.

    A subclass says what a call does, and whose attributes it reads.
    """

    def __init__(self) -> None:
        self._owner: Any = None
        self._watched: Watched | None = None
        self._settled = False
        self._patches = 0
        self._begun = 0  # times, since there was a program
        self._used = 0  # times that there was one
        self._dropped = 0  # programs, for others
        self._counts: dict[Any, int] = {}
        self._known: dict[
            Any, CallProgram | HandedOn | None
        ] = {}  # None: there is none
        self._seeded = times_seeded()

    def __reduce__(self) -> Any:
        return type(self), ()

    def function(self, owner: Any) -> Function:
        """What a call does, op by op."""
        raise NotImplementedError

    def parts(self, owner: Any) -> Sequence[Any]:
        """What is called, and what it calls in turn."""
        return (owner,)

    def read(self, owner: Any) -> Sequence[Any]:
        """Functions that a call runs besides."""
        return ()

    def call(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call on values, op by op or as a program; on symbols, just run it."""
        operands: list[Tensor] = []
        key = self._key(owner, (args, kwargs), operands)
        if key is None:
            return self.function(owner)(*args, **kwargs)
        count = self._counts.get(key, 0)
        if count >= FIRST:
            # Where others have given way, what comes seldom is not worth its making.
            if count >= FIRST * (1 + self._dropped) and key not in self._known:
                self._compile(key, self.function(owner), args, kwargs)
            found: Any = self._known.get(key)  # another thread may have begun anew
            program = None if found is None else found.program()
            if program is not None:
                self._used = found.used = self._used + 1
                return found.run(program, operands)
        function = self.function(owner)
        # Where few calls come again, what is inside may still do so.
        token = _within.set(count < FIRST and len(self._counts) <= MANY)
        try:
            result = function(*args, **kwargs)
        finally:
            _within.reset(token)
        self._count(key, count, result)
        return result

    def _key(self, owner: Any, given: Any, operands: list[Tensor]) -> Any:
        """What tells calls apart that may differ; None for one that stays op by op."""
        if _within.get() or programs.compiler is None or current_trace() is not None:
            return None
        if replacements() is not None or autocast_dtype() is not None:
            return None
        self.watch(owner)
        if not self._settled:
            return None
        if self._seeded != times_seeded():  # what is done again does the same
            self._seeded, self._counts = times_seeded(), {}
            if self._dropped:
                self._known, self._dropped = {}, 0
        try:
            return (
                _described(given, operands),
                _repeated(operands),
                asked_training(),
                settings(),
                current_device(),
            )
        except LookupError:
            return None

    def watch(self, owner: Any) -> None:
        """See whether anything that a call reads has changed."""
        if (
            self._watched is None
            or self._owner() is not owner  # of which it has been copied
            or self._patches != Patches.count
            or not self._watched.unchanged()
        ):
            self._begin(owner)

    def _begin(self, owner: Any) -> None:
        """Look at what is called anew; it may compute something else from now on."""
        from .understood import reading_of  # it needs the ops, and they these

        self._owner = ref(owner)
        self._counts, self._known, self._dropped = {}, {}, 0
        self._begun += 1
        self._patches = Patches.count
        parts = self.parts(owner)
        reading = (
            None
            if self._begun > RESTLESS
            else reading_of(parts, APART, self.read(owner))
        )
        self._watched = Watched(parts, reading)
        self._settled = reading is not None

    def _count(self, key: Any, count: int, result: Any) -> None:
        """Note a call; one whose results are unusual stays op by op."""
        if count >= FIRST and key in self._known:
            return
        if len(self._counts) >= COUNTED:
            self._counts.clear()
            known = list(self._known.items())
            self._known = {key: one for key, one in known if one is not None}
        self._counts[key] = count + 1
        try:
            _described(result, [])
        except LookupError:
            self._known[key] = None

    def _compile(self, key: Any, function: Function, args: Any, kwargs: Any) -> None:
        from .traced_calls import traced_call  # it needs the ops, and they layers

        self._make_room()
        self._begun = 0
        try:
            self._known[key] = traced_call(function, args, kwargs)
        except FAILURES:  # op by op it is told, or code of a user's wants values
            self._known[key] = None
        if self._watched is not None and not self._watched.unchanged():
            self._settled = False  # calls change what is called

    def _make_room(self) -> None:
        """Drop what has not been used for longest, where there is much."""
        order = list(self._known.items())  # at once: threads may add to it
        order.sort(key=lambda pair: _use(pair[1]))
        held = sum(one.held_bytes for _, one in order if one is not None)
        while len(order) >= KEPT or (len(order) >= FEW and held > HELD):
            key, oldest = order.pop(0)
            held -= 0 if oldest is None else oldest.held_bytes
            self._known.pop(key, None)
            self._counts.pop(key, None)
            self._dropped += 1


def _use(program: Any) -> int:
    """When a program was used last; 0 for what turned out to be none."""
    return 0 if program is None else int(program.used)


def _repeated(operands: Sequence[Tensor]) -> Any:
    """Which of several operands are the same one, if any are."""
    places = dict(zip(map(id, operands), range(len(operands)), strict=True))
    if len(places) == len(operands):
        return None
    return tuple([places[id(operand)] for operand in operands])


def _described(value: Any, operands: list[Tensor]) -> Any:
    """A key for tensors, collected on the way, and what is plain beside them.

    A `LookupError` for anything else, such as a tensor with a mask.
    """
    kind = value.__class__
    if kind is Tensor:
        array = value.array
        if array.__class__ is not np.ndarray or value._keras_mask is not None:
            raise LookupError
        operands.append(value)
        return array.shape, array.dtype
    if kind is tuple or kind is list:
        return (kind, *[_described(part, operands) for part in value])
    if kind is dict:
        parts = [_described(part, operands) for part in value.values()]
        return (kind, *value, *parts)
    if kind in PLAIN:
        return kind, value
    raise LookupError
