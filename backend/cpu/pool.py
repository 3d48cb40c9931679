"""The native runtime: tables of commands, and threads that share the large ones.

A command is an entry `void(args, start, stop)` with its arguments, the length of its
parallel axis and the shortest part worth a thread. Threads take parts by number from
one word that also holds the number of the job, so a late thread can take nothing of a
job that is over. How an axis is cut has no influence on the numbers.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from .engine import engine, made_once

COMMAND = 8  # words of a command: entry, args, total, grain, flag, and room
SLOTS = 64
FIRST_SLOT = 24  # the word where jobs begin
SLEEPERS, BUSY, WORKERS, MUTEX, CONDITION, SET_THREADS, GET_THREADS = range(8, 15)
POSTER, GET_CPU, GET_AFFINITY, SET_AFFINITY, ALONE, REST = range(15, 21)
PATIENCE = 1_000_000  # nanoseconds from one attempt to change processors to the next
WAITING = 50_000  # nanoseconds that a caller keeps its processor while it waits
UNFAIR = 300_000  # and waits, beside what it worked itself, before it works alone
SHORTEST, LONGEST = 10_000_000, 80_000_000  # nanoseconds that it works alone
SPINS = 2000  # turns that a thread waits for work before it sleeps

X86 = {
    "pause": "call void @llvm.x86.sse2.pause()",
    "declare": """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define i64 @tulle_float_mode() {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %value = load i32, ptr %place
  %wide = zext i32 %value to i64
  ret i64 %wide
}
define void @tulle_set_float_mode(i64 %value) {
  %place = alloca i32
  %short = trunc i64 %value to i32
  store i32 %short, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
""",
    "flush": str(0x8040),  # flush results to zero, take denormals as zero
}
ARM = {
    "pause": 'call void asm sideeffect "yield", ""()',
    "declare": """
define i64 @tulle_float_mode() {
  %value = call i64 asm sideeffect "mrs $0, fpcr", "=r"()
  ret i64 %value
}
define void @tulle_set_float_mode(i64 %value) {
  call void asm sideeffect "msr fpcr, $0", "r"(i64 %value)
  ret void
}
""",
    "flush": str(1 << 24),
}
OTHER = {
    "pause": "call i32 @sched_yield()",
    "declare": """
define i64 @tulle_float_mode() {
  ret i64 0
}
define void @tulle_set_float_mode(i64 %value) {
  ret void
}
""",
    "flush": "0",
}

NAMES = ("tulle_worker", "tulle_parallel", "tulle_run", "tulle_loop")
PLACING = ("sched_getcpu", "sched_getaffinity", "sched_setaffinity")  # of Linux


@cache
def runtime_fragments() -> dict[str, str]:
    """The runtime in LLVM's language, for this machine, under the names in it."""
    kind = platform.machine().lower()
    x86 = kind in ("x86_64", "amd64")
    machine = X86 if x86 else ARM if kind in ("aarch64", "arm64") else OTHER
    text = files(__package__).joinpath("runtime.ll").read_text("utf-8")
    words = {
        "first": FIRST_SLOT, "sleepers": SLEEPERS, "busy": BUSY, "workers": WORKERS,
        "mutex": MUTEX, "condition": CONDITION, "set_threads": SET_THREADS,
        "get_threads": GET_THREADS, "spins": SPINS, "poster": POSTER,
        "get_cpu": GET_CPU, "get_affinity": GET_AFFINITY,
        "set_affinity": SET_AFFINITY, "patience": PATIENCE,
        "waiting": WAITING, "unfair": UNFAIR, "alone": ALONE, "rest": REST,
        "shortest": SHORTEST, "longest": LONGEST, **machine,
    }  # fmt: skip
    return dict.fromkeys(NAMES, Template(text).substitute(words))


def thread_count() -> int:
    """How many threads programs use: TULLE_NUM_THREADS, or the cores at hand."""
    chosen = os.environ.get("TULLE_NUM_THREADS", "")
    if chosen.isdigit() and int(chosen) > 0:
        return min(int(chosen), 256)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """The native runtime with its threads."""

    def __init__(self, threads: int):
        found = engine().compile(runtime_fragments())
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.loop_entry = found["tulle_loop"]
        self._run = ctypes.CFUNCTYPE(number, *[pointer, pointer, number] * 2, number)(
            found["tulle_run"]
        )
        self._parallel = ctypes.CFUNCTYPE(
            None, pointer, pointer, pointer, number, number
        )(found["tulle_parallel"])
        self._words, self._keep = _shared_words()
        self.address = self._words.ctypes.data
        self.threads = threads
        self._start(ctypes.CFUNCTYPE(None, pointer)(found["tulle_worker"]))

    def _start(self, worker: Any) -> None:
        def work() -> None:
            worker(self.address)  # the thread keeps the pool, whose words it reads

        self.workers: list[threading.Thread] = []
        for index in range(1, self.threads):
            thread = threading.Thread(target=work, name=f"tulle-{index}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread can start, as when Python ends
                break
            self.workers.append(thread)
        self._words[WORKERS] = len(self.workers)

    def run(
        self,
        commands: int,
        count: int,
        patches: int,
        places: int,
        inputs: int,
        flushes: bool = True,
    ) -> bool:
        """Run a table of commands after putting inputs in their places.

        Denormals count as 0 if it `flushes`.
        True says that data was at fault and the rest of the table did not run.
        """
        given = commands, count, patches, places, inputs, flushes
        found = self._run(self.address, *given)
        return bool(found)

    def parallel(self, entry: int, args: int, total: int, grain: int = 1) -> None:
        """Run one entry over its axis on all threads."""
        self._parallel(self.address, entry, args, total, grain)


def _shared_words() -> tuple[Any, list[Any]]:
    """The words that threads share: state, a lock, jobs."""
    from .blas import thread_controls

    whole = np.zeros(FIRST_SLOT + SLOTS * 8 + 8, np.int64)
    words = whole[(-whole.ctypes.data % 64) // 8 :]
    process = ctypes.CDLL(None)
    lock, condition = (ctypes.create_string_buffer(256) for _ in range(2))
    process.pthread_mutex_init(lock, None)
    process.pthread_cond_init(condition, None)
    words[MUTEX] = ctypes.addressof(lock)
    words[CONDITION] = ctypes.addressof(condition)
    words[SET_THREADS], words[GET_THREADS] = thread_controls()
    if all(hasattr(process, name) for name in PLACING):
        words[GET_CPU : SET_AFFINITY + 1] = [
            ctypes.cast(getattr(process, name), ctypes.c_void_p).value or 0
            for name in PLACING
        ]
    return words, [whole, lock, condition]


@made_once
def pool() -> Pool:
    """The one pool of this process, with `thread_count()` threads."""
    return Pool(thread_count())


# A child made by fork has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)
