"""Machine code from LLVM IR: compiled once by content, kept in memory and on disk.

What is compiled is a fragment: the text of one function or a few, in LLVM's language,
under names that are hashes of their content. A fragment may call what others define,
those that were compiled before or are with it. LLVM comes from llvmlite.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import blas
from .translation import Translator

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

CALLED = re.compile(r"^declare [^@]*@(tulle_\w+)\(", re.MULTILINE)
MOST = 64  # files in each of the 256 folders of the cache
THREADS = 2  # that translate


def available() -> bool:
    """Whether LLVM is there to make machine code, a BLAS to call, and POSIX threads.

    `TULLE_KERNELS=numpy` in the environment says that they are not to be used.
    """
    wanted = os.environ.get("TULLE_KERNELS", "") != "numpy"
    return wanted and os.name == "posix" and not missing()


@cache
def missing() -> str:
    """The package that native code wants and that cannot be imported, or nothing."""
    for package, use in (("llvmlite", _import_llvm), ("scipy", blas.functions)):
        try:
            use()
        except ImportError:
            return package
    return ""


def _import_llvm() -> None:
    import_module("llvmlite.binding")


def made_once(make: Any) -> Any:
    """`make` without arguments, called once, by whichever thread comes first.

    `cache` alone lets threads that come together make several, and what the last one
    replaces is freed while others still run its code.
    """
    kept, lock = cache(make), threading.RLock()

    @wraps(make)
    def made() -> Any:
        if kept.cache_info().currsize:
            return kept()
        with lock:
            return kept()

    found: Any = made
    found.cache_info, found.cache_clear = kept.cache_info, kept.cache_clear
    return found


@made_once
def engine() -> Engine:
    """The one engine of this process, which is there until the process ends.

    Made while Python ends, its parts would be freed after what frees them.
    """
    found = Engine()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(found))
    return found


def _find_conversions() -> None:
    """Let LLVM's code find the conversions of float16 that the processor lacks."""
    try:
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return  # programs with float16 say what is missing


def _workers() -> ThreadPoolExecutor:
    # Where Python ends, importing it fails as starting threads does.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(THREADS)


class Engine:
    """Compiles fragments for this machine and finds their functions."""

    def __init__(self) -> None:
        self._translator = Translator()
        llvm = self._translator.llvm
        self._library = llvm.JITLibraryBuilder
        self._jit = llvm.create_lljit_compiler(self._translator.machine())
        if sys.platform == "linux" and not llvm.get_host_cpu_features().get("f16c"):
            _find_conversions()
        self._addresses: dict[str, int] = {}
        self._trackers: list[Any] = []
        self._libraries = count()  # a name is used once, also where a link failed
        self._lock = threading.RLock()
        self._folder = cache_folder()
        self._begun: dict[str, Future[tuple[bytes, bool]]] = {}
        self._workers: ThreadPoolExecutor | None = None
        self.compiled = 0  # fragments that LLVM worked on, not found in the cache

    def begin(self, fragments: Mapping[str, str]) -> None:
        """Work in other threads on what `compile` will be asked for."""
        with self._lock:
            for name, text in fragments.items():
                if name not in self._addresses and text not in self._begun:
                    try:
                        if self._workers is None:
                            self._workers = _workers()
                        self._begun[text] = self._workers.submit(self._object, text)
                    except RuntimeError:  # no thread can start, as when Python ends
                        return

    def compile(self, fragments: Mapping[str, str]) -> dict[str, int]:
        """The addresses of the functions that fragments define.

        `fragments` gives for the name of each function the text that defines it; a
        text may define several.
        """
        with self._lock:
            missing: dict[str, list[str]] = {}
            for name, text in fragments.items():
                if name not in self._addresses:
                    missing.setdefault(text, []).append(name)
            if missing:
                if len(missing) > 1:
                    self.begin(fragments)
                self._link(missing)
            return {name: self._addresses[name] for name in fragments}

    def forget_threads(self) -> None:
        """What a child made by fork has to do: it has no threads of its parent's."""
        self._begun, self._workers = {}, None

    def _link(self, texts: Mapping[str, Sequence[str]]) -> None:
        builder = self._library()
        builder.add_current_process()
        for image in self._objects(list(texts)):
            builder.add_object_img(image)
        names = [name for group in texts.values() for name in group]
        for name in names:
            builder.export_symbol(name)
        for name in set(CALLED.findall("\n".join(texts))) & self._addresses.keys():
            builder.import_symbol(name, self._addresses[name])
        tracker = builder.link(self._jit, f"tulle{next(self._libraries)}")
        self._trackers.append(tracker)
        self._addresses.update((name, tracker[name]) for name in names)

    def _objects(self, texts: Sequence[str]) -> list[bytes]:
        found = [
            self._begun.pop(text).result()
            if text in self._begun
            else self._object(text)
            for text in texts
        ]
        self.compiled += sum(fresh for _, fresh in found)
        return [image for image, _ in found]

    def _object(self, text: str) -> tuple[bytes, bool]:
        """The object code of a fragment, and whether the cache did not have it."""
        path = self._path(text)
        found = read_object(path)
        if found is not None:
            return found, False
        image = self._translator.object_code(text)
        write_object(path, image)
        return image, True

    def _path(self, text: str) -> Path | None:
        if self._folder is None:
            return None
        whole = f"{self._translator.identity}\0{text}"
        digest = hashlib.blake2b(whole.encode(), digest_size=20).hexdigest()
        return self._folder / digest[:2] / f"{digest}.o"


def _forget_threads() -> None:
    if engine.cache_info().currsize:
        engine().forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def cache_folder() -> Path | None:
    """Where object code is kept between runs: TULLE_CACHE_DIR, or the user's cache.

    An empty TULLE_CACHE_DIR keeps none.
    """
    chosen = os.environ.get("TULLE_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) / "objects" if chosen else None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(base).expanduser() / "tulle" / "objects" if base else None
    except RuntimeError:  # no home
        return None


def read_object(path: Path | None) -> bytes | None:
    """Object code from the cache; None where there is none that is whole."""
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, image = data[:20], data[20:]
    return image if digest == _digest(image) else None


def write_object(path: Path | None, image: bytes) -> None:
    """Keep object code, whole or not at all; a folder that refuses does no harm."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(image) + image)
        Path(name).replace(path)
        make_room(path.parent)
    except OSError:
        return


def make_room(folder: Path) -> None:
    """Let the oldest files of a folder go when there are many."""
    files = list(folder.iterdir())
    if len(files) > MOST:
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[: len(files) - MOST]:
            file.unlink(missing_ok=True)


def _digest(image: bytes) -> bytes:
    return hashlib.blake2b(image, digest_size=20).digest()
