"""The native runtime: each part of an axis runs once, whoever takes it."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

engine = pytest.importorskip("tulle.backend.cpu.engine")
if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu.engine import made_once  # noqa: E402
from tulle.backend.cpu.pool import (  # noqa: E402
    ALONE,
    GET_AFFINITY,
    LONGEST,
    PATIENCE,
    REST,
    SHORTEST,
    Pool,
    pool,
)

ADD_ONE = """
define void @add_one(ptr %args, i64 %start, i64 %stop) {
entry:
  %x = load ptr, ptr %args
  br label %head
head:
  %i = phi i64 [ %start, %entry ], [ %next, %body ]
  %left = icmp ult i64 %i, %stop
  br i1 %left, label %body, label %leave
body:
  %at = getelementptr float, ptr %x, i64 %i
  %old = load float, ptr %at
  %new = fadd float %old, 1.0
  store float %new, ptr %at
  %next = add i64 %i, 1
  br label %head
leave:
  ret void
}
"""


def entry():
    return engine.engine().compile({"add_one": ADD_ONE})["add_one"]


@pytest.mark.parametrize("total", [0, 1, 7, 1000, 100_003])
@pytest.mark.parametrize("grain", [1, 100])
def test_each_part_runs_once(total, grain):
    x = np.zeros(total + 1, np.float32)
    args = np.array([x.ctypes.data], np.int64)
    for _ in range(50):
        pool().parallel(entry(), args.ctypes.data, total, grain)
    assert (x[:total] == 50).all()
    assert x[total] == 0


def test_a_table_runs_in_order_with_inputs_in_their_places():
    x, y = np.zeros(5000, np.float32), np.ones(5000, np.float32)
    args = np.zeros(1, np.int64)
    table = np.array([entry(), args.ctypes.data, 5000, 100, 0, 0, 0, 0] * 3, np.int64)
    patches = np.array([args.ctypes.data, 1, 400], np.int64)
    inputs = np.array([x.ctypes.data, y.ctypes.data - 400], np.int64)
    pool().run(table.ctypes.data, 3, patches.ctypes.data, 1, inputs.ctypes.data)
    assert (x == 0).all()
    assert (y == 4).all()


def test_several_threads_of_the_host_share_the_pool():
    arrays = [np.zeros(20_000, np.float32) for _ in range(4)]

    def work(x):
        args = np.array([x.ctypes.data], np.int64)
        for _ in range(100):
            pool().parallel(entry(), args.ctypes.data, x.size, 500)

    threads = [threading.Thread(target=work, args=(x,)) for x in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((x == 100).all() for x in arrays)


def test_object_code_is_kept_and_a_broken_file_is_a_miss(tmp_path, monkeypatch):
    monkeypatch.setenv("TULLE_CACHE_DIR", str(tmp_path))
    first = engine.Engine()
    text = ADD_ONE.replace("add_one", "add_two")
    first.compile({"add_two": text})
    assert first.compiled == 1
    (kept,) = tmp_path.rglob("*.o")
    second = engine.Engine()
    second.compile({"add_two": text})
    assert second.compiled == 0
    kept.write_bytes(kept.read_bytes()[:-9])
    third = engine.Engine()
    third.compile({"add_two": text})
    assert third.compiled == 1


CALLING = """
declare void @tulle_adds(ptr, i64, i64)
define void @NAME(ptr %args, i64 %start, i64 %stop) {
  call void @tulle_adds(ptr %args, i64 %start, i64 %stop)
  ret void
}
"""


def test_a_fragment_calls_what_another_one_defines():
    compiler, x = engine.Engine(), np.zeros(5, np.float32)
    args = np.array([x.ctypes.data], np.int64)
    shared = {"tulle_adds": ADD_ONE.replace("add_one", "tulle_adds")}
    for count, name in enumerate(("first", "second"), 1):
        given = {**shared, name: CALLING.replace("NAME", name)}
        address = compiler.compile(given)[name]
        pool().parallel(address, args.ctypes.data, x.size, 100)
        assert (x == count).all()


placed = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two processors whose threads can be placed",
)


@placed
def test_a_thread_of_the_pool_leaves_the_processor_of_its_caller():
    own = Pool(2)
    worker = own.workers[0].native_id
    here = min(os.sched_getaffinity(0))
    x = np.zeros(20_000, np.float32)
    args = np.array([x.ctypes.data], np.int64)

    def post():
        os.sched_setaffinity(0, {here})
        os.sched_setaffinity(worker, {here})
        end = time.monotonic() + 20
        while here in os.sched_getaffinity(worker) and time.monotonic() < end:
            own.parallel(entry(), args.ctypes.data, x.size, 100)
            time.sleep(0.001)

    caller = threading.Thread(target=post)
    caller.start()
    caller.join()
    assert os.sched_getaffinity(worker) == os.sched_getaffinity(0) - {here}


@placed
def test_a_thread_that_cannot_leave_asks_now_and_then():
    """Nobody's mask is wide enough where there are more than 1024 processors."""
    own, asked = Pool(2), []
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p
    )
    refuse = kind(lambda *_: asked.append(1) or -1)
    own._keep.append(refuse)
    own._words[GET_AFFINITY] = ctypes.cast(refuse, ctypes.c_void_p).value
    worker, here = own.workers[0].native_id, {min(os.sched_getaffinity(0))}
    x = np.zeros(20_000, np.float32)
    args = np.array([x.ctypes.data], np.int64)
    took = []

    def post():
        os.sched_setaffinity(0, here)
        os.sched_setaffinity(worker, here)
        start = time.monotonic_ns()
        while time.monotonic_ns() < start + 200 * PATIENCE:
            own.parallel(entry(), args.ctypes.data, x.size, 100)
        took.append(time.monotonic_ns() - start)

    caller = threading.Thread(target=post)
    caller.start()
    caller.join()
    assert os.sched_getaffinity(worker) == here
    assert len(asked) <= took[0] // PATIENCE + 1


ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Slow:
    """An entry whose parts sleep, on the caller and on a thread of the pool."""

    def __init__(self, own, caller, worker):
        self.own, self.parts = own, []
        self.seconds = {True: caller, False: worker}
        self.entry = ENTRY(self.run)
        self.address = ctypes.cast(self.entry, ctypes.c_void_p).value

    def run(self, args, start, stop):
        mine = threading.current_thread() is threading.main_thread()
        self.parts.append((mine, start, stop))
        time.sleep(self.seconds[mine])

    def post(self):
        self.parts.clear()
        self.own.parallel(self.address, 0, 8, 1)
        return sorted(self.parts, key=lambda part: part[1:])


