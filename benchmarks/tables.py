"""Results as Markdown tables: for the terminal, and for docs/performance.md.

`python benchmarks/tables.py build/bench.json` writes the page's tables anew.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

from ops_cases import groups
from systems import SYSTEMS
from turns import is_own

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- tables of make bench: begin -->", "<!-- end -->"

CALLED = ("keras", "numpy", "torch")  # beside Tulle in `ops.py`; Keras is on JAX

Rows = dict[str, dict[str, Any]]


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table, the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |"

    return "\n".join(map(line, [head, rule, *lines]))


def systems_of(rows: Rows, key: str) -> list[str]:
    """The systems that have a figure for some workload, in the order of `SYSTEMS`."""
    found = {name for row in rows.values() for name in row if key in row[name]}
    failed = {name for row in rows.values() for name in row if "error" in row[name]}
    return [
        name for name in SYSTEMS if name in found | (failed if key == "us" else set())
    ]


def figure(row: dict[str, Any], key: str, form: Any) -> str:
    if key in row:
        return form(row[key])
    return "failed" if "error" in row else "–"


def geometric(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def best_peer(rows: dict[str, Any], key: str, fit: bool = False) -> float | None:
    """The least time of the others; `fit` compares with those that are `fit`."""
    found = [
        row[key]
        for name, row in rows.items()
        if not is_own(name) and name.endswith(" fit") == fit and key in row
    ]
    return min(found, default=None)


def compared(rows: Rows, key: str, form: Any, own: str = "tulle") -> str:
    """Times of all systems, and how many times Tulle's that of the best peer is."""
    names = systems_of(rows, key)
    fit = own.endswith(" fit")
    lines, ratios = [], []
    for workload, row in rows.items():
        best = best_peer(row, key, fit)
        mine = row.get(own, {}).get(key)
        ratio = best / mine if best and mine else None
        ratios += [ratio] if ratio else []
        cells = [figure(row.get(name, {}), key, form) for name in names]
        lines.append([workload, *cells, f"{ratio:.2f}" if ratio else "–"])
    if ratios:
        mean = f"{geometric(ratios):.2f}"
        lines.append(["geometric mean", *[""] * len(names), mean])
    return table(["", *names, f"best peer / {own}"], lines)


def microseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def seconds(value: float) -> str:
    return f"{value:.2f}"


def megabytes(value: float) -> str:
    return f"{value / 1e6:.0f}"


def milliseconds_of(values: Any) -> str:
    return f"{sorted(values)[len(values) // 2] * 1e3:.1f}"


def steps(rows: Rows) -> list[tuple[str, str]]:
    """The tables of a list of workloads."""
    found = [("A training step, µs", compared(rows, "us", microseconds))]
    if any("tulle fit" in row and "keras fit" in row for row in rows.values()):
        fitting = {
            workload: {n: r for n, r in row.items() if n.endswith(" fit")}
            for workload, row in rows.items()
        }
        title = "A step of `fit`, µs"
        found.append((title, compared(fitting, "us", microseconds, "tulle fit")))
    latency = compared(rows, "latency_us", microseconds)
    bulk = compared(rows, "bulk_us", microseconds)
    for title, key in (
        ("First step, seconds, imports not counted", "first"),
        ("First step, seconds, imports counted", "first_with_import"),
    ):
        found.append((title, compared(rows, key, seconds)))
    found.append(
        ("Tulle's first step with its machine code kept on disk", cached(rows))
    )
    found.append(("A batch of a new size, ms more than the next one", shapes(rows)))
    found.append(("A prediction for one row, µs", latency))
    found.append(("A prediction for 256 rows, µs", bulk))
    found.append(("Most memory, MB", compared(rows, "peak", megabytes)))
    return found


def halves(rows: Rows) -> list[tuple[str, str]]:
    """The tables of 16 bits, by Tulle's float32 and the best peer's 16 bits."""
    own = "tulle mixed_bfloat16"
    return [
        (title, compared(rows, key, microseconds, own))
        for title, key in (
            ("A training step, µs", "us"),
            ("A prediction for 256 rows, µs", "bulk_us"),
        )
    ]


def cached(rows: Rows) -> str:
    """Tulle's first step, imports not counted, without and with its cache."""
    lines = [
        [
            workload,
            seconds(row["tulle"]["first"]),
            seconds(row["tulle"]["first_cached"]),
        ]
        for workload, row in rows.items()
        if row.get("tulle", {}).get("first_cached")
    ]
    return table(["", "compiled, s", "from the cache, s"], lines)


