"""Machine code from LLVM IR: compiled once by content, kept in memory and on disk.

What is compiled is a fragment: the text of one function or a few, in LLVM's language,
under names that are hashes of their content. LLVM comes from llvmlite.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tulle.backend.cpu import blas

PLAIN = "; plain\n"  # how a fragment begins that is to be compiled as it is
MOST = 64  # files in each of the 256 folders of the cache
PARALLEL = 4  # fragments from which on two threads compile


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


@cache
def engine() -> Engine:
    """The one engine of this process."""
    return Engine()


class Engine:
    """Compiles fragments for this machine and finds their functions."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.get_process_triple()
        self.cpu = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features().flatten()
        machine = self._machine()
        self.layout = str(machine.target_data)
        self._jit = llvm.create_lljit_compiler(machine)
        self._addresses: dict[str, int] = {}
        self._trackers: list[Any] = []
        self._lock = threading.RLock()
        self._folder = cache_folder()
        self.compiled = 0  # fragments that LLVM worked on, not found in the cache

    def _machine(self) -> Any:
        target = self.llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, jit=True
        )

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
                self._link(missing)
            return {name: self._addresses[name] for name in fragments}

    def _link(self, texts: Mapping[str, Sequence[str]]) -> None:
        builder = self.llvm.JITLibraryBuilder()
        builder.add_current_process()
        for image in self._objects(list(texts)):
            builder.add_object_img(image)
        names = [name for group in texts.values() for name in group]
        for name in names:
            builder.export_symbol(name)
        tracker = builder.link(self._jit, f"tulle{len(self._trackers)}")
        self._trackers.append(tracker)
        self._addresses.update((name, tracker[name]) for name in names)

    def _objects(self, texts: Sequence[str]) -> list[bytes]:
        if len(texts) < PARALLEL:
            return [self._object(text) for text in texts]
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self._object, texts))

    def _object(self, text: str) -> bytes:
        """The object code of a fragment, from the cache if it is there."""
        path = self._path(text)
        found = read_object(path)
        if found is None:
            found = self._translate(text)
            self.compiled += 1
            write_object(path, found)
        return found

    def _path(self, text: str) -> Path | None:
        if self._folder is None:
            return None
        version = ".".join(map(str, self.llvm.llvm_version_info))
        parts = (version, self.triple, self.cpu, self.features, text)
        digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=20).hexdigest()
        return self._folder / digest[:2] / f"{digest}.o"

    def _translate(self, text: str) -> bytes:
        llvm = self.llvm
        head = f'target triple = "{self.triple}"\n'
        head += f'target datalayout = "{self.layout}"\n'
        context = llvm.create_context()
        module = llvm.parse_assembly(head + text, context)
        module.verify()
        machine = self._machine()
        if text.startswith(PLAIN):
            self._tidy(module, machine)
        else:
            self._optimize(module, machine)
        image: bytes = machine.emit_object(module)
        return image

    def _optimize(self, module: Any, machine: Any) -> None:
        """All that LLVM can do."""
        options = self.llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        options.slp_vectorization = True
        builder = self.llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)

    def _tidy(self, module: Any, machine: Any) -> None:
        """What code needs whose loops and vectors are as they shall be.

        It takes a fraction of the time.
        """
        options = self.llvm.create_pipeline_tuning_options(speed_level=1)
        builder = self.llvm.create_pass_builder(machine, options)
        passes = self.llvm.create_new_function_pass_manager()
        passes.add_sroa_pass()
        passes.add_simplify_cfg_pass()
        passes.add_instruction_combine_pass()
        passes.add_loop_rotate_pass()
        passes.add_simplify_cfg_pass()
        passes.add_new_gvn_pass()
        passes.add_instruction_combine_pass()
        passes.add_dead_code_elimination_pass()
        for function in module.functions:
            if not function.is_declaration:
                passes.run(function, builder)


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
