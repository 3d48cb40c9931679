"""Progress: a bar on a terminal, lines elsewhere, silence when asked for."""

import io
import re

import pytest

from tulle.training.progress import Bar, Lines, duration, progress, rate, told


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_elsewhere():
    out = io.StringIO()
    display = progress("auto", "model", out)
    assert isinstance(display, Lines)
    display.begin("epoch 1/2", 10, 320)
    display.end({"loss": 0.5, "accuracy": 0.25})
    display.close()
    (line,) = out.getvalue().splitlines()
    assert line.startswith("epoch 1/2  loss 0.5000  accuracy 0.2500")
    assert line.endswith("samples/s")
    assert "\x1b" not in line


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    out = Terminal()
    display = progress("auto", "model", out)
    assert isinstance(display, Bar)
    try:
        display.begin("epoch 1/2", 10, 320)
        display.refresh(5, 160, lambda: {"loss": 0.75})
        assert "loss 0.7500" in out.getvalue()
        assert "left" in out.getvalue()
        display.end({"loss": 0.5})
    finally:
        display.close()
    assert "5/10" in out.getvalue()
    assert "epoch 1/2  loss 0.5000" in out.getvalue()


@pytest.mark.parametrize(
    ("columns", "bar", "speed"),
    [(120, True, True), (60, False, True), (52, True, False), (45, False, False)],
)
def test_the_bar_goes_before_the_words(monkeypatch, columns, bar, speed):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    display = progress("auto", "model", out)
    try:
        display.begin("epoch 1/2", 10, 320)
        out.truncate(0)
        display.refresh(5, 160, lambda: {"loss": 0.75, "[acc]": 0.5})
    finally:
        display.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    for text in ("epoch 1/2", "5/10", "loss 0.7500  [acc] 0.5000"):
        assert text in shown
    assert ("━" in shown) == bar
    assert ("left" in shown) == speed


def test_silence():
    display = progress(0, "model", Terminal())
    display.begin("epoch", 1, 1)
    assert display.due == float("inf")
    display.end({})


def test_lines_when_asked_for():
    assert isinstance(progress(2, "model", Terminal()), Lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "12 ms"), (3.21, "3.2 s"), (125, "2:05"), (3920, "1:05:20")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_rates_and_figures():
    assert rate(5, 2.0) == "2.5"
    assert rate(10**7, 1.0) == "10M"
    assert rate(1, 0.0) == "0"
    assert told({"a": 1e-9, "b": 3.0}) == "a 1.000e-09  b 3.0000"
