"""The progress of a training: a live bar on a terminal, else one line an epoch.

Figures are read from the device only when the display is refreshed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from ..graph.diagnostics import Fault

REFRESH = 0.1  # seconds
BAR, SHORTEST = 16, 4  # columns of the bar
TEXTS = {"label": "none", "count": "none", "figures": "none", "speed": "dim"}

Figures = Callable[[], dict[str, float]]


_interactive = [True]


def enable_interactive_logging() -> None:
    """Show live bars on terminals, as at first.

    >>> enable_interactive_logging()
    """
    _interactive[0] = True


def disable_interactive_logging() -> None:
    """Write one line an epoch where a live bar would be."""
    _interactive[0] = False


def is_interactive_logging_enabled() -> bool:
    """Whether terminals get live bars.

    >>> is_interactive_logging_enabled()
    True
    """
    return _interactive[0]


def progress(verbose: Any, title: str, stream: TextIO | None = None) -> Progress:
    """The display for `verbose`: 0 none, 1 or `auto` a bar, 2 lines."""
    check_verbose(verbose)
    out = stream or sys.stdout
    if not verbose:
        return Progress()
    is_terminal = getattr(out, "isatty", lambda: False)()
    if verbose == 2 or not is_terminal or not _interactive[0]:
        return Lines(title, out)
    return Bar(title, out)


def check_verbose(verbose: Any) -> None:
    """Refuse what no display belongs to, T0204."""
    named = isinstance(verbose, str) and verbose == "auto"
    if named or (isinstance(verbose, int) and 0 <= verbose <= 2):
        return
    raise Fault(
        "T0204",
        f"`verbose` is 0, 1, 2 or 'auto', not {verbose!r}",
        argument="verbose",
        help=["0 shows nothing, 1 a bar, 2 one line an epoch"],
    )


class Progress:
    """No display; the base of the others."""

    due = float("inf")  # when the next refresh is wanted, by `time.perf_counter`

    samples = 0  # done in the epoch or evaluation, once it is over

    def begin(self, label: str, steps: int | None, samples: int) -> None:
        """An epoch or evaluation starts; `steps` is None if nobody knows them."""

    def refresh(self, steps: int, samples: int, figures: Figures) -> None:
        """So many steps and samples are done."""

    def end(self, figures: dict[str, float]) -> None:
        """The epoch or evaluation is over."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines(Progress):
    """One line an epoch, for logs and pipes."""

    def __init__(self, title: str, out: TextIO):
        self.title, self.out = title, out
        self.label, self.samples, self.started = "", 0, 0.0

    def begin(self, label: str, steps: int | None, samples: int) -> None:
        self.label, self.samples = label, samples
        self.started = time.perf_counter()

    def end(self, figures: dict[str, float]) -> None:
        seconds = time.perf_counter() - self.started
        self.out.write(line(self.label, figures, self.samples, seconds) + "\n")
        self.out.flush()


class Bar(Progress):
    """A live bar with figures, speed and the time left; what is over is a line."""

    def __init__(self, title: str, out: TextIO):
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self.title = title
        self.bar = BarColumn(bar_width=BAR)
        self.texts = {
            name: TextColumn(f"{{task.fields[{name}]}}", style=style, markup=False)
            for name, style in TEXTS.items()
        }
        self.bars = RichProgress(
            self.bar,
            console=Console(file=out, highlight=False),
            auto_refresh=False,
            transient=True,
        )
        self.task: Any = None
        self.label, self.samples, self.started = "", 0, 0.0
        self.steps: int | None = None
        self.bars.start()

    def begin(self, label: str, steps: int | None, samples: int) -> None:
        self.label, self.steps, self.samples = label, steps, samples
        self.started = time.perf_counter()
        self.due = self.started + REFRESH
        self.task = self.bars.add_task(label, total=steps, **self.fitting(0, "", ""))

    def refresh(self, steps: int, samples: int, figures: Figures) -> None:
        seconds = time.perf_counter() - self.started
        speed = f"{rate(samples, seconds)}/s"
        if self.steps is not None:
            left = seconds / max(steps, 1) * (self.steps - steps)
            speed += f", {duration(left)} left"
        texts = self.fitting(steps, told(figures()), speed)
        self.bars.update(self.task, completed=steps, **texts)
        self.bars.refresh()
        self.due = time.perf_counter() + REFRESH

    def fitting(self, steps: int, figures: str, speed: str) -> dict[str, Any]:
        """The texts; where room is short the bar goes first, then the speed."""
        count = f"{steps}" if self.steps is None else f"{steps}/{self.steps}"
        texts = dict(zip(TEXTS, (self.label, count, figures, speed), strict=True))
        room = self.bars.console.width
        shown = []
        for name, text in texts.items():
            if name != "speed" or len(text) <= room:
                shown.append(self.texts[name])
                room -= len(text) + 1
        self.bar.bar_width = min(room - 1, BAR)
        first, *rest = shown
        bar = [self.bar] if room > SHORTEST else []
        self.bars.columns = (first, *bar, *rest)
        return texts

    def end(self, figures: dict[str, float]) -> None:
        seconds = time.perf_counter() - self.started
        text = line(self.label, figures, self.samples, seconds)
        self.bars.remove_task(self.task)
        self.bars.refresh()
        self.bars.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        self.bars.stop()


def line(label: str, figures: dict[str, float], samples: int, seconds: float) -> str:
    """What there is to say of an epoch when it is over."""
    speed = f"{rate(samples, seconds)} samples/s"
    parts = (label, told(figures), duration(seconds), speed)
    return "  ".join(part for part in parts if part)


def told(figures: dict[str, float]) -> str:
    """Figures as text: `loss 0.1234  accuracy 0.9712`.

    >>> told({"loss": 0.25})
    'loss 0.2500'
    """
    return "  ".join(f"{name} {_number(value)}" for name, value in figures.items())


def _number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def rate(count: float, seconds: float) -> str:
    """A speed with three digits: `12.3k`.

    >>> rate(24600, 2.0)
    '12.3k'
    """
    value = count / seconds if seconds > 0 else 0.0
    for unit in ("", "k", "M"):
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}G"


def duration(seconds: float) -> str:
    """A time in words: `1:05:20`, `2:05`, `3.2 s` or `12 ms`.

    >>> duration(125)
    '2:05'
    """
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
