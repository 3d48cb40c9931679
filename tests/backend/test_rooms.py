"""Rooms: programs share memory as long as no two run at a time; nothing is mixed up."""

import gc
import os
import sys
from threading import Event, Thread

import numpy as np
import pytest

from tulle import Input, Model, ops
from tulle.backend import compile_graph, rooms
from tulle.backend.cpu import engine
from tulle.backend.cpu.pages import LARGE
from tulle.backend.rooms import Room
from tulle.graph.diagnostics import DataError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.layer import Layer
from tulle.graph.registry import call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared on Linux")

WIDE = 64
ROWS = Dim.from_symbol(Symbol("rows"))
X = input_node("x", TensorType(dtype_of("f32"), (ROWS, Dim.of(WIDE))))
LARGE_ROWS = 8000  # whose plans are larger than what is not shared


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """A room to share that nobody is in yet."""
    found = Room(np)
    monkeypatch.setattr(rooms, "shared", found)
    return found


@pytest.fixture(params=["native", "arrays"])
def kernels(request, monkeypatch):
    if request.param == "arrays":
        monkeypatch.setenv("TULLE_KERNELS", "numpy")


def program(factor=1.0):
    """Sums of sums of rows, whose terms lie in memory of the plan."""
    terms = call("tanh", X) * factor
    total = call("cumsum", call("cumsum", terms, axis=0), axis=1)
    return compile_graph(Graph((X,), {"out": call("max", total, axis=1)}))


def rows_of(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, WIDE), np.float32)


def wanted(x, factor=1.0):
    total = (np.tanh(x.astype("f8")) * factor).cumsum(0).cumsum(1)
    return total.max(axis=1)


def check(program, x, factor=1.0):
    found = program([x])["out"]
    np.testing.assert_allclose(found, wanted(x, factor), rtol=1e-3, atol=1e-2)
    return found


def test_large_plans_share_a_room(kernels, room):
    one, two = program(), program(2.0)
    kept = []
    for rows in (LARGE_ROWS, 3 * LARGE_ROWS, 20, LARGE_ROWS):
        for made, factor in ((one, 1.0), (two, 2.0)):
            found = check(made, rows_of(rows), factor)
            kept.append((found, found.copy()))
    assert one.room is two.room is room
    assert all((found == copy).all() for found, copy in kept)


def test_small_plans_have_rooms_of_their_own(room):
    one, two = program(), program()
    check(one, rows_of(20))
    check(two, rows_of(20))
    assert room not in (one.room, two.room)
    assert one.room is not two.room
    check(one, rows_of(LARGE_ROWS))
    check(one, rows_of(20))
    assert one.room is room


def test_a_room_that_gets_larger_is_found_by_all(kernels, room, monkeypatch):
    monkeypatch.setattr(rooms, "RESERVE", 0)
    one, two = program(), program(2.0)
    first = check(one, rows_of(LARGE_ROWS))
    kept, before = first.copy(), room.memory
    check(two, rows_of(2 * LARGE_ROWS), 2.0)
    assert room.memory is not before
    for _ in range(2):
        check(one, rows_of(LARGE_ROWS, 1))
        check(two, rows_of(LARGE_ROWS, 2), 2.0)
    assert (first == kept).all()
    bound = [b for made in (one, two) for b in made._bound.values() if b.used]
    assert all(b.memory is room.memory for b in bound)


def test_memory_that_is_too_small_is_let_go(kernels, monkeypatch):
    monkeypatch.setattr(rooms, "RESERVE", 0)
    made = program()
    for rows in (20, 40, 60):
        check(made, rows_of(rows))
    assert [bound.memory is made.room.memory for bound in made._bound.values()] == [
        True
    ]


class Meeting(Layer):
    """Runs something of the test's in the middle of a program."""

    opaque = True

    def __init__(self, act):
        super().__init__()
        self.act = act

    def call(self, x):
        self.act()
        return np.asarray(x) * 1

    def compute_output_shape(self, shape):
        return shape


def interrupted(act):
    """A model that computes large things before and after it does something."""
    x = Input((WIDE,))
    middle = Meeting(act)(ops.cumsum(ops.tanh(x), axis=0))
    model = Model(x, ops.max(ops.cumsum(middle, axis=1), axis=1))
    # The layer is tried on few rows when the model is made.
    return lambda rows: check(
        lambda given: {"out": model.predict_on_batch(*given)}, rows
    )


