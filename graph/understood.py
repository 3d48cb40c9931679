"""Whether calls of what a user wrote do the same each time that all they read is.

A layer of a user's becomes a program like one of the library if its code only computes
(`user_code.py`), and what that finds is known as well: ops, layers and variables of its
own, plain values, modules of the library, and functions of which the same can be said.
What it found is compared before each call.

What an attribute is read of is not known, so its name stands for what any part has
under it, and its class, and a tensor, a variable or a list. What is taken for granted
is that operators are those of their classes, and that modules of the library and of
Python hold what they held, except for the names that code reads of them.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .array_methods import ArrayMethods
from .initializers import Initializer
from .layer_state import LayerState
from .op import Op
from .tensor import SymbolicTensor, Tensor
from .types import DType
from .user_code import facts_of
from .variable import SeedGenerator, Variable
from .watching import Patches, home_of, is_of_library

PLAIN = frozenset(
    (bool, int, float, complex, str, bytes, range, DType, type(None), type(...))
)
BUILTINS = frozenset(
    getattr(builtins, name)
    for name in "abs all any bool dict divmod enumerate float int len list map max min "
    "range reversed round slice sorted sum super tuple zip".split()
)
# Modules whose functions only compute, wherever they are read from.
COMPUTING = (
    "graph.activations graph.associative graph.control graph.functions graph.inquiry "
    "graph.ops graph.rearranging graph.tensor graph.window_functions training.losses"
).split()
# What tensors, variables, containers and layers have that only computes; what else
# they have may look at values, or change something.
OF_TENSORS = frozenset(name for name in vars(ArrayMethods) if name[0] != "_") | {
    *"shape dtype ndim size astype value assign assign_add assign_sub".split()
}
ATTRIBUTES = OF_TENSORS | {
    *"items keys values get append extend insert pop reverse sort index copy start "
    "stop step real imag call add_loss built compute_dtype variable_dtype".split()
}
LOOKING = ("convert_to_numpy",)  # functions that want values
CONTAINERS = (list, tuple, dict, set, frozenset, str, bytes, int, float, range, slice)
BASIC = {Tensor, SymbolicTensor, Variable, SeedGenerator, FunctionType, *CONTAINERS}
# Classes whose methods no call runs, and what else a class may have of the library's.
BESIDE = ("training.trainer", "training.stepping")
ASIDE = frozenset(
    "__init__ __module__ __doc__ __qualname__ __dict__ __weakref__ __annotations__ "
    "__annotate__ __annotate_func__ __annotations_cache__ __conditional_annotations__ "
    "__firstlineno__ __static_attributes__ __classcell__ __parameters__ build "
    "get_config from_config compute_output_shape compute_output_spec metrics".split()
)
# What a call of the library runs or reads of a user's layer, cells too.
ENTERED = (
    "call compute_mask get_initial_state state_size output_size wants_training".split()
)
_MISSING: Any = object()
IDLE = (LayerState, Variable, Op, Initializer)  # that say all themselves, or are done
WITH_ATTRIBUTES = (FunctionType, Variable, SeedGenerator)  # that users may set


class Unknown(Exception):
    """Code that may do something else each time, or more than to compute."""


def reading_of(
    parts: Sequence[Any], apart: Collection[str], functions: Sequence[Any] = ()
) -> Reading | None:
    """What the code of parts and functions reads; None if it may do something else.

    Attributes `apart` are none that a call reads.
    """
    try:
        return Reading(parts, apart, functions)
    except (Unknown, RecursionError):  # a list may hold itself
        return None


class Reading:
    """What the code of parts reads: what `finders` find, and attributes of `held`."""

    def __init__(
        self,
        parts: Sequence[Any],
        apart: Collection[str],
        functions: Sequence[Any] = (),
    ):
        self.parts = parts
        self.finders: list[Callable[[], Any]] = []
        self._seen: set[Any] = set()  # functions
        self._settings: dict[int, Any] = {}  # objects of the library that are functions
        self._names: dict[str, None] = {}
        self._known = {id(part) for part in parts}
        self._apart = apart
        self._spaces: list[dict[str, Any]] = []  # of what has attributes, but no part
        self._classes = list(dict.fromkeys(_own_classes(parts)))
        self._kinds = {type(part) for part in parts} | BASIC
        self._begin()
        for function in functions:
            self._value(function, False)
        looked: set[str] = set()
        while more := [name for name in self._names if name not in looked]:
            looked.update(more)
            for name in more:
                self._attribute(name)
        if any(name in space for space in self._spaces for name in self._names):
            raise Unknown

    @property
    def held(self) -> list[Any]:
        """Classes of users, and what is set of functions of the library."""
        return [*self._classes, *self._settings.values()]

    def _begin(self) -> None:
        for kind in self._classes:
            _refuse_overriding(kind)
            self.finders.append(partial(attrgetter("__mro__"), kind))
        for part in self.parts:
            kind = type(part)
            _refuse_patched(kind)
            foreign = not is_of_library(kind)
            for name, value in vars(part).items():
                if name not in self._apart and not (foreign and _is_own(kind, name)):
                    self._held(value)
        for kind in self._classes:
            for name in ENTERED:
                if name in vars(kind):
                    self._member(vars(kind)[name])

    def _attribute(self, name: str) -> None:
        """What code may find as an attribute of that name, of whatever it has."""
        if name.startswith("__") or name in self._apart:
            raise Unknown(name)
        if name in OF_TENSORS:
            self._method(name)
        for part in self.parts:
            if name in vars(part):
                self._value(vars(part)[name], True)
        for kind in self._classes:
            if name in vars(kind):
                self._member(vars(kind)[name])
        if name not in ATTRIBUTES and any(_gives(kind, name) for kind in self._kinds):
            raise Unknown(name)

    def _method(self, name: str) -> None:
        """What code may find of a tensor or of a variable; users may patch these."""
        for kind in (Tensor, Variable):
            if hasattr(kind, name):
                if not is_of_library(home_of(getattr(kind, name))):
                    raise Unknown(name)
                self.finders.append(partial(getattr, kind, name))

    def _member(self, value: Any) -> None:
        """What stands in a class of a user's."""
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        self._value(value, False)

    def _held(self, value: Any) -> None:
        """What a layer of the library holds, and may call."""
        if isinstance(value, (list, tuple, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                self._held(item)
            return
        # A tensor may be followed by tapes, and an array may be written into.
        if isinstance(value, (Tensor, np.ndarray)):
            raise Unknown(value)
        if isinstance(value, MethodType):
            self._held(value.__self__)
        if isinstance(value, LayerState) and id(value) not in self._known:
            raise Unknown(value)
        if isinstance(value, IDLE) or not callable(value):
            return
        home = home_of(value)
        if not is_of_library(home) or not _is_library(_module_of(home)):
            self._value(value, False)
        elif home is type(value) and id(value) not in self._settings:
            if hasattr(value, "__dict__"):
                self._settings[id(value)] = value
                self._held(vars(value))

    def _value(self, value: Any, watched: bool) -> None:
        """What code finds by name; `watched` if lists in it are compared anyway."""
        kind = type(value)
        if kind in WITH_ATTRIBUTES:
            self._spaces.append(vars(value))
        if kind in PLAIN or isinstance(value, Op) or kind is SeedGenerator:
            return
        if kind is tuple or (watched and kind in (list, dict)):
            for item in (*value, *value.values()) if kind is dict else value:
                self._value(item, watched)
            return
        if isinstance(value, Variable):  # whole numbers may be read as an index
            known = value.kept.dtype.is_float
        elif isinstance(value, LayerState):
            known = id(value) in self._known
        elif kind is MethodType and id(value.__self__) in self._known:
            value = value.__func__
            known = self._understands(value)
        elif kind is FunctionType:
            known = self._understands(value)
        else:
            known = _is_computing(value)
        if not known:
            raise Unknown(value)

    def _understands(self, function: Any) -> bool:
        """Whether a function only computes; what it reads is noted."""
        if _is_library(_module_of(function)):
            return _is_of(function, COMPUTING) and function.__name__ not in LOOKING
        if function in self._seen:
            return True
        self._seen.add(function)
        code = function.__code__
        facts = facts_of(code)
        if facts is None:
            return False
        self._names |= dict.fromkeys(facts.attributes)
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        for in_cell, path in facts.paths:
            self._path(function, cells[path[0]] if in_cell else None, path)
        named = function.__kwdefaults__ or {}
        for value in (*(function.__defaults__ or ()), *named.values()):
            self._value(value, False)
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            self.finders.append(partial(attrgetter(part), function))
        return True

    def _path(self, function: Any, cell: Any, path: Sequence[str]) -> None:
        """What an outer name stands for, and what is read of it."""
        first, *rest = path
        if cell is not None:
            value = _contents(cell)
            self.finders.append(partial(attrgetter("cell_contents"), cell))
        else:
            space = function.__globals__
            value = space.get(first, getattr(builtins, first, _MISSING))
            self.finders.append(partial(space.get, first))
            if first not in space:
                self.finders.append(partial(vars(builtins).get, first))
        while isinstance(value, ModuleType) and rest:
            name, *rest = rest
            if name not in vars(value) and not _is_library(value.__name__):
                raise Unknown(name)  # its `__getattr__` makes it
            self.finders.append(partial(vars(value).get, name))
            value = getattr(value, name, _MISSING)
        if value is _MISSING or isinstance(value, ModuleType):
            raise Unknown(first)
        self._names |= dict.fromkeys(rest)
        self._value(value, False)


def _own_classes(parts: Sequence[Any]) -> Iterator[type]:
    """The classes of users that parts are of."""
    for part in parts:
        for kind in type(part).__mro__[:-1]:
            if not is_of_library(kind):
                yield kind


def _refuse_overriding(kind: type) -> None:
    """Refuse a class of a user's that has its own of what calls of the library read."""
    bases = [c for c in kind.__mro__ if is_of_library(c) and not _is_of(c, BESIDE)]
    for name in vars(kind):
        if name in ENTERED or name in ASIDE:
            continue
        if name.startswith("__") or any(name in vars(base) for base in bases):
            raise Unknown(name)


def _gives(kind: type, name: str) -> bool:
    """Whether objects of a class have what a class of the library or Python's gives."""
    bases = [c for c in kind.__mro__ if is_of_library(c) or c.__module__ == "builtins"]
    return any(name in vars(base) for base in bases)


def _is_own(kind: type, name: str) -> bool:
    """Whether an attribute is a user's, not one that calls of the library may read."""
    return (
        name not in ENTERED
        and name != "activity_regularizer"
        and not any(name in vars(base) for base in kind.__mro__ if is_of_library(base))
    )


def _refuse_patched(kind: type) -> None:
    """Refuse a layer where a user has put something into a class of the library."""
    for base, name in Patches.made:
        if base in kind.__mro__:
            raise Unknown(name)


def _module_of(thing: Any) -> str:
    """Where a class or function is written; wrappers have the name of another place."""
    if hasattr(thing, "__globals__"):
        return str(thing.__globals__.get("__name__"))
    return str(thing.__module__)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return _MISSING


def _is_library(module: str) -> bool:
    home = __name__.partition(".")[0]
    return module == home or module.startswith(f"{home}.")


def _is_of(thing: Any, homes: Sequence[str]) -> bool:
    """Whether a class or function stands in one of some modules of the library."""
    inside = thing.__module__.partition(".")[2]
    return any(
        inside == home or inside.startswith((f"{home}.", f"{home}_")) for home in homes
    )


def _is_computing(value: Any) -> bool:
    """Whether something of Python's own only computes."""
    if isinstance(value, BuiltinFunctionType) and value.__module__ == math.__name__:
        return True
    try:
        known = value in BUILTINS
    except TypeError:  # it has no hash
        return False
    wrong = isinstance(value, type) and issubclass(value, Exception)
    return known or (wrong and value.__module__ == "builtins")