def test_a_caller_that_waits_too_long_works_alone_for_a_while():
    own = Pool(2)
    slow = Slow(own, caller=0.002, worker=0.1)
    end = time.monotonic() + 20
    while not own._words[ALONE] and time.monotonic() < end:
        assert [part[1:] for part in slow.post()] == [(i, i + 1) for i in range(8)]
    left = own._words[ALONE] - time.monotonic_ns()
    assert left <= SHORTEST
    own._words[ALONE] += 10**10  # or the test is too slow to see it
    assert slow.post() == [(True, 0, 8)]
    own._words[ALONE] -= 10**10
    time.sleep(SHORTEST / 1e9)
    assert len(slow.post()) == 8


def test_alone_takes_twice_as_long_when_it_comes_again_soon():
    own = Pool(2)
    slow, rests = Slow(own, caller=0.002, worker=0.1), []
    end = time.monotonic() + 20
    while len(rests) < 5 and time.monotonic() < end:
        own._words[ALONE] = ended = time.monotonic_ns() if rests else 0
        slow.post()
        if own._words[ALONE] != ended:
            rests.append(int(own._words[REST]))
    assert rests == [min(SHORTEST << turn, LONGEST) for turn in range(5)]


def test_a_caller_whose_parts_take_as_long_goes_on_sharing():
    own = Pool(2)
    slow = Slow(own, caller=0.05, worker=0.002)
    for _ in range(5):
        assert len(slow.post()) == 8
    assert own._words[ALONE] == 0


def test_the_words_of_a_pool_live_as_long_as_its_threads():
    own = Pool(2)
    worker, seen = own.workers[0], weakref.ref(own)
    del own
    gc.collect()
    assert worker.is_alive()
    assert seen() is not None


def test_threads_that_come_together_get_one_thing():
    made, ready, found = [], threading.Barrier(4), []

    @made_once
    def slow():
        made.append(object())
        time.sleep(0.02)
        return made[-1]

    def ask():
        ready.wait()
        found.append(slow())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == made * 4


@pytest.mark.parametrize("before", ["", "twice(np.ones((3, 300)))"])
def test_what_is_compiled_while_python_ends_runs(before, tmp_path):
    """Python starts no threads then, and some of its modules cannot be imported."""
    code = f"""
import atexit
import numpy as np
import tulle

twice = tulle.function(lambda x: tulle.ops.tanh(x) * 2)

def last():
    found = tulle.function(lambda x: tulle.ops.softmax(x @ x) + tulle.ops.mean(x))
    x = np.ones((300, 300), "float32")
    model = tulle.Sequential([tulle.Input((300,)), tulle.layers.Dense(4)])
    model.compile("adam", "mse")
    model.fit(x, x[:, :4], verbose=0)
    print(np.array(found(x))[0, 0].round(3), flush=True)

atexit.register(last)
{before}
"""
    environment = {**os.environ, "TULLE_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("1.003\n", "")


def test_where_no_thread_can_start_the_caller_works_alone(monkeypatch):
    def refused(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert Pool(3).workers == []
