"""Streams, graphs and memory pools of the stand-in for CuPy.

Work is done at once, but for a stream that is captured: then it is recorded, and
refused where CuPy or CUDA would refuse it.
"""

import contextlib

import numpy as np


class CUDARuntimeError(RuntimeError):
    """What CuPy raises for an error of CUDA."""


class _State:
    tape = None  # what the capture under way has recorded
    streams = ()  # those that are current, the innermost last
    allocator = None  # None for CuPy's common pool


state = _State()


def capturing():
    return state.tape is not None


def perform(action):
    """Do something on the device, or record it while a stream is captured."""
    if capturing():
        state.tape.append(action)
    else:
        action()


def refuse(what):
    """Raise CUDA's error if a stream is captured."""
    if capturing():
        raise CUDARuntimeError(f"cudaErrorStreamCaptureUnsupported: {what}")


def check_allocation():
    """See that memory of a capture comes from a pool of its own."""
    if capturing():
        assert state.allocator is not None, "memory of the common pool in a capture"


class Event:
    def synchronize(self):
        refuse("an event is waited for")


class Stream:
    """CuPy's class; the null stream cannot be captured."""

    def __init__(self, null=False, non_blocking=False):
        self.ptr = 0 if null else id(self)
        self.non_blocking, self.alone = non_blocking, False

    def __enter__(self):
        state.streams = (*state.streams, self)
        return self

    def __exit__(self, *error):
        state.streams = state.streams[:-1]

    def record(self, event=None):
        refuse("an event of another stream")
        return event or Event()

    def wait_event(self, event):
        assert isinstance(event, Event)

    def synchronize(self):
        refuse("a stream is waited for")

    def begin_capture(self, mode=None):
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        assert not capturing()
        assert state.streams[-1:] == (self,), "work would go to another stream"
        state.tape = []

    def end_capture(self):
        found, state.tape = state.tape, None
        return Graph(found)


NULL = Stream(null=True)


def current_stream():
    return state.streams[-1] if state.streams else NULL


class Graph:
    """What a capture recorded; it can be launched on any stream."""

    count = 0  # of graphs made
    launches = 0

    def __init__(self, actions):
        self.actions = actions
        Graph.count += 1

    def launch(self, stream=None):
        assert not capturing()
        Graph.launches += 1
        for action in self.actions:
            action()


class MemoryPool:
    def malloc(self, size):
        raise NotImplementedError


@contextlib.contextmanager
def using_allocator(allocator=None):
    before, state.allocator = state.allocator, allocator
    try:
        yield
    finally:
        state.allocator = before


def check_one_graph(trained, monkeypatch, losses, weights, then=lambda: None):
    """Training is a graph for each of two sizes, with the bits of its pieces, and as on
    the CPU within tolerances; `then` looks at what the graphs were made of.

    `trained` gives losses, weights and the program of a training on a device.
    """
    count = Graph.count
    found, values, program = trained("gpu:0")
    assert program.code.choice.refused == ""
    assert Graph.count - count == 2
    then()
    monkeypatch.setenv("TULLE_CUDA_GRAPHS", "0")
    plain, plain_values, _ = trained("gpu:0")
    assert Graph.count - count == 2
    assert found.tobytes() == plain.tobytes()
    for one, other in zip(values, plain_values, strict=True):
        np.testing.assert_array_equal(one, other)
    wanted, wanted_values, _ = trained("cpu")
    np.testing.assert_allclose(found, wanted, **losses)
    for one, other in zip(values, wanted_values, strict=True):
        np.testing.assert_allclose(one, other, **weights)
