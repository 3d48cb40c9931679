"""Makes `docs/ops.md` from the registry: `python tools/ops_table.py` (or `make docs`).

With `--check` it only says whether the page is up to date. `LEFT_OUT` has the reason
for each name of `keras.ops` that Tulle has not; `tests/data/keras_ops.txt` lists them.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import tulle.ops
from tulle.graph.dim import Dim
from tulle.graph.missing_keras_names import MISSING
from tulle.graph.op import Op
from tulle.graph.registry import ALIASES, OPS
from tulle.graph.tensor import SymbolicTensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from op_samples import DIMS, built, options_of  # noqa: E402
from op_table import ROWS  # noqa: E402

PAGE = ROOT / "docs" / "ops.md"
NAMES = ROOT / "tests" / "data" / "keras_ops.txt"

LEFT_OUT = {
    name.removeprefix("ops."): why
    for name, why in MISSING.items()
    if name.startswith("ops.")
}

FAMILIES = {
    "activation": "Further activations",
    "assembling": "Cutting and joining",
    "bessel": "Bessel functions",
    "bits": "Bits and factors",
    "colours": "Colours",
    "comparison": "Choosing",
    "composite": "Activations and losses",
    "convolution": "Convolution",
    "core": "Elements, gradients",
    "creation": "From sizes",
    "elementwise": "Elements",
    "cumulative": "Running folds",
    "decoding": "Spelling of frames",
    "factoring": "Factors of matrices",
    "filtering": "Images under windows",
    "fourier": "Fourier transforms",
    "framing": "Windows of signals",
    "gathering": "Picking by integers",
    "image": "Images",
    "indexing": "Picking by position",
    "linalg": "Matrix products",
    "movement": "Moving elements",
    "nans": "Without NaN",
    "moving": "Turning and shifting axes",
    "neural": "Normalization",
    "norms": "Norms",
    "numbers": "Numbers",
    "pixels": "Patches and blocks",
    "pooling": "Pooling",
    "products": "Sums of products",
    "reduce": "Folds",
    "resizing": "Images in other sizes",
    "sampling": "Images read at other places",
    "scattering": "Scattered places",
    "searching": "Places of values",
    "sequence": "Sequences",
    "slicing": "Windows of tensors",
    "sorting": "Orders",
    "statistics": "Statistics",
    "triangular": "Triangular matrices",
}

HEAD = """# The ops

This page is made from the registry by `make docs`; a test holds it to that. An op has
Keras's name, arguments and defaults. It runs at once on values and builds a graph on
symbols. Shapes broadcast from the last axis; dtypes are joined by Keras's table.

- **Types** shows a call: settings, the types of the operands, those of the results.
- **Gradient** says why where there is none. Second derivatives come with it.
- **Fused** says whether the op joins others in one kernel: itself, or by the parts that
  it is written with.
"""


def types_of(op: Op) -> str:
    """The types of a call: that of the first row of the op's tests."""
    row = next((row for row in ROWS if row.name == op.name and row.shapes), None)
    if row is None:
        return ""
    inputs = [SymbolicTensor(node) for node in built(row)[0]]
    arguments: list[Any] = [inputs] if row.listed else inputs
    options = options_of(row, DIMS)
    named = dict(zip(row.named, inputs, strict=True)) if row.named else {}
    positional = [] if named else arguments
    found = OPS[op.name](*row.leading, *positional, **named, **options)
    results = found if isinstance(found, (list, tuple)) else [found]
    left, right = (", ".join(str(x.type) for x in xs) for xs in (inputs, results))
    settings = [repr(text) for text in row.leading]
    settings += [f"{key}={shown(value)}" for key, value in options.items()]
    told = f"`{', '.join(settings)}`: " if settings else ""
    return told + f"`{left} → {right}`".replace("f64", "f32")


def shown(value: Any) -> str:
    """An option as it is written; sizes by their letters."""
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(shown, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return str(value) if isinstance(value, Dim) else repr(value)


def gradient(op: Op) -> str:
    if getattr(op, "to_bool", False):
        return "zero"
    return f"no: {op.no_gradient}" if op.no_gradient else "yes"


def fused(op: Op) -> str:
    if op.scalar is not None:
        return "yes"
    return "by its parts" if op.level in ("composite", "function") else ""


def family(op: Op) -> str:
    return type(op).__module__.rsplit(".", 1)[-1]


def row(op: Op) -> str:
    first = op.summary.replace("|", "\\|")
    usage = op.usage.strip("`").replace("|", "\\|")
    return f"| `{usage}` | {first} | {types_of(op)} | {gradient(op)} | {fused(op)} |"


def missing() -> dict[str, str]:
    """The names of `keras.ops` that are not there, with the reason or nothing."""
    names = NAMES.read_text().split()
    missing = [name for name in names if not present(name)]
    return {name: LEFT_OUT.get(name.rpartition(".")[2], "") for name in missing}


def present(name: str) -> bool:
    found: Any = tulle.ops
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not None


def page() -> str:
    public = {name: op for name, op in OPS.items() if op.public}
    groups: dict[str, list[Op]] = {}
    for op in public.values():
        groups.setdefault(family(op), []).append(op)
    lines = [HEAD]
    for key in sorted(groups, key=lambda k: FAMILIES.get(k, k)):
        lines += ["", f"## {FAMILIES.get(key, key.capitalize())}", ""]
        lines += ["| op | | types | gradient | fused |", "|---|---|---|---|---|"]
        lines += [row(op) for op in sorted(groups[key], key=lambda op: op.name)]
    plain = sorted(set(tulle.ops.__all__) - {*public, *ALIASES})
    lines += ["", "## Functions", "", "These are no ops of the graph by themselves."]
    lines += ["", "| function | |", "|---|---|"]
    lines += [function_row(name) for name in plain]
    lines += ["", "## Other names", "", "| name | is |", "|---|---|"]
    lines += [f"| `{alias}` | `{name}` |" for alias, name in sorted(ALIASES.items())]
    lines += ["", "## Left out of `keras.ops`", "", "| name | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in missing().items()]
    return "\n".join(lines) + "\n"


def function_row(name: str) -> str:
    function = getattr(tulle.ops, name)
    doc = (inspect.getdoc(function) or "").split("\n")[0]
    parameters = inspect.signature(function).parameters.values()
    bare = [p.replace(annotation=p.empty) for p in parameters]
    return f"| `{name}({', '.join(map(str, bare))})` | {doc} |"


def main() -> int:
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print("docs/ops.md is old: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
