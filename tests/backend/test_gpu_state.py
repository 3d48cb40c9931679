"""Inputs on their way to a device that lags behind the host."""

import fake_capture
import fake_cupy
import numpy as np
import pytest

from tulle.backend.gpu.state import Inputs


class Lagging:
    """Copies are made when somebody waits for an event that was recorded after them."""

    def __init__(self, monkeypatch):
        self.copies, self.waits = [], 0
        copy = fake_cupy.Memory.copy_from_host_async

        def later(memory, pointer, size):
            self.copies.append(lambda: copy(memory, pointer, size))

        def record(stream, event=None):
            event = event or fake_capture.Event()
            event.until = len(self.copies)
            return event

        def synchronize(event):
            if hasattr(event, "until"):  # others are of programs that are gone
                self.waits += 1
                self.caught_up(event.until)

        monkeypatch.setattr(fake_cupy.Memory, "copy_from_host_async", later)
        monkeypatch.setattr(fake_capture.Stream, "record", record)
        monkeypatch.setattr(fake_capture.Event, "synchronize", synchronize)

    def caught_up(self, until=None):
        for number, copy in enumerate(self.copies[:until]):
            copy()
            self.copies[number] = lambda: None


@pytest.fixture
def device(monkeypatch):
    return Lagging(monkeypatch)


def test_a_buffer_is_filled_anew_once_the_copies_out_of_it_are_done(device):
    cupy = fake_cupy.make()
    inputs, sizes = Inputs(cupy), (3, 7, 2, 90, 5, 90, 3)
    places = [cupy.zeros(size, np.float32) for size in sizes]
    for number, place in enumerate(places):
        inputs.send([np.full(place.shape, number, np.float32)], {0: place})
    assert device.waits == len(sizes) - 2
    device.caught_up()
    for number, place in enumerate(places):
        assert place.get().tolist() == [number] * place.size


def test_a_buffer_is_given_back_once_the_copies_out_of_it_are_done(device):
    cupy = fake_cupy.make()
    inputs, place = Inputs(cupy), cupy.zeros(3, np.float32)
    inputs.send([np.ones(3, np.float32)], {0: place})
    del inputs
    assert place.get().tolist() == [1] * 3
