"""What an argument that is no tensor may be, as the signature of its function says.

An annotation stands for a `Kind`, which reads a value into its plain form or refuses
it in words. Ops take `int` and `float` as such (`ARGUMENTS`), the constructors of
layers, optimizers, losses… as Keras does (`SETTINGS`): 3.0 is whole there, and a
variable of one number is a number. See `op.py` and `constructing.py`.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import index
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

import numpy as np

from .diagnostics import Fault
from .dim import LIMIT, Dim
from .operand import Operand
from .trace import current_trace

LONGEST = 60
REFUSALS = (TypeError, ValueError, OverflowError)


class Misfit(ValueError):
    """A value that is nearly of a kind, with words that tell what is wanted of it."""


@dataclass(frozen=True)
class Kind:
    """What a value may be: in words, the types that pass, and how others are read.

    `plain` gives the form that rules see, and raises a `TypeError` or `ValueError` for
    what is no such value.

    >>> INTEGER.read("axis", np.int64(1), "sum"), WHOLE.read("epochs", 3.0)
    (1, 3)
    """

    words: str
    plain: Callable[[Any], Any]
    exact: frozenset[type] = frozenset()

    def read(self, argument: str, value: Any, op: str = "") -> Any:
        """The plain form of an argument, of an op if one is named; else T0204."""
        if type(value) in self.exact:
            return value
        try:
            return self.plain(value)
        except Misfit as misfit:
            words = str(misfit)
        except REFUSALS:
            words = self.words
        raise wrong_value(op, argument, words, value) from None

    def optional(self) -> Kind:
        """The same, or None."""
        return either((self, NOTHING))


def either(kinds: Sequence[Kind]) -> Kind:
    """What is of one of several kinds, read as the first that takes it."""
    if len(kinds) == 1:
        return kinds[0]

    def plain(value: Any) -> Any:
        misfit: ValueError = ValueError()
        for kind in kinds:
            try:
                return kind.plain(value)
            except Misfit as found:
                misfit = found
            except REFUSALS:
                pass
        raise misfit

    *first, last = (kind.words for kind in kinds)
    comma = "," if any(" or " in words for words in first) else ""
    words = f"{', '.join(first)}{comma} or {last}"
    return Kind(words, plain, frozenset().union(*(kind.exact for kind in kinds)))


def wrong_value(op: str, argument: str, words: str, value: Any) -> Fault:
    """The refusal of a value that an argument cannot have, of an op if one is named."""
    told = f"not {shown(value)}"
    if isinstance(value, Operand) and not _is_known(value):
        told = f"and {shown(value)} has no number before it runs"
    owner = f" of `{op}`" if op else ""
    message = f"`{argument}`{owner} is {words}, {told}"
    return Fault("T0204", message, argument=argument, op=op or None)


def shown(value: Any) -> str:
    """A value as it is told in a message: in one line that is not long."""
    if isinstance(value, int) and value.bit_length() > 200:
        digits = int(value.bit_length() * math.log10(2)) + 1
        return f"a number of {digits} digits"
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def is_number(value: Any) -> bool:
    """Whether something is a plain number, of NumPy or of Python; truth is none."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )


def integer(value: Any) -> int:
    """A plain integer of 64 bits of what is one; `True` is none."""
    if value.__class__ is not int:
        if isinstance(value, Dim):
            raise TypeError
        value = single(value)
        if isinstance(value, (bool, Operand)):
            raise TypeError
    return _of_64_bits(index(value), "an integer")


def _of_64_bits(value: int, words: str) -> int:
    if not -(2**63) <= value < 2**63:
        raise Misfit(f"{words} of 64 bits")
    return value


def whole(value: Any) -> int:
    """An integer of 64 bits, be it written 3.0."""
    found = single(value)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise TypeError
    return _of_64_bits(found, "a whole number")


def number(value: Any) -> Any:
    """A plain number of what is one; `True` is none."""
    found = single(value)
    if not is_number(found):
        raise TypeError
    return found


