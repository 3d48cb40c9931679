"""Measurements beside the workloads: imports, installed sizes, depth."""

import re
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from turns import Failed, Options, Process

ROOT = Path(__file__).resolve().parent.parent
DEPTHS = (10, 100, 1000, 10_000)
DEEP = ("tulle", "jax", "torch")
IMPORTS = {
    "tulle": "import tulle",
    "tulle, a model": "from tulle import Input, Model, layers, losses, optimizers",
    "jax": "import jax, jax.numpy",
    "jax, optax": "import jax, optax",
    "torch": "import torch",
    "keras": "import keras",
}
INSTALLED = {
    "tulle": ["tulle"],
    "tulle[cpu]": ["tulle[cpu]"],
    "jax, optax": ["jax", "optax"],
    "torch": ["torch"],
    "keras, tensorflow-cpu": ["keras", "tensorflow-cpu"],
}


def imports(options: Options) -> dict[str, Any]:
    """Seconds that imports take a process, beyond those of Python itself; by turns."""
    found: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(max(3, options.rounds // 2)):
        bare = run_seconds("pass", options)
        for name, code in IMPORTS.items():
            found[name].append(run_seconds(code, options) - bare)
    return {name: {"seconds": median(times)} for name, times in found.items()}


def run_seconds(code: str, options: Options) -> float:
    environment = options.environment()
    environment |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def sizes() -> dict[str, Any]:
    """Bytes on disk of distributions with all that they need."""
    rows = {}
    for name, wanted in INSTALLED.items():
        parts = closure(wanted)
        rows[name] = {"bytes": sum(parts.values()), "packages": len(parts)}
    return rows


def closure(wanted: list[str]) -> dict[str, int]:
    """The sizes of distributions and of those that they require, by name."""
    from packaging.requirements import Requirement

    found: dict[str, int] = {}
    done, queue = set(), [Requirement(name) for name in wanted]
    while queue:
        one = queue.pop()
        key = (normal(one.name), frozenset(one.extras))
        if key in done:
            continue
        done.add(key)
        distribution = metadata.distribution(one.name)
        found[normal(one.name)] = size_of(distribution)
        for text in distribution.requires or ():
            more = Requirement(text)
            extras = [{"extra": extra} for extra in ("", *one.extras)]
            if more.marker is None or any(map(more.marker.evaluate, extras)):
                queue.append(more)
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def size_of(distribution: metadata.Distribution) -> int:
    """What a distribution takes on disk; of Tulle the folders that are installed."""
    if normal(distribution.name) == "tulle":
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
        folders = settings["tool"]["setuptools"]["package-dir"].values()
        files = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
        return sum(p.stat().st_size for p in files if p.suffix != ".pyc")
    files = [distribution.locate_file(file) for file in distribution.files or ()]
    return sum(Path(f).stat().st_size for f in files if Path(f).is_file())


def scaling(options: Options, depths: tuple[int, ...] = DEPTHS) -> dict[str, Any]:
    """Chains of layers: seconds to the first step, microseconds of a step after it.

    A system that takes longer than `options.patience` is not asked for more depth.
    """
    rows: dict[str, Any] = {}
    given_up: dict[str, str] = {}
    for depth in depths:
        rows[str(depth)] = row = {}
        for system in DEEP:
            if system in given_up:
                row[system] = {"error": given_up[system]}
                continue
            process = Process(system, str(depth), options)
            try:
                row[system] = process.read()
                turns = [process.ask("turn", options.seconds) for _ in range(5)]
                row[system] |= {"us": median(turn["us"] for turn in turns)}
                row[system] |= process.ask("memory")
            except Failed as reason:
                row[system] = {"error": str(reason)}
                given_up[system] = str(reason)
            finally:
                process.close()
    return rows
