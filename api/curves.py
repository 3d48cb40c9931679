"""Learning curves as a picture, by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .graph.files import write_atomically
from .printing import refuse

ENDINGS = (".svg", ".png", ".pdf")
WIDTH, HEIGHT = 4.8, 3.4  # inches of one panel
MOST = 6  # panels


def check_picture(output: str) -> None:
    """Refuse a name of another kind, T0707, and a missing matplotlib, T0705."""
    if Path(output).suffix not in ENDINGS:
        raise refuse(
            "T0707",
            f"`{output}` does not end in {', '.join(ENDINGS)}",
            "learning curves are drawn as such pictures",
        )
    try:
        import matplotlib  # noqa: F401 - whether it is there
    except ImportError:
        raise refuse(
            "T0705",
            f"drawing `{output}` needs matplotlib, which is not installed",
            "install it: `pip install 'tulle[plot]'`",
        ) from None


def draw_curves(history: Mapping[str, Sequence[Any]], output: str, title: str) -> None:
    """Draw each figure over the epochs, its validation beside it.

    Raises `DataError` T0705 if the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels = _panels(history)
    figure = Figure((WIDTH * len(panels), HEIGHT), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (name, curves) in zip(axes, panels.items(), strict=True):
        for label, style, values in curves:
            epochs = range(1, len(values) + 1)
            mark = "o" if len(values) == 1 else ""
            axis.plot(epochs, values, style, label=label, marker=mark)
        axis.set_xlabel("epoch")
        axis.set_title(name.replace("_", " "))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        if len(curves) > 1:
            axis.legend()
    figure.suptitle(title)
    kind = Path(output).suffix[1:]
    # The same figures give the same file.
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)

    def write(file: IO[bytes]) -> None:
        figure.savefig(file, format=kind, metadata=dated)

    with matplotlib.rc_context({"svg.hashsalt": "tulle", "svg.fonttype": "none"}):
        write_atomically(output, write)


def _panels(history: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The curves of each panel: label, style, values; the loss comes first."""
    plain = {
        name: values
        for name, values in history.items()
        if all(isinstance(value, (int, float)) for value in values)
    }
    names = [name for name in plain if not name.startswith("val_")]
    found = {}
    for name in sorted(names, key=lambda name: name != "loss")[:MOST]:
        found[name] = [("training", "-", plain[name])]
        if f"val_{name}" in plain:
            found[name].append(("validation", "--", plain[f"val_{name}"]))
    return found or {"no figures": []}
