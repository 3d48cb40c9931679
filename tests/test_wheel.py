"""The wheel: complete, free of strays, and it works away from the repository."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE_DIR = SETTINGS["tool"]["setuptools"]["package-dir"]
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]
DATA = {"*.py", "py.typed", "*.lark", "*.json", "*.ll", "*.cu", "*.txt"}

pytestmark = pytest.mark.slow


def run(*command: str, **options) -> str:
    """Run this Python; a failure shows what it printed."""
    result = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, **options
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing old in build/ can get in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in PACKAGE_DIR.values():
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run("-m", "build", "--no-isolation", "--outdir", str(folder), str(source))
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    run("-m", "pip", "install", *options, "--target", str(target), str(wheel))
    return target


def expected_files() -> set[str]:
    """Where each file of the mapped folders belongs in the wheel."""
    return {
        "/".join([*package.split("."), *path.relative_to(ROOT / folder).parts])
        for package, folder in PACKAGE_DIR.items()
        for pattern in DATA
        for path in (ROOT / folder).rglob(pattern)
    }


def test_holds_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = {name for name in names if ".dist-info/" not in name}
    assert files == expected_files()
    assert {"tulle/py.typed", "tulle/graph/ops/__init__.py"} <= files


def test_carries_the_licence_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.split("/", 1)[1]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }
    assert texts["licenses/LICENSE"] == (ROOT / "LICENSE").read_text()
    assert "License-Expression: Apache-2.0" in texts["METADATA"]
    assert "tulle = tulle.cli:main" in texts["entry_points.txt"]


def test_imports_from_another_folder(installed, tmp_path):
    code = f"""
import importlib, pathlib
for name in {PACKAGES!r}:
    module = importlib.import_module(name)
    print(pathlib.Path(module.__file__).resolve())
"""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    output = run("-c", code, cwd=tmp_path, env=environment)
    places = [Path(line) for line in output.splitlines()]
    assert len(places) == len(PACKAGES)
    assert all(place.is_relative_to(installed.resolve()) for place in places)
