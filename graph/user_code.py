"""What a Python function may do, read off its instructions.

Of a user's function that is called again and again a program can be made if all that
it does is to compute with ops: it assigns nothing but local names, catches nothing,
and everything that it reads has a name. What is not known to be harmless is refused,
instructions of later Pythons too.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

# Instructions that compute, call, jump, or assign local names.
HARMLESS = frozenset(
    "BINARY_OP BINARY_SLICE BINARY_SUBSCR BUILD_CONST_KEY_MAP BUILD_LIST BUILD_MAP "
    "BUILD_SET BUILD_SLICE BUILD_TUPLE CACHE CALL CALL_FUNCTION_EX CALL_INTRINSIC_1 "
    "CALL_KW COMPARE_OP CONTAINS_OP COPY COPY_FREE_VARS DELETE_FAST DICT_MERGE "
    "DICT_UPDATE END_FOR EXTENDED_ARG FOR_ITER GET_ITER GET_LEN IS_OP JUMP_BACKWARD "
    "JUMP_FORWARD JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP KW_NAMES LIST_APPEND "
    "LIST_EXTEND LIST_TO_TUPLE LOAD_ASSERTION_ERROR LOAD_ATTR LOAD_CLOSURE "
    "LOAD_COMMON_CONSTANT LOAD_CONST LOAD_DEREF LOAD_FAST LOAD_FAST_AND_CLEAR "
    "LOAD_FAST_BORROW LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_CHECK "
    "LOAD_FAST_LOAD_FAST LOAD_GLOBAL LOAD_METHOD LOAD_SMALL_INT LOAD_SUPER_ATTR "
    "MAKE_CELL MAKE_FUNCTION MAP_ADD NOP NOT_TAKEN POP_ITER "
    "POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_NONE "
    "POP_JUMP_BACKWARD_IF_NOT_NONE POP_JUMP_BACKWARD_IF_TRUE "
    "POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE "
    "POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_FORWARD_IF_TRUE POP_JUMP_IF_FALSE "
    "POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_IF_TRUE POP_TOP PRECALL "
    "PUSH_NULL RAISE_VARARGS RERAISE RESUME RETURN_CONST RETURN_VALUE SET_ADD "
    "SET_FUNCTION_ATTRIBUTE STORE_DEREF STORE_FAST STORE_FAST_LOAD_FAST "
    "STORE_FAST_STORE_FAST SWAP TO_BOOL UNARY_NEGATIVE UNARY_NOT UNPACK_EX "
    "UNPACK_SEQUENCE".split()
)
OF_GENERATORS = frozenset(("RETURN_GENERATOR", "YIELD_VALUE"))
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")

Path = tuple[str, ...]  # an outer name, and the attributes that are read of it


@dataclass(frozen=True)
class Facts:
    """What code reads: attributes by name, and what it finds outside of itself.

    A path is an outer name with the attributes read of it, and whether the name stands
    in a cell.
    """

    attributes: frozenset[str]
    paths: tuple[tuple[bool, Path], ...]


@lru_cache(1024)
def facts_of(code: CodeType) -> Facts | None:
    """What a function's code may do; None if it is more than to compute."""
    free = frozenset(code.co_freevars)
    attributes: set[str] = set()
    paths: dict[tuple[bool, Path], None] = {}
    for one in _nested(code):
        steps = list(dis.get_instructions(one))
        inside = one is not code
        if not _is_harmless(steps, one, inside):
            return None
        if inside and not free.isdisjoint(one.co_cellvars):
            return None  # a name that stands for two things
        followed: set[int] = set()
        for place, step in enumerate(steps):
            if step.argval == "__class__" and steps[place - 1].argval == "super":
                continue  # of a `super()` without arguments
            if step.opname == "LOAD_GLOBAL" or (
                step.opname == "LOAD_DEREF" and step.argval in free
            ):
                after = list(_attributes_after(steps, place))
                followed.update(after)
                path = (step.argval, *(steps[i].argval for i in after))
                paths[step.opname == "LOAD_DEREF", path] = None
            elif step.opname in ATTRIBUTES and place not in followed:
                attributes.add(step.argval)
    return Facts(frozenset(attributes), tuple(paths))


def _nested(code: CodeType) -> Iterator[CodeType]:
    """Code, and that of the functions and comprehensions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _is_harmless(
    steps: Sequence[dis.Instruction], code: CodeType, inside: bool
) -> bool:
    """Whether instructions only compute, and assign names of their own."""
    known = HARMLESS | OF_GENERATORS if inside else HARMLESS
    for place, step in enumerate(steps):
        if step.opname not in known:
            return False
        if step.opname == "STORE_DEREF" and step.argval in code.co_freevars:
            return False
        if step.opname == "IS_OP" and not _compares_with_none(steps, place):
            return False  # which object it is may differ where values are symbols
    return True


def _compares_with_none(steps: Sequence[dis.Instruction], place: int) -> bool:
    """Whether `is` has a None behind it, whichever way it is come to."""
    before = steps[place - 1]
    none = before.opname == "LOAD_CONST" and before.argval is None
    return none and not steps[place].is_jump_target


def _attributes_after(steps: Sequence[dis.Instruction], place: int) -> Iterator[int]:
    """The steps that read attributes, one of the other, of what a step puts there."""
    for index in range(place + 1, len(steps)):
        step = steps[index]
        if step.opname not in ATTRIBUTES or step.is_jump_target:
            return
        yield index
