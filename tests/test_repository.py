"""The house rules that a program can hold: import arrows, light imports, sizes.

Every rule is a function over source text, so that each is also shown a text that
breaks it.
"""

import ast
import subprocess
import sys
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE_DIR = SETTINGS["tool"]["setuptools"]["package-dir"]
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]

# Each part may import itself and what stands to its right.
ARROWS = ["api", "dsl", "training", "backend", "graph"]
MAY_READ_GRAMMARS = {"api", "dsl"}
PARTS = [*ARROWS, "grammars"]
HEAVY = {
    "cupy",
    "cupyx",
    "graphviz",
    "jax",
    "llvmlite",
    "matplotlib",
    "networkx",
    "pygraphviz",
    "rich",
    "safetensors",
    "tensorboardX",
    "torch",
}
SCRIPTS = ["benchmarks", "examples", "tests", "tools"]
# Lines of code: blank lines, comments and docstrings do not count.
MOST_LINES, MOST_LINES_OF_TESTS, MOST_LINES_OF_A_FUNCTION = 400, 600, 60


@dataclass(frozen=True)
class Import:
    """One imported module: its absolute dotted name and how it was written."""

    module: str
    line: int
    relative: bool
    when_loaded: bool


@cache
def tree_of(source: str) -> ast.Module:
    """The syntax of a text; the rules share it, for it takes longer than they do."""
    return ast.parse(source)


def read_imports(source: str, module: str, is_package: bool) -> list[Import]:
    """All imports of a module's text, those inside functions included."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    return list(_imports(tree_of(source).body, package, True))


def _imports(
    body: list[ast.stmt], package: list[str], loaded: bool
) -> Iterator[Import]:
    for statement in body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Import(alias.name, statement.lineno, False, loaded)
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module.split(".") if statement.module else []
            if statement.level:
                base = package[: len(package) - statement.level + 1] + base
            for alias in statement.names:
                # `from . import x` names the module x, or a name of the package.
                name = ".".join([*base, alias.name])
                yield Import(name, statement.lineno, statement.level > 0, loaded)
        else:
            inside = loaded and not _runs_later(statement)
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                for part in getattr(statement, field, []):
                    nested = part.body if not isinstance(part, ast.stmt) else [part]
                    branch = loaded if field == "orelse" else inside
                    yield from _imports(nested, package, branch)


def _runs_later(statement: ast.stmt) -> bool:
    """Whether the body does not run when the module is loaded."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(
        statement.test
    )


def broken_arrows(part: str, imports: list[Import]) -> list[Import]:
    """The imports that go against the arrows, from a module of `part`."""
    allowed = {part}
    if part in ARROWS:
        allowed |= set(ARROWS[ARROWS.index(part) :])
    if part in MAY_READ_GRAMMARS:
        allowed.add("grammars")
    return [
        item
        for item in imports
        if item.module.split(".")[0] == "tulle" and part_of(item.module) not in allowed
    ]


def part_of(module: str) -> str:
    """The part that a module `tulle.…` belongs to."""
    names = module.split(".")
    return names[1] if len(names) > 1 and names[1] in PARTS else "api"


def absolute_imports(imports: list[Import]) -> list[Import]:
    """The imports of the own package that are not relative."""
    own = {"tulle", *PARTS}
    return [i for i in imports if not i.relative and i.module.split(".")[0] in own]


def heavy_imports(imports: list[Import]) -> list[Import]:
    """The heavy modules that loading the module would load as well."""
    return [i for i in imports if i.when_loaded and i.module.split(".")[0] in HEAVY]


def package_modules() -> Iterator[tuple[str, str, Path]]:
    """Part, module name and path of every module of the package."""
    for package, folder in PACKAGE_DIR.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = path.relative_to(ROOT / folder).with_suffix("").parts
            if names[-1] == "__init__":
                names = names[:-1]
            yield folder, ".".join([package, *names]), path


def imports_of(module: str, path: Path) -> list[Import]:
    return read_imports(path.read_text(), module, path.name == "__init__.py")


