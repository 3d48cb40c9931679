"""Makes `docs/layers.md` and `docs/catalogue.md` from the classes: `make docs`.

`graph/missing_keras_names.py` has the reason for each name of Keras that Tulle lacks,
`WITHOUT` that for each argument; `tests/data/keras_names.json` lists both with the
defaults of Keras 3.15. With `--check` it only says whether the pages are up to date.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from tulle.graph.layers import LAYERS
from tulle.graph.layers.text import TEXT
from tulle.graph.missing_keras_names import MISSING
from tulle.graph.op import Op
from tulle.training.bounds import bounds_of
from tulle.training.optimizers import Optimizer

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"layers": ROOT / "docs" / "layers.md", "rest": ROOT / "docs" / "catalogue.md"}
NAMES = ROOT / "tests" / "data" / "keras_names.json"

WITHOUT = {
    "quantization_config": "weights are not quantized to integers",
    "gptq_unpacked_column_size": "weights are not quantized to integers",
    "sparse": "tensors are dense",
    "ragged": "tensors are dense",
    "tensor": "an input stands for data; `functional_call` and calls take tensors",
    "optional": "an input is always given",
}

# How pages name the files of layers.
FAMILIES = {
    "activation": "Activations",
    "augmentation": "Pictures, changed at random",
    "blending": "Pictures, blurred, covered and mixed",
    "colouring": "Pictures in other colours",
    "core": "Core",
    "geometric": "Pictures, moved and bent",
    "histograms": "Pictures with values spread evenly",
    "lookup": "Vocabularies",
    "merging": "Merging",
    "normalization": "Normalization",
    "policies": "Pictures, changed by a choice",
    "pooling": "Pooling",
    "regularization": "Regularization",
    "text": "Text, called on strings before a model",
}

HEAD = """# The layers

This page is made from the classes by `make docs`; a test holds it to that. A layer has
Keras's name, arguments, defaults and weights. Its type rule is its trace: whatever
sizes go in, as numbers or as symbols, the sizes that come out follow from its ops.
Every layer takes `name`, `trainable`, `dtype` and `activity_regularizer` besides.
"""

REST = """# Losses, metrics, optimizers, callbacks and the like

This page is made from the classes by `make docs`; a test holds it to that. Everything
has Keras's name, arguments and defaults.
"""

SPACES = {
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "optimizers.schedules": "Learning rate schedules",
    "initializers": "Initializers",
    "regularizers": "Regularizers",
    "constraints": "Constraints",
    "activations": "Activations",
    "callbacks": "Callbacks",
}


def keras_names() -> dict[str, dict[str, str | None]]:
    """Keras's names with arguments and defaults, None for required."""
    found: dict[str, dict[str, str | None]] = json.loads(NAMES.read_text())
    return found


def present(name: str) -> Any:
    """What Tulle has under a name of Keras, or None."""
    space, _, last = name.rpartition(".")
    return getattr(importlib.import_module(f"tulle.{space}"), last, None)


def missing() -> dict[str, str]:
    """Names of Keras that are not there, with the reason or nothing."""
    return {n: MISSING.get(n, "") for n in keras_names() if present(n) is None}


def signature_of(target: Any) -> inspect.Signature:
    """The public signature of a class, a function or an op."""
    if isinstance(target, Op):
        return inspect.signature(target.arguments)
    return inspect.signature(target.__init__ if inspect.isclass(target) else target)