def shapes(rows: Rows) -> str:
    names = systems_of(rows, "new_shape")
    lines = [
        [workload]
        + [figure(row.get(name, {}), "new_shape", milliseconds_of) for name in names]
        for workload, row in rows.items()
    ]
    return table(["median of three sizes", *names], lines)


def imports(rows: Rows) -> list[tuple[str, str]]:
    lines = [[name, seconds(row["seconds"])] for name, row in rows.items()]
    return [("Imports, seconds beyond Python's own", table(["", "s"], lines))]


def sizes(rows: Rows) -> list[tuple[str, str]]:
    lines = [
        [name, megabytes(row["bytes"]), str(row["packages"])]
        for name, row in rows.items()
    ]
    return [
        ("Installed, with all that is needed", table(["", "MB", "packages"], lines))
    ]


def scaling(rows: Rows) -> list[tuple[str, str]]:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = []
    for depth, row in rows.items():
        cells = [depth]
        for name in names:
            one = row[name]
            cells.append(one["error"] if "error" in one else seconds(one["first"]))
            cells.append(figure(one, "us", lambda us: f"{us / 1e3:.1f}"))
        lines.append(cells)
    head = [word for n in names for word in (f"{n}: first step, s", "a step, ms")]
    title = "Depth: residual layers of 64, batch 16, Adam"
    return [(title, table(["layers", *head], lines))]


def check(rows: Rows) -> list[tuple[str, str]]:
    lines = [
        [
            name,
            *(f"{row['tulle'][place]:.5g}" for place in (0, -1)),
            f"{row['difference']:.0e}",
            "yes" if row["agree"] else "NO",
        ]
        for name, row in rows.items()
    ]
    head = ["", "first loss", "last loss", "largest difference from JAX", "agree"]
    return [("Ten steps from equal weights", table(head, lines))]


def calls(sides: Rows) -> list[tuple[str, str]]:
    """How many times Tulle's the times of others are, by groups of calls of ops."""
    found = []
    for side, times in sides.items():
        peers = [s for s in CALLED if any(s in row for row in times.values())]
        lines = [
            [words, *ratios(peers, [times[name] for name in names if name in times])]
            for words, names in groups().items()
        ]
        lines.append(["all", *ratios(peers, [*times.values()])])
        head = ["", *(f"{peer} / tulle" for peer in peers), "slower than Keras"]
        found.append(
            (f"Matrices of {side}×{side}, geometric means", table(head, lines))
        )
    return found


def ratios(peers: list[str], times: list[dict[str, float]]) -> list[str]:
    """Geometric means of ratios, and how many calls Keras does sooner."""
    cells = []
    for peer in peers:
        both = [
            row[peer] / row["tulle"] for row in times if row.keys() >= {peer, "tulle"}
        ]
        cells.append(f"{geometric(both):.2f}" if both else "–")
    compared = [row for row in times if row.keys() >= {"keras", "tulle"}]
    slower = sum(row["keras"] < row["tulle"] for row in compared)
    return [*cells, f"{slower} of {len(compared)}"]


PARTS = {
    "check": ("Whether it computes the same", check),
    "eight": ("Eight workloads", steps),
    "others": ("Other kinds of networks", steps),
    "halves": ("Sixteen bits", halves),
    "ops": ("Ops on values", calls),
    "compiled ops": ("Ops as programs", calls),
    "imports": ("Imports", imports),
    "sizes": ("Installed size", sizes),
    "scaling": ("Depth", scaling),
}


def told(about: dict[str, Any]) -> str:
    """When, on what and with which versions a part was measured."""
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    places = f"{about['machine']}, {about['threads']} threads, Python {about['python']}"
    return f"{about['date']}; {places}; {versions}."


def sections(results: dict[str, Any]) -> dict[str, str]:
    """The parts that were measured, under their titles, as the page has them."""
    found = {}
    for part, (title, tables) in PARTS.items():
        if part in results:
            lines = [f"## {title}", told(results[part]["about"])]
            rows = results[part]["rows"]
            lines += [f"**{words}**\n\n{text}" for words, text in tables(rows)]
            found[title] = "\n\n".join(lines)
    return found


def render(results: dict[str, Any]) -> str:
    """All parts that were measured."""
    return "\n\n".join(sections(results).values())


def write(results: dict[str, Any], page: Path = PAGE) -> None:
    """Put the tables in their place on the page, where other parts stay."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    inside, after = rest.split(END)
    known = {
        section.partition("\n")[0]: f"## {section.strip()}"
        for section in inside.split("\n## ")[1:]
    }
    known |= sections(results)
    tables = "\n\n".join(known[title] for title, _ in PARTS.values() if title in known)
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
