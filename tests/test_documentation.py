"""What the documents show is true: their programs run, their docstrings hold.

A ```python block runs as it stands, in a folder of its own with the example data. A
```net block is checked; one that should be refused says so in a comment,
`# refused: T0301`. A block that begins with a name, `# blocks.net`, is a file that the
other blocks of its page may import.
"""

import doctest
import importlib
import linecache
import pkgutil
import re
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|net)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language):
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            if match[1] == language:
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(match[2], id=f"{document.name}:{line}"))
    return found


def modules():
    """Every module; the folders are one package only when installed."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = []
    for package in settings["tool"]["setuptools"]["packages"]:
        path = importlib.import_module(package).__path__
        inside = (module.name for module in pkgutil.iter_modules(path))
        found += [package, *(f"{package}.{name}" for name in inside)]
    return sorted(set(found))


@pytest.mark.parametrize("program", blocks("python"))
def test_python_block(program, tmp_path, monkeypatch):
    for name in ("digits.npz", "digits.net"):
        shutil.copy(ROOT / "examples" / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "block.py", "exec"), {"__name__": "__main__"})


def test_the_mistake_that_the_readme_shows():
    from tulle.dsl import check
    from tulle.graph.diagnostics import Source
    from tulle.graph.report import render_all

    text = "net 1\n\ndim B\nmodel Tied(ids: f32[B, 16, 64]) -> f32[B, 16, 1000] {\n"
    text += "  param emb: f32[1000, 64] = he_normal()\n  return ids @ emb\n}\n"
    told = render_all(check(Source("tied.net", text)))
    assert f"```\n{told}\n```" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("text", blocks("net"))
def test_net_block(text, tmp_path):
    from tulle.dsl import check

    for block in blocks("net"):
        if named := re.match(r"# (\w+\.net)\n", block.values[0]):
            (tmp_path / named[1]).write_text(block.values[0])
    (tmp_path / "block.net").write_text(text)
    wanted = re.findall(r"# refused: (\w+)", text)
    found = check(tmp_path / "block.net")
    assert [d.code for d in found if d.severity == "error"] == wanted
    assert [d for d in found if d.severity == "warning"] == []


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The debugger of doctest asks for each example whether any source file changed.
    monkeypatch.setattr(linecache, "checkcache", lambda filename=None: None)
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_blocks_of_both_kinds():
    assert blocks("python")
    assert blocks("net")