def default(value: Any) -> str | None:
    """A default as `keras_names.json` writes it."""
    if value is inspect.Parameter.empty:
        return None
    if isinstance(value, (list, tuple)):
        return repr(list(value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    return type(value).__name__


def usage(name: str, target: Any) -> str:
    """A call with its arguments; those that every layer takes are left out."""
    hidden = ("self", "kwargs", "args", "trainable", "dtype", "autocast", "name")
    parameters = [
        p.replace(annotation=p.empty)
        for p in signature_of(target).parameters.values()
        if p.name not in hidden
        and not p.name.endswith(("_initializer", "_regularizer", "_constraint"))
    ]
    told = ", ".join(map(str, parameters)).replace("|", "\\|")
    return f"`{name}({told})`"


def own_name(target: Any) -> str:
    """The name of a class, a function or an op."""
    name: str = getattr(target, "__name__", None) or target.name
    return name


def first_line(target: Any) -> str:
    doc = getattr(target, "summary", None) or inspect.getdoc(target) or ""
    paragraph = doc.split("\n\n")[0].replace("\n", " ")
    return paragraph.replace("|", "\\|")


def bounds(target: Any) -> str:
    """What numbers a class's own arguments may be."""
    if not inspect.isclass(target):
        return ""
    own = signature_of(target).parameters
    every = {} if target is Optimizer else bounds_of(Optimizer)
    told: dict[str, list[str]] = {}
    for name, allowed in bounds_of(target).items():
        if name in own and name not in every:
            told.setdefault(str(allowed), []).append(f"`{name}`")
    parts = [f"{', '.join(names)} {allowed}" for allowed, names in told.items()]
    return f" Numbers: {'; '.join(parts)}." if parts else ""


def roles(target: Any) -> str:
    """The weights that arguments describe."""
    names = signature_of(target).parameters
    found = [
        n.removesuffix("_initializer") for n in names if n.endswith("_initializer")
    ]
    return ", ".join(f"`{role}`" for role in found)


def layers_page() -> str:
    groups: dict[str, list[str]] = {}
    every = LAYERS | TEXT
    for name, kind in every.items():
        groups.setdefault(kind.__module__.rpartition(".")[2], []).append(name)
    lines = [HEAD]
    for family in sorted(groups, key=lambda key: FAMILIES.get(key, key)):
        title = FAMILIES.get(family, family.replace("_", " ").capitalize())
        lines += ["", f"## {title}", "", "| layer | | weights |", "|---|---|---|"]
        lines += [
            f"| {usage(n, every[n])} | {first_line(every[n])} | {roles(every[n])} |"
            for n in sorted(groups[family])
        ]
    lines += other_names("layers")
    lines += left_out(["layers"])
    return "\n".join(lines) + "\n"


def other_names(space: str) -> list[str]:
    """Names that are another name of something."""
    found = {}
    for name in keras_names():
        target = present(name) if name.rpartition(".")[0] == space else None
        last = name.rpartition(".")[2]
        if target is not None and own_name(target) != last:
            found[last] = own_name(target)
    if not found:
        return []
    heading = ["", "## Other names", ""] if space == "layers" else [""]
    told = ", ".join(f"`{a}` is `{b}`" for a, b in sorted(found.items()))
    return [*heading, f"Other names: {told}." if space != "layers" else f"{told}."]


def left_out(spaces: list[str]) -> list[str]:
    gone = {n: w for n, w in missing().items() if n.rpartition(".")[0] in spaces}
    if "layers" not in spaces:  # what stands in no list of names
        listed = missing()
        more = {
            n: w
            for n, w in MISSING.items()
            if n not in listed and not n.startswith("ops.")  # docs/ops.md has those
        }
        gone |= dict(sorted(more.items()))
    given = {
        argument
        for name, arguments in keras_names().items()
        if name.rpartition(".")[0] in spaces
        for argument in arguments
    }
    lines = ["", "## Left out of Keras", "", "| name | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in gone.items()]
    lines += [f"| argument `{a}` | {w} |" for a, w in WITHOUT.items() if a in given]
    return lines if len(lines) > 5 else []


def described(name: str, target: Any) -> str:
    return f"{usage(name, target)} | {first_line(target)}{bounds(target)}"


def rest_page() -> str:
    lines = [REST]
    for space, title in SPACES.items():
        module = importlib.import_module(f"tulle.{space}")
        public = [n for n in module.__all__ if callable(getattr(module, n))]
        public = [n for n in public if own_name(getattr(module, n)) == n]
        kinds = [n for n in public if inspect.isclass(getattr(module, n))]
        functions = [n for n in public if n not in kinds]
        for heading, names in (("class", kinds), ("function", functions)):
            if not names:
                continue
            title_line = [f"## {title}", ""] if heading == "class" or not kinds else []
            lines += ["", *title_line, f"| {heading} | |", "|---|---|"]
            lines += [f"| {described(n, getattr(module, n))} |" for n in sorted(names)]
        lines += other_names(space)
    lines += left_out(list(SPACES))
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    return {PAGES["layers"]: layers_page(), PAGES["rest"]: rest_page()}


def main() -> int:
    made = pages()
    if "--check" not in sys.argv:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    old = [p for p, t in made.items() if not p.exists() or p.read_text("utf-8") != t]
    for path in old:
        print(f"docs/{path.name} is old: run `make docs`")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
