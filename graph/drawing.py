"""Pictures of diagrams: DOT text, laid out and drawn by the Graphviz in `pygraphviz`.

No Graphviz has to be installed: the wheel of `pygraphviz` carries it, and it runs in
this process. Every text is escaped, so names may hold anything.
"""

from __future__ import annotations

import html
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .diagnostics import (
    BackendError,
    DataError,
    Diagnostic,
    TensorTypeError,
    caller_span,
)
from .diagram import FROZEN, Box, Cluster, Diagram, Link, diagram_of
from .files import PathLike, check_writable, write_atomically
from .layer import Layer
from .lines import Joint, Line, lines_of
from .quote import escaped

FORMATS = ("svg", "png", "pdf", "dot")
DPI = 144  # of bitmaps

INK, FADED, LINE, PAPER = "#1f2933", "#66727f", "#9aa5b1", "#ffffff"
SANS = "Helvetica,Arial,sans-serif"
MONO = "Menlo,Consolas,DejaVu Sans Mono,monospace"


@dataclass(frozen=True)
class Look:
    """How a kind of box looks."""

    fill: str
    border: str
    style: str = "rounded,filled"
    margin: str = "0.16,0.09"


WORDS = {  # on lines
    "shape": "plaintext",
    "fontname": MONO,
    "fontsize": "10",
    "fontcolor": FADED,
    "margin": "0.03,0.02",
    "height": "0",
    "width": "0",
    "tooltip": " ",
}
LOOKS = {
    "input": Look("#e8f3ec", "#7fb08f", margin="0.2,0.07"),
    "output": Look("#f8efe0", "#cfa765", margin="0.2,0.07"),
    "layer": Look("#eaf1fa", "#86a5cc"),
    "op": Look("#f4f5f7", "#b4bcc6", margin="0.1,0.05"),
    "constant": Look("#ffffff", "#b4bcc6", "filled,dashed", margin="0.1,0.05"),
    "parameter": Look("#f1ecf8", "#a894c9", margin="0.12,0.06"),
}


@dataclass(frozen=True)
class Shown:
    """What a picture shows, and which way it runs."""

    shapes: bool = True
    dtypes: bool = True
    names: bool = True
    activations: bool = True
    trainable: bool = True
    direction: str = "TB"
    dpi: int = DPI

    def remarks(self, remarks: Sequence[str]) -> list[str]:
        """The remarks that are shown, each as a line."""
        return [_remark(r) for r in remarks if self.trainable or r != FROZEN]

    def type_text(self, link: Link) -> str:
        """The type of a link as far as it is shown."""
        shape = str(link.type)[len(str(link.type.dtype)) :]
        dtype = str(link.type.dtype) if self.dtypes else ""
        return dtype + (shape if self.shapes else "")


def dot_source(diagram: Diagram, shown: Shown | None = None) -> str:
    """The diagram as DOT text.

    Raises `BackendError` T0802 if the `graphviz` package is missing.
    """
    graphviz = _imported("graphviz")
    shown = shown or Shown()
    graph = graphviz.Digraph(graphviz.nohtml(_plain(diagram.title)))
    graph.attr(
        rankdir=shown.direction,
        label=_table(_heading(diagram.title, "", diagram.parameters), "LEFT"),
        labelloc="t",
        labeljust="l",
        fontname=SANS,
        fontsize="14",
        fontcolor=INK,
        bgcolor=PAPER,
        pad="0.25",
        nodesep="0.35",
        ranksep="0.21",
        newrank="true",
    )
    graph.attr(
        "node", shape="box", fontname=SANS, fontsize="12", fontcolor=INK, height="0.3"
    )
    graph.attr("edge", color=LINE, arrowsize="0.65")
    lines = list(lines_of(diagram))
    names: dict[Any, str] = {b.key: f"n{i}" for i, b in enumerate(diagram.boxes)}
    joints = dict.fromkeys(line.end for line in lines if isinstance(line.end, Joint))
    names |= {joint: f"j{index}" for index, joint in enumerate(joints)}
    names |= {line: f"t{index}" for index, line in enumerate(lines)}
    _add_level(graph, diagram, None, names, lines, shown)
    for line in lines:
        _add_line(graph, line, names, shown)
    text: str = graph.source
    return text


def _line_text(line: Line, shown: Shown) -> str:
    """What stands on a line: its start tells the type, its end the role."""
    role = line.link.role if line.last else ""
    type = shown.type_text(line.link) if line.first else ""
    return " ".join(filter(None, (role, type)))