def test_what_a_layer_in_python_keeps_is_its_own(kernels):
    kept = []

    class Keeping(Layer):
        opaque = True

        def call(self, x):
            if len(x) == LARGE_ROWS:  # and no trial
                kept.append(x)
            return np.asarray(x) * 1

    x = Input((WIDE,))
    model = Model(x, ops.tanh(Keeping()(ops.tanh(x))))
    given = [rows_of(LARGE_ROWS, seed) for seed in (1, 2)]
    for one in given:
        model.predict_on_batch(one)
        check(program(), rows_of(LARGE_ROWS))
    for one, tensor in zip(given, kept, strict=True):
        np.testing.assert_allclose(tensor.numpy(), np.tanh(one), rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(tensor, copy=False)[0] = 1


def test_a_program_within_another_goes_apart(kernels, room):
    inner, found = program(2.0), []

    def act():
        if len(found) < 20:
            found.append(check(inner, rows_of(LARGE_ROWS, 1), 2.0))

    outer = interrupted(act)
    for seed in (3, 4):
        found.clear()
        outer(rows_of(LARGE_ROWS, seed))
        assert found
    assert inner.room is not room
    assert inner.apart
    assert room.take()
    assert inner.room.take()


def test_a_program_within_itself(kernels):
    depth = []

    def act():
        if depth:
            depth.pop()
            outer(rows_of(LARGE_ROWS, 5))

    outer = interrupted(act)
    for _ in range(2):
        depth[:] = [1, 2]
        outer(rows_of(LARGE_ROWS, 6))
        assert not depth


def test_programs_of_two_threads(kernels, room):
    other, here, there = program(2.0), Event(), Event()
    active = []

    def act():
        if active:
            here.set()
            assert there.wait(60)

    def beside():
        assert here.wait(60)
        try:
            for _ in range(2):
                check(other, rows_of(LARGE_ROWS, 7), 2.0)
            answers.append(True)
        finally:
            there.set()

    outer, answers = interrupted(act), []
    outer(rows_of(LARGE_ROWS))
    check(other, rows_of(LARGE_ROWS), 2.0)
    assert other.room is room
    active.append(True)
    thread = Thread(target=beside)
    thread.start()
    outer(rows_of(LARGE_ROWS, 8))
    thread.join()
    assert answers == [True]
    assert other.room is not room


def test_many_threads(kernels):
    made = [(program(factor), factor) for factor in (1.0, 2.0, 3.0)]
    done = []

    def work(number):
        for turn in range(6):
            one, factor = made[(number + turn) % 3]
            check(one, rows_of(LARGE_ROWS + 100 * turn, number), factor)
        done.append(number)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]


def test_a_run_that_fails_leaves_its_room():
    indices = input_node("i", TensorType(dtype_of("i32"), (ROWS,)))
    total = call("cumsum", call("tanh", X), axis=0)
    taken = call("max", call("take", total, indices, axis=0), axis=1)
    made = compile_graph(Graph((X, indices), {"out": taken}))
    x, good = rows_of(LARGE_ROWS), np.arange(LARGE_ROWS, dtype=np.int32)
    first = made([x, good])["out"]
    with pytest.raises(DataError):
        made([x, good + 5])
    assert made.room.take()
    made.room.give()
    np.testing.assert_array_equal(made([x, good])["out"], first)
    assert not made.apart


def test_who_is_gone_leaves_no_pages(room):
    small, large = program(), program(2.0)
    check(large, rows_of(4 * LARGE_ROWS), 2.0)
    check(small, rows_of(LARGE_ROWS))
    peak = small.held_bytes
    room.memory[:] = 7
    del large
    gc.collect()
    assert (room.memory[:peak] == 7).all()
    assert not room.memory[peak + LARGE : 4 * peak - LARGE].any()
    check(small, rows_of(LARGE_ROWS))
    again = program(3.0)
    check(again, rows_of(4 * LARGE_ROWS), 3.0)
    assert again.room is room


def test_who_goes_while_another_runs_leaves_no_pages_either(room):
    gone = [program(2.0)]
    check(gone[0], rows_of(4 * LARGE_ROWS), 2.0)
    active = []

    def act():
        if active:
            gone.clear()
            gc.collect()

    outer = interrupted(act)
    outer(rows_of(LARGE_ROWS))
    active.append(True)
    before = room._written
    outer(rows_of(LARGE_ROWS))
    assert not gone
    assert room._written < before
    outer(rows_of(LARGE_ROWS))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_child_that_is_made_within_a_run(room):
    inner, active, found = program(2.0), [], []

    def act():
        if not active:
            return
        child = os.fork()
        if not child:
            try:
                check(inner, rows_of(LARGE_ROWS, 1), 2.0)
                os._exit(0)
            finally:
                os._exit(1)
        found.append(os.waitpid(child, 0)[1])

    outer = interrupted(act)
    check(inner, rows_of(LARGE_ROWS), 2.0)
    active.append(True)
    outer(rows_of(LARGE_ROWS, 9))
    assert found == [0]
    check(inner, rows_of(LARGE_ROWS), 2.0)


def test_memory_is_reserved_as_far_as_there_is_any(monkeypatch):
    asked = []

    def aligned(xp, size):
        asked.append(size)
        if size > 100:
            raise MemoryError
        return np.empty(size, np.uint8)

    monkeypatch.setattr(rooms, "aligned", aligned)
    assert rooms.reserved(np, 60, 90).nbytes == 60
    assert asked == [150, 60]


def test_programs_without_native_code_are_the_same(room, monkeypatch):
    if not engine.available():
        pytest.skip("needs llvmlite and SciPy")
    native = program()
    monkeypatch.setenv("TULLE_KERNELS", "numpy")
    plain = program()
    for rows in (LARGE_ROWS, 2 * LARGE_ROWS):
        check(native, rows_of(rows))
        check(plain, rows_of(rows))
    assert native.room is plain.room is room