def report(path: Path, imports: list[Import]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{i.line}: {i.module}" for i in imports]


def test_imports_follow_the_arrows():
    broken = []
    for part, module, path in package_modules():
        broken += report(path, broken_arrows(part, imports_of(module, path)))
    assert not broken


def test_imports_inside_the_package_are_relative():
    broken = []
    for _, module, path in package_modules():
        broken += report(path, absolute_imports(imports_of(module, path)))
    assert not broken


def test_heavy_modules_are_imported_when_used():
    broken = []
    for _, module, path in package_modules():
        broken += report(path, heavy_imports(imports_of(module, path)))
    assert not broken


def test_scripts_import_the_installed_package():
    broken = []
    for path in source_files(SCRIPTS):
        imports = read_imports(path.read_text(), path.stem, False)
        found = [i for i in imports if i.module.split(".")[0] in PARTS]
        broken += report(path, found)
    assert not broken


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("graph", "from ..training import fit"),
        ("graph", "def f():\n    from .. import dsl"),
        ("backend", "if True:\n    pass\nelse:\n    from ..dsl.parser import parse"),
        ("training", "from .. import grammars"),
        ("graph", "from .. import cli"),
        ("grammars", "from ..graph import dim"),
    ],
)
def test_a_broken_arrow_is_found(part, text):
    imports = read_imports(text, f"tulle.{part}.module", False)
    assert len(broken_arrows(part, imports)) == 1


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("dsl", "from ..grammars import net"),
        ("training", "from ..backend import function\nfrom .losses import mean"),
        ("graph", "from .dim import Dim\nfrom ..graph.types import TensorType"),
        ("graph", "import numpy as np"),
    ],
)
def test_a_proper_arrow_is_left_alone(part, text):
    imports = read_imports(text, f"tulle.{part}.module", False)
    assert broken_arrows(part, imports) == []


def test_an_import_of_a_package_counts_from_the_package():
    (item,) = read_imports("from .ops import add", "tulle.graph", True)
    assert item.module == "tulle.graph.ops.add"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import cupy", 1),
        ("try:\n    import rich.table\nexcept ImportError:\n    rich = None", 1),
        ("class A:\n    from torch import nn", 1),
        ("def f():\n    import networkx", 0),
        ("if TYPE_CHECKING:\n    import pygraphviz", 0),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import pygraphviz", 1),
    ],
)
def test_a_heavy_import_is_found(text, found):
    assert len(heavy_imports(read_imports(text, "tulle.a", False))) == found


@pytest.mark.parametrize("text", ["import tulle.graph", "from graph.dim import Dim"])
def test_an_absolute_import_is_found(text):
    assert len(absolute_imports(read_imports(text, "tulle.dsl.a", False))) == 1


def test_importing_tulle_is_light(tmp_path):
    code = f"import sys, tulle; print(*sorted({HEAVY!r} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == []


def test_every_package_folder_is_listed():
    on_disk = {
        ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
        for package, folder in PACKAGE_DIR.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert on_disk == set(PACKAGES)


def test_every_package_has_an_init_file():
    missing = [
        str(path.parent)
        for _, _, path in package_modules()
        if not (path.parent / "__init__.py").exists()
    ]
    assert not missing


def test_no_folder_shadows_the_package():
    assert not (ROOT / "tulle").exists()
    assert not (ROOT / "tulle.py").exists()


def source_files(folders: list[str]) -> Iterator[Path]:
    for folder in folders:
        for pattern in ("*.py", "*.lark"):
            yield from sorted((ROOT / folder).rglob(pattern))


@cache
def measured(source: str) -> tuple[list[int], list[ast.stmt]]:
    """The numbers of the lines that are code, in order, and the functions."""
    functions, documented = list[ast.stmt](), list[ast.stmt]()
    found = {
        number
        for number, line in enumerate(source.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    for node in ast.walk(tree_of(source)):
        if isinstance(node, STRINGS):
            if node.lineno != node.end_lineno:
                found.update(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, DOCUMENTED):
            if ast.get_docstring(node, clean=False) is not None:
                documented.append(node.body[0])
            if isinstance(node, FUNCTIONS):
                functions.append(node)
    for text in documented:
        found.difference_update(range(text.lineno, text.end_lineno + 1))
    return sorted(found), functions


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
STRINGS = (ast.Constant, ast.JoinedStr)


def long_functions(source: str) -> list[str]:
    """The functions with more code than a function should have."""
    found, (code, functions) = list[str](), measured(source)
    for node in functions:
        count = bisect_right(code, node.end_lineno) - bisect_left(code, node.lineno)
        if count > MOST_LINES_OF_A_FUNCTION:
            found.append(f"{node.name}: {count} lines of code")
    return found


def test_files_and_functions_are_short():
    long = []
    for path in source_files([*PARTS, *SCRIPTS]):
        if path.suffix != ".py":
            continue
        source, name = path.read_text(), str(path.relative_to(ROOT))
        count = len(measured(source)[0])
        usual = MOST_LINES_OF_TESTS if name.startswith("tests/") else MOST_LINES
        if count > usual:
            long.append(f"{name}: {count} lines of code")
        long += [f"{name}: {function}" for function in long_functions(source)]
    assert not long


def test_only_code_counts():
    text = (
        '"""A\nB."""\n\n# c\nx = (\n    1,\n)\n\n\n'
        'def f():\n    """D."""\n    return """\na\n"""\n'
    )
    assert measured(text)[0] == [5, 6, 7, 10, 12, 13, 14]
    assert long_functions(text) == []
    text = "def f():\n" + "".join(f"    x = {n}\n    # {n}\n" for n in range(60))
    assert long_functions(text) == ["f: 61 lines of code"]
