"""Calls on values that come again and again become programs: of layers, of losses.

What such a call computes follows from the attributes and variables of what is called
and from the types of its arguments. After a few calls with equal ones, which run op by
op, it is traced and compiled. A tape that listens sees a program as one op. What
carries masks or runs code of a user's stays op by op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from . import programs
from .autocasting import autocast_dtype
from .configuration import settings
from .device import current_device
from .diagnostics import TulleError
from .layer_state import LayerState
from .tensor import Tensor
from .trace import asked_training, current_trace
from .types import TensorType
from .variable import Variable, times_seeded
from .variable_substitution import replacements
from .watching import hold_the_same, is_of_library

if TYPE_CHECKING:
    from .traced_calls import CallProgram, HandedOn

Function = Callable[..., Any]

FIRST = 10  # calls that run op by op
KEPT = 8  # programs of a layer
COUNTED = 256  # kinds of calls
PLAIN = frozenset((bool, int, str, type(None)))  # arguments that are their own key
# Attributes that a call does not read.
APART = frozenset(
    "_given _as_made _compiled _first_call _losses _programs _steps history".split()
)

# Whether what may become a program is under way, so that what is inside need not.
_within: ContextVar[bool] = ContextVar("within", default=False)


def within_call() -> bool:
    """Whether a call is under way op by op that may become a program itself."""
    return _within.get()


class Watched:
    """Whether what is called, and what is inside, holds what it held."""

    def __init__(self, parts: Sequence[Any]):
        self.views: list[Any] = [vars(one).values() for one in parts]
        self.objects = [item for view in self.views for item in view]
        seen = {id(vars(one).get(name)) for one in parts for name in APART}
        for item in self.objects:  # grows on the way
            if isinstance(item, (list, tuple, dict)) and id(item) not in seen:
                seen.add(id(item))
                held = item.values() if isinstance(item, dict) else item
                self.views.append(held)
                self.objects += held

    def unchanged(self) -> bool:
        """Whether everything is as it was."""
        return hold_the_same(self.views, self.objects)


class CallPrograms:
    """The programs of what is called; a copy of it has none yet.

    A subclass says what a call does, and whose attributes it reads.
    """

    def __init__(self) -> None:
        self._watched: Watched | None = None
        self._settled = False
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

    def foreign(self, part: Any) -> bool:
        """Whether a call runs code of a user's."""
        return not is_of_library(type(part))

    def call(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call on values, op by op or as a program; on symbols, just run it."""
        function = self.function(owner)
        operands: list[Tensor] = []
        key = self._key(owner, (args, kwargs), operands)
        if key is None:
            return function(*args, **kwargs)
        count = self._counts.get(key, 0)
        if count >= FIRST:
            if key not in self._known:
                self._compile(key, function, args, kwargs)
            found = self._known.get(key)  # another thread may have begun anew
            if found is not None and found.there:
                return found.run(operands)
        token = _within.set(count < FIRST)
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
        try:
            return (
                _described(given, operands),
                asked_training(),
                settings(),
                current_device(),
            )
        except LookupError:
            return None

    def watch(self, owner: Any) -> None:
        """See whether anything that a call reads has changed."""
        if self._watched is None or not self._watched.unchanged():
            self._begin(owner)

    def _begin(self, owner: Any) -> None:
        """Look at what is called anew; it may compute something else from now on."""
        self._counts, self._known = {}, {}
        parts = self.parts(owner)
        self._watched = Watched(parts)
        self._settled = not any(map(self.foreign, parts)) and not any(
            _is_foreign(item)
            for part in parts
            for name, value in vars(part).items()
            if name not in APART
            for item in _items(value)
        )

    def _count(self, key: Any, count: int, result: Any) -> None:
        """Note a call; one whose results are unusual stays op by op."""
        if count >= FIRST:
            return
        if len(self._counts) >= COUNTED:
            self._counts.clear()
        self._counts[key] = count + 1
        try:
            _described(result, [])
        except LookupError:
            self._known[key] = None

    def _compile(self, key: Any, function: Function, args: Any, kwargs: Any) -> None:
        from .traced_calls import traced_call  # it needs the ops, and they layers

        if len(self._known) >= KEPT:
            self._known = {}
        try:
            self._known[key] = traced_call(function, args, kwargs)
        except TulleError:  # op by op it is told
            self._known[key] = None
        if self._watched is not None and not self._watched.unchanged():
            self._settled = False  # calls change what is called


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


def _items(value: Any) -> Iterator[Any]:
    """What stands in an attribute, lists and dictionaries included."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _items(item)
    else:
        yield value


def _is_foreign(item: Any) -> bool:
    """Whether a call may meet what is a user's, or may be written into."""
    if isinstance(item, np.ndarray):
        return True
    if isinstance(item, (LayerState, Variable, TensorType)) or not callable(item):
        return False
    home = item if hasattr(item, "__qualname__") else type(item)
    return not is_of_library(home)
