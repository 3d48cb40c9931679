"""Files that layers keep beside their variables, by `save_assets` and `load_assets`.

A layer writes into a folder of its own, and reads from one: folders that are made for
it and vanish. In the archive their files stand under the path of the layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...graph.layer import Layer
from ..archives import Archive
from .states import Saved
from .vocabularies import ASSETS


def assets_of(states: Iterable[Saved]) -> dict[str, bytes]:
    """What layers write, as members of an archive."""
    found: dict[str, bytes] = {}
    for saved in states:
        save = getattr(saved.owner, "save_assets", None)
        if not isinstance(saved.owner, Layer) or save is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            save(folder)
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    name = file.relative_to(folder).as_posix()
                    found[_within(saved.path) + name] = file.read_bytes()
    return found


def load_assets(states: Iterable[Saved], files: dict[str, bytes]) -> None:
    """Have layers read what they wrote; nobody is asked where no file is."""
    for saved in states:
        load = getattr(saved.owner, "load_assets", None)
        if not files or not isinstance(saved.owner, Layer) or load is None:
            continue
        start = _within(saved.path)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                if name.startswith(start):
                    file = Path(folder, name.removeprefix(start))
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
            load(folder)


def read_assets(archive: Archive) -> dict[str, bytes]:
    """The files of layers in an archive, which has refused names that lead out."""
    start = f"{ASSETS}/"
    names = [name for name in archive.entries if name.startswith(start)]
    return {name: archive.read(name) for name in names if not name.endswith("/")}


def _within(path: str) -> str:
    return f"{ASSETS}/{path}/" if path else f"{ASSETS}/"