def _add_line(graph: Any, line: Line, names: dict[Any, str], shown: Shown) -> None:
    """A line, which its text interrupts: no frame crosses a text that is a node."""
    start, end = names[line.start], names[line.end]
    if _line_text(line, shown):
        graph.edge(start, names[line], arrowhead="none")
        start = names[line]
    graph.edge(start, end, **({} if line.last else {"arrowhead": "none"}))


def _add_level(
    graph: Any,
    diagram: Diagram,
    parent: int | None,
    names: dict[Any, str],
    lines: list[Line],
    shown: Shown,
) -> None:
    """Add what one cluster, or none, holds, and the clusters within."""
    joints = [n for n in names if isinstance(n, Joint) and n.cluster == parent]
    for joint in joints:
        dot = {"shape": "point", "width": "0.06", "color": LINE, "tooltip": " "}
        graph.node(names[joint], "", **dot)
    boxes = [box for box in diagram.boxes if box.cluster == parent]
    for box in boxes:
        _add_box(graph, box, names[box.key], shown)
    for line in lines:
        text = _line_text(line, shown) if line.cluster == parent else ""
        if text:
            graph.node(names[line], f"<{_text(text)}>", **WORDS)
    for frame in diagram.clusters:
        if frame.parent == parent:
            with graph.subgraph(name=f"cluster_{frame.number}") as inside:
                _add_frame(inside, frame, shown)
                _add_level(inside, diagram, frame.number, names, lines, shown)
    around = next((c for c in diagram.clusters if c.number == parent), None)
    first = next(iter([*joints, *(box.key for box in boxes)]), None)
    if around is not None and first is not None:
        _add_spacer(graph, around, names[first], isinstance(first, Joint))


def _add_spacer(graph: Any, frame: Cluster, first: str, slim: bool) -> None:
    """Keep the first box of a frame, and the lines into it, right of the heading."""
    name, *others = _heading_texts(frame.name, frame.title, frame.parameters)
    inches = max([0.095 * len(name), *(0.075 * len(text) for text in others)])
    width = max(0.1, inches - (0.3 if slim else 0.8))
    spacer = f"s{frame.number}"
    with graph.subgraph() as level:
        level.attr(rank="same")
        level.node(spacer, "", style="invis", width=f"{width:.2f}", height="0.05")
        level.edge(spacer, first, style="invis")


def _add_frame(graph: Any, cluster: Cluster, shown: Shown) -> None:
    lines = _heading(cluster.name, cluster.title, cluster.parameters)
    graph.attr(
        label=_table([*lines, *shown.remarks(cluster.remarks)], "LEFT"),
        labeljust="l",
        style="rounded,filled",
        color="#ccd3db",
        fillcolor="#fafbfc",
        fontsize="12",
        margin="14",
        tooltip=_plain(f"network {cluster.name}"),
    )


def _add_box(graph: Any, box: Box, node: str, shown: Shown) -> None:
    look = LOOKS[box.kind]
    graph.node(
        node,
        label=_table(_lines(box, shown)),
        fillcolor=look.fill,
        color=look.border,
        style=look.style,
        margin=look.margin,
        tooltip=_plain(f"{box.key}: {', '.join(map(str, box.types))}"),
    )


def _lines(box: Box, shown: Shown) -> list[str]:
    """The lines of a box, as Graphviz's HTML."""
    match box.kind:
        case "layer":
            name = box.name if shown.names else ""
            activation = box.detail if shown.activations else ""
            below = " · ".join(filter(None, (name, activation)))
            lines = [_bold(box.title), _faded(below)]
        case "op" | "constant":
            lines = [_small(box.title), _faded(box.detail, 9)]
        case "parameter":
            lines = [_bold(box.name or box.title)]
        case _:
            lines = [_bold(box.title)]
            if box.title.rpartition("_")[0] != box.kind and box.title != box.kind:
                lines.append(_faded(box.kind, 10))
    if box.parameters:
        lines.append(_faded(_count(box.parameters), 10))
    return [*filter(None, lines), *shown.remarks(box.remarks)]


def _heading(name: str, title: str, parameters: int) -> list[str]:
    first, *others = _heading_texts(name, title, parameters)
    return [_bold(first), *(_faded(text, 10) for text in others)]


def _heading_texts(name: str, title: str, parameters: int) -> list[str]:
    """The lines above what a frame, or the whole picture, holds."""
    below = " · ".join(filter(None, (title, _count(parameters) if parameters else "")))
    return [name, *([below] if below else [])]


def _count(parameters: int) -> str:
    return f"{parameters:,} parameter{'s' if parameters != 1 else ''}"


def _table(lines: list[str], align: str = "CENTER") -> str:
    """Lines under each other, as one HTML label."""
    cell = f'<TD ALIGN="{align}" CELLPADDING="1">'
    rows = "".join(f"<TR>{cell}{line}</TD></TR>" for line in lines)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{rows}</TABLE>>'