def single(value: Any) -> Any:
    """The plain element of an array of rank 0, or of a tensor that has a value.

    Anything else stays as it is.
    """
    if getattr(value, "shape", None) != ():
        return value
    if isinstance(value, Operand):
        if not _is_known(value):
            return value
        value = value.numpy()  # type: ignore[attr-defined]
    array = np.asarray(value)
    plain = PLAIN.get(array.dtype.kind)
    return value if plain is None else plain(array)


# Of an element's kind in NumPy: V is bfloat16.
PLAIN = {"b": bool, "i": int, "u": int, "f": float, "V": float}


def plain_scalar(value: Any) -> Any:
    """The same, where what may change or is not known yet stays as it is."""
    return value if is_held(value) else single(value)


def is_held(value: Any) -> bool:
    """Whether a value is a variable or a symbol of one number, which is read later."""
    held = hasattr(value, "node") or hasattr(value, "assign")
    return held and getattr(value, "shape", None) == ()


def _is_known(value: Operand) -> bool:
    """Whether a value is there and stays: a variable's may be another one each time
    that what is traced runs."""
    changes = hasattr(value, "assign") and current_trace() is not None
    return hasattr(value, "array") and not changes


def unbounded(value: Any) -> Any:
    """A number that may be infinite, or what holds one; a float can hold it."""
    if is_held(value):
        return value
    found = number(value)
    if math.isnan(found):  # an integer above all floats overflows
        raise ValueError
    return found


def finite(value: Any) -> Any:
    """A finite number, or what holds one."""
    found = unbounded(value)
    if not is_held(found) and math.isinf(found):
        raise ValueError
    return found


def finite_array(value: Any) -> Any:
    """A finite number, or an array, a nested list or a tensor of such."""
    if is_held(value) or hasattr(value, "node"):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "iufV" or not np.isfinite(array).all():
        raise TypeError
    return single(value)


def truth(value: Any) -> bool:
    """True or False of what is one, be it written 1 or 0."""
    found = single(value)
    if isinstance(found, int) and found in (0, 1):
        return bool(found)
    raise TypeError


def size(value: Any) -> Any:
    """A size: a `Dim`, or an integer that a size can be."""
    found = value.value if isinstance(value, Dim) else integer(value)
    if found is not None and not 0 <= found < LIMIT:
        raise ValueError
    return value if isinstance(value, Dim) else found


def position(value: Any) -> Any:
    """A place or a distance along an axis: an integer, or a `Dim`."""
    return value if isinstance(value, Dim) else integer(value)


