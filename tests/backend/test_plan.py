"""Memory: stretches never overlap while both live, and holes are used again."""

from hypothesis import given
from hypothesis import strategies as st

from tulle.backend.pipeline.plan import Memory, plan
from tulle.backend.pipeline.schedule import Schedule, Storage
from tulle.graph.dim import Dim
from tulle.graph.types import dtype_of

BYTE = dtype_of("u8")
LIVES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(0, 500)), max_size=40
)


def planned(lives):
    storages = [Storage(BYTE, Dim.of(n), a, a + b) for a, b, n in lives]
    return storages, plan(Schedule([], [], {}, [], storages), {}, 0)


@given(LIVES)
def test_what_lives_together_lies_apart(lives):
    storages, found = planned(lives)
    for index, one in enumerate(storages):
        start = found.offsets[one]
        stop = start + one.size.value
        assert start % 64 == 0
        assert stop <= found.peak_bytes
        for other in storages[index + 1 :]:
            if one.first <= other.last and other.first <= one.last:
                begin = found.offsets[other]
                end = begin + other.size.value
                assert stop <= begin or end <= start or start == stop or begin == end


def test_one_after_another_share_a_place():
    _, found = planned([(k, 0, 100) for k in range(20)])
    assert found.peak_bytes == 128


def test_holes_join():
    memory = Memory()
    starts = [memory.take(64) for _ in range(3)]
    for start in (starts[0], starts[2], starts[1]):
        memory.free(start, 64)
    assert memory.take(192) == 0
    assert memory.top == 192


def test_the_smallest_hole_is_taken():
    memory = Memory()
    starts = [memory.take(size) for size in (256, 64, 128, 64)]
    memory.free(starts[0], 256)
    memory.free(starts[2], 128)
    assert memory.take(128) == starts[2]
    assert memory.take(64) == starts[0]


def test_the_last_hole_grows():
    memory = Memory()
    memory.take(64)
    last = memory.take(64)
    memory.free(last, 64)
    assert memory.take(128) == 64
    assert memory.top == 192
