"""Programs on other numbers of threads: all work cut small, all memory watched.

What runs in each of `WAYS` gives the same bits, or a mistake has been found: in how
work is cut, in what a part takes another to have done, or in which scratch memory a
thread may use. `cut` takes single units of work, the last one first, in the last of
the stretches of scratch memory. It has one thread, so what it finds comes again;
`shared` has several.
"""

import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any
from unittest import mock

import numpy as np

from tulle.backend import program, rooms
from tulle.backend.binding import aligned
from tulle.backend.cpu import (
    building,
    code,
    convolution_geometry,
    copying,
    engine,
    gemm,
    packed_products,
    pool,
    rows,
    special_base,
    vector_products,
)
from tulle.backend.cpu.call import Call
from tulle.backend.pipeline.plan import Plan, number, rounded

# The least work that is worth a part, in each place where that is asked.
LEAST = {
    **dict.fromkeys([special_base, copying, rows, vector_products], ("WORTH", 1)),
    gemm: ("WORTH", 1 << 10),
    packed_products: ("UNIT", 1),
    convolution_geometry: ("SMALLEST", 1),
}
GAP, END = 256, 1 << 16  # bytes between arrays and behind all that nobody may write
EMPTY = 255  # in all bytes of memory that nobody has written: not a number
FORWARD = "%start = mul i64 %part, %length"
BACKWARD = """
  %behind = sub i64 %parts, %part
  %turned = sub i64 %behind, 1
  %start = mul i64 %turned, %length"""


@cache
def threads_of(count: int) -> pool.Pool:
    """A pool of threads whose caller never works alone, however long it waits."""
    own = engine.Engine()
    with mock.patch.multiple(pool, UNFAIR=1 << 60, engine=lambda: own):
        found = pool.Pool(count)
    found._keep.append(own)  # its code
    return found


@cache
def one_after_the_other(count: int) -> pool.Pool:
    """A pool that says it has so many threads, has one, and begins at the last part."""
    own, texts = engine.Engine(), pool.runtime_fragments()
    turned = {name: text.replace(FORWARD, BACKWARD) for name, text in texts.items()}
    assert turned != texts
    with mock.patch.multiple(
        pool, engine=lambda: own, runtime_fragments=lambda: turned
    ):
        found = pool.Pool(1)
    found._keep.append(own)
    found.threads = count
    found._words[pool.WORKERS] = 1 << 20  # parts of one unit
    return found


@contextmanager
def on(made: pool.Pool) -> Iterator[None]:
    """Programs that are bound meanwhile run on a pool, their work cut small."""
    with ExitStack() as stack:
        enter = stack.enter_context
        for module, (name, least) in LEAST.items():
            enter(mock.patch.object(module, name, least))
        enter(mock.patch.object(Call, "grain", property(lambda self: 1)))
        enter(mock.patch.object(pool, "Pool", return_value=made))
        pool.pool.cache_clear()
        stack.callback(pool.pool.cache_clear)
        yield


@contextmanager
def alone() -> Iterator[None]:
    """One thread, as all others are compared with."""
    with on(threads_of(1)):
        yield


@contextmanager
def shared(count: int) -> Iterator[None]:
    """So many threads."""
    with on(threads_of(count)):
        yield


@contextmanager
def cut(count: int) -> Iterator[None]:
    """Units of work one after the other as so many threads might take them."""
    with (
        on(one_after_the_other(count)),
        mock.patch.object(
            building.Layout, "words", in_the_last_slot(building.Layout.words)
        ),
        watched(),
    ):
        yield


def in_the_last_slot(words: Callable[..., list[int]]) -> Callable[..., list[int]]:
    """Words for an entry that finds all scratch memory but the last stretch taken."""

    def changed(self: Any, **values: int) -> list[int]:
        if "slots" in values:
            values["busy"] = (1 << operator.index(values["slots"]) - 1) - 1
        return words(self, **values)

    return changed


# ---- memory


@contextmanager
def watched() -> Iterator[None]:
    """No array shares memory with another, and what is written between them is told.

    Memory holds no numbers before each run.
    """
    apart: list[np.ndarray] = []  # the ends of memory of results since the last run

    def memory(xp: Any, size: int, more: int = 0) -> np.ndarray:
        whole = aligned(np, size + END)
        whole[:] = EMPTY
        return whole

    def result(size: int) -> tuple[np.ndarray, int]:
        whole = memory(np, size)
        apart.append(whole[size:])
        return whole[:size], 0

    bind = program.Program._bind

    def watching(self: Any, given: Any, found: Plan, sizes: Any) -> Any:
        run = bind(self, given, found, sizes)
        memory, gaps = self.room.memory, found.gaps

        def checked(*arrays: Any) -> Any:
            apart.clear()
            memory[:] = EMPTY
            results = run(*arrays)
            ends = [memory[start : start + GAP] for start in gaps]
            for index, end in enumerate([*ends, memory[found.peak_bytes :], *apart]):
                assert (end == EMPTY).all(), f"written behind array {index}"
            return results

        return checked

    with (
        mock.patch.object(rooms, "reserved", memory),
        mock.patch.object(rooms, "SHARED", np.inf),
        mock.patch.object(code, "result_memory", result),
        mock.patch.object(program, "plan", spread),
        mock.patch.object(program.Program, "_bind", watching),
    ):
        yield


class Spread(Plan):
    """A plan with gaps, and where they begin."""

    gaps: tuple[int, ...] = ()


def spread(schedule: Any, sizes: Any, scratch: int) -> Plan:
    """A plan in which no storage takes the place of another."""
    starts, gaps, top = [], [], 0
    for storage in schedule.storages:
        size = rounded(number(storage.size, sizes) * storage.dtype.size)
        starts.append(top)
        gaps.append(top + size)
        top += size + GAP
    steps = len(schedule.steps)
    found = Spread(schedule.storages, starts, steps, top + scratch, top)
    object.__setattr__(found, "gaps", tuple(gaps))
    return found


# ---- comparing

WAYS: dict[str, Callable[[], Any]] = {
    **{f"{count} threads": partial(shared, count) for count in (3, 5, 16)},
    **{f"cut for {count} threads": partial(cut, count) for count in (3, 7, 20)},
}


def disagreement(run: Callable[[], list[Any]], ways: Iterable[str] = WAYS) -> str:
    """Where what runs gives other bits than on one thread, in words; "" if nowhere."""
    with alone():
        wanted = [np.asarray(x) for x in run()]
    for name in ways:
        try:
            with WAYS[name]():
                found = [np.asarray(x) for x in run()]
        except AssertionError as problem:
            return f"{name}: {problem}"
        assert len(found) == len(wanted)
        for index, (x, y) in enumerate(zip(found, wanted, strict=True)):
            unlike = differing(x, y)
            if unlike:
                return f"{name}: result {index} of {x.dtype} {x.shape}: {unlike}"
    return ""


def differing(x: np.ndarray, y: np.ndarray) -> str:
    """How many elements have other bits, and the first; any two NaN are alike."""
    if (x.dtype, x.shape) != (y.dtype, y.shape):
        return f"{y.dtype} {y.shape} on one thread"
    bits = [np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in (x, y)]
    if np.array_equal(*bits):
        return ""
    a, b = x.reshape(-1), y.reshape(-1)
    wide = [part.reshape(len(a), -1) for part in bits]
    other = (wide[0] != wide[1]).any(axis=1) & ~((a != a) & (b != b))
    if not other.any():
        return ""
    first = int(np.argmax(other))
    return f"{other.sum()} elements, first {first}: {a[first]} not {b[first]}"
