"""Run mypy over the package `tulle`: `python tools/typecheck.py [mypy options]`.

mypy does not follow setuptools' folder mapping, so this lays the folders out as the
package, as links under build/types, and gives mypy's messages the real paths back.
"""

import contextlib
import os
import re
import sys
import tomllib
from pathlib import Path

from mypy import api

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "types"
SKIPPED = {"__pycache__"}


def package_folders() -> dict[str, str]:
    """The folder of each mapped package, as pyproject.toml tells."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    mapping: dict[str, str] = settings["tool"]["setuptools"]["package-dir"]
    return mapping


def lay_out(folders: dict[str, str]) -> None:
    """Link the packages together under build/types; new files need no listing."""
    for link in TREE.rglob("*"):
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)
    for package, folder in folders.items():
        target = TREE.joinpath(*package.split("."))
        target.mkdir(parents=True, exist_ok=True)
        for path in (ROOT / folder).iterdir():
            if path.name not in SKIPPED:
                # Two runs at once make the same links.
                with contextlib.suppress(FileExistsError):
                    (target / path.name).symlink_to(path)


def real_paths(text: str, folders: dict[str, str]) -> str:
    """Replace the paths of links by those of the files."""
    for package in sorted(folders, key=len, reverse=True):
        link = TREE.relative_to(ROOT).joinpath(*package.split("."))
        text = re.sub(
            rf"^{re.escape(str(link))}/", f"{folders[package]}/", text, flags=re.M
        )
    return text


def main() -> int:
    folders = package_folders()
    lay_out(folders)
    os.chdir(ROOT)
    os.environ["MYPYPATH"] = str(TREE.relative_to(ROOT))
    output, errors, status = api.run(["-p", "tulle", *sys.argv[1:]])
    sys.stdout.write(real_paths(output, folders))
    sys.stderr.write(real_paths(errors, folders))
    return status


if __name__ == "__main__":
    sys.exit(main())