def _several(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        if isinstance(value, (tuple, list, range)):
            return tuple(map(one, value))
        return one(value)

    return plain


def word(value: Any) -> Any:
    """A word: anything that can be looked up among words, to be told with these."""
    hash(value)
    return value


def instance(*kinds: type) -> Callable[[Any], Any]:
    """A function that takes objects of some classes."""

    def plain(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return plain


def path(value: Any) -> Any:
    """What names a file."""
    if not isinstance(value, (str, os.PathLike)) or os.fspath(value) == "":
        raise TypeError
    return value


def listing(value: Any) -> Any:
    """Several things in an order, which are no text."""
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError
    iter(value)
    return value


def function(value: Any) -> Any:
    """What can be called."""
    if not callable(value):
        raise TypeError
    return value


def scalar(value: Any) -> Any:
    """A number or a truth value."""
    found = single(value)
    return found if isinstance(found, bool) else number(found)


def bound(value: Any) -> Any:
    """A number, or a symbolic size."""
    return value if isinstance(value, Dim) else number(value)


def count(value: Any) -> int:
    """An integer from 1 on that a size can be."""
    found = integer(value)
    if not 1 <= found < LIMIT:
        raise ValueError
    return found


INTEGER = Kind("an integer", integer)
NUMBER = Kind("a number", number, frozenset({int, float}))
TRUTH = Kind("true or false", truth, frozenset({bool}))
AXES = Kind("an integer or several", _several(integer))
SIZE = Kind(f"an integer from 0 to {LIMIT - 1} or a symbolic size", size)
POSITION = Kind("an integer or a size", position)
POSITIONS = Kind("an integer or a size, or several", _several(position))
SIZES = Kind("an integer that is not negative, or several", _several(size))
COUNT = Kind(f"an integer from 1 to {LIMIT - 1}", count)
NUMBERS = Kind("a number or several", _several(number))
SCALAR = Kind("a number", scalar, frozenset({int, float, bool}))
BOUND = Kind("a number or a symbolic size", bound, frozenset({int, float}))
WORD = Kind("a word", word, frozenset({str}))
WHOLE = Kind("a whole number", whole)
FINITE = Kind("a finite number", finite)
INFINITE = Kind("a number", unbounded)
ARRAY = Kind("a finite number or an array of them", finite_array)
TEXT = Kind("text", instance(str), frozenset({str}))
PATH = Kind("a path", path)
FUNCTION = Kind("a function", function)
DICTIONARY = Kind("a dictionary", instance(Mapping))
LISTING = Kind("a list", listing)
NOTHING = Kind("None", instance(NoneType), frozenset({NoneType}))

Axes: TypeAlias = Annotated[Any, AXES]
Size: TypeAlias = Annotated[Any, SIZE]
Positions: TypeAlias = Annotated[Any, POSITIONS]
Sizes: TypeAlias = Annotated[Any, SIZES]
Count: TypeAlias = Annotated[Any, COUNT]
Numbers: TypeAlias = Annotated[Any, NUMBERS]
Scalar: TypeAlias = Annotated[Any, SCALAR]
Bound: TypeAlias = Annotated[Any, BOUND]
Infinite: TypeAlias = Annotated[float, INFINITE]
FiniteArray: TypeAlias = Annotated[Any, ARRAY]

Kinds: TypeAlias = Mapping[Any, Kind]
ARGUMENTS: Kinds = MappingProxyType(
    {
        int: INTEGER,
        float: NUMBER,
        bool: TRUTH,
        str: WORD,
        NoneType: NOTHING,
        Callable: FUNCTION,
    }
)
SETTINGS: Kinds = MappingProxyType(
    {
        int: WHOLE,
        float: FINITE,
        bool: TRUTH,
        str: TEXT,
        NoneType: NOTHING,
        Callable: FUNCTION,
    }
)
# What takes lists, dictionaries and objects has no better words for them.
CALLS: Kinds = MappingProxyType(
    {**SETTINGS, **dict.fromkeys((dict, Mapping), DICTIONARY)}
    | dict.fromkeys((list, Sequence, Iterable), LISTING)
)


def kinds_of(
    function: Callable[..., Any], plain: Kinds = ARGUMENTS
) -> Iterator[tuple[str, Kind]]:
    """The parameters whose annotation, or else whose default, says their kind."""
    names = getattr(function, "__globals__", {})
    for parameter in inspect.signature(function).parameters.values():
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if several or parameter.name == "self":
            continue
        told = parameter.annotation
        if told is parameter.empty:
            told = type(parameter.default)
            if told is NoneType:
                continue
        kind = kind_in(told, plain, names)
        if kind is not None:
            yield parameter.name, kind


def kind_in(
    annotation: Any, plain: Kinds, names: Mapping[str, Any] = MappingProxyType({})
) -> Kind | None:
    """The kind that an annotation stands for; None where none is told apart."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(names))
        except NameError:  # only known to who checks types
            return None
    origin = get_origin(annotation)
    if origin is Annotated:
        return next((k for k in get_args(annotation) if isinstance(k, Kind)), None)
    if origin in (Union, UnionType):
        found = [kind_in(one, plain) for one in get_args(annotation)]
        known = [kind for kind in found if kind is not None]
        known.sort(key=lambda kind: kind is NOTHING)
        return either(known) if len(known) == len(found) else None
    ours = str(getattr(annotation, "__module__", "")).startswith("tulle.")
    if plain is CALLS and ours and isinstance(annotation, type):
        return _object(annotation)
    return plain.get(origin or annotation)


@cache
def _object(kind: type) -> Kind:
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return Kind(f"{article} `{kind.__name__}`", instance(kind))