def _bold(text: str) -> str:
    return f"<B>{_text(text)}</B>"


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="11">{_text(text)}</FONT>'


def _faded(text: str, size: int = 11) -> str:
    if not text:
        return ""
    return f'<FONT POINT-SIZE="{size}" COLOR="{FADED}">{_text(text)}</FONT>'


def _remark(text: str) -> str:
    return f'<FONT POINT-SIZE="10" COLOR="#9c6b1f">{_text(text)}</FONT>'


def _text(text: str) -> str:
    """A text for HTML labels; Graphviz reads backslashes there too."""
    return html.escape(escaped(text)).replace("\\", "\\\\") or " "


def _plain(text: str) -> str:
    """A text for a quoted attribute."""
    return escaped(text).replace("\\", "\\\\")


def draw(diagram: Diagram, format: str = "svg", shown: Shown | None = None) -> bytes:
    """The picture as `svg`, `png`, `pdf`, or as `dot` text.

    Raises `DataError` T0707 for another format, `BackendError` T0802 if a package is
    missing.
    """
    if format not in FORMATS:
        raise _unknown_format(format)
    source = dot_source(diagram, shown)
    if format == "dot":
        return source.encode()
    pygraphviz = _imported("pygraphviz")
    graph = pygraphviz.AGraph(string=source)
    if format == "png":
        graph.graph_attr["dpi"] = str((shown or Shown()).dpi)
    try:
        with _quiet_library():
            picture: bytes = graph.draw(format=format, prog="dot")
    except (ValueError, OSError) as error:
        message = f"Graphviz could not draw this diagram: {error}"
        raise BackendError(Diagnostic("T0802", message, caller_span())) from None
    finally:
        graph.close()
    return picture


def save(diagram: Diagram, path: PathLike, shown: Shown | None = None) -> Path:
    """Draw into a file, whose ending says the format.

    Raises `DataError`: T0707 for another ending, T0705 if it cannot be written.
    """
    format = picture_format(path)
    check_writable(path)
    picture = draw(diagram, format, shown)
    return write_atomically(path, lambda file: file.write(picture))


def plot_model(
    model: Layer,
    to_file: PathLike = "model.png",
    show_shapes: bool = True,
    show_dtype: bool = True,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = True,
    dpi: int = DPI,
    show_layer_activations: bool = True,
    show_trainable: bool = True,
) -> Path:
    """Draw a model into a file: .svg, .png, .pdf or .dot; gives its path.

    The switches are Keras's; here all of them are on. `rankdir` is `TB` for downwards
    or `LR` for rightwards, `dpi` the dots an inch of a png. Raises `DataError` for an
    ending or place that will not do.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input, Network
    >>> image = Input((64,), name="image")
    >>> plot_model(Network(image, Dense(10)(image)), "digits.svg").name
    'digits.svg'
    """
    if rankdir not in ("TB", "BT", "LR", "RL"):
        message = f"`rankdir` is TB, BT, LR or RL, not {rankdir!r}"
        raise TensorTypeError(Diagnostic("T0204", message, caller_span()))
    if isinstance(dpi, bool) or not isinstance(dpi, int) or not 10 <= dpi <= 1200:
        message = f"`dpi` is a whole number from 10 to 1200, not {dpi!r}"
        raise TensorTypeError(Diagnostic("T0204", message, caller_span()))
    shown = Shown(
        show_shapes,
        show_dtype,
        show_layer_names,
        show_layer_activations,
        show_trainable,
        rankdir,
        dpi,
    )
    return save(diagram_of(model, expand_nested=expand_nested), to_file, shown)


def picture_format(path: PathLike) -> str:
    """The format that the ending of a path means; raises `DataError` T0707."""
    ending = Path(path).suffix.lower().removeprefix(".")
    format = "dot" if ending == "gv" else ending
    if format not in FORMATS:
        raise _unknown_format(ending)
    return format


def _unknown_format(ending: str) -> DataError:
    what = f"`.{ending}` is no kind of picture" if ending else "the ending is missing"
    known = ", ".join(f".{format}" for format in FORMATS)
    return DataError(
        Diagnostic("T0707", what, caller_span(), help=(f"pictures are {known}",))
    )


def _imported(name: str) -> Any:
    """A package that drawing needs."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendError(
            Diagnostic(
                "T0802",
                f"drawing needs the package `{name}`: {error}",
                caller_span(),
                help=(f"install it: `pip install {name}`",),
            )
        ) from None


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep remarks of the C libraries, about fonts for example, off the terminal."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
